"""Finding what a SillyTavern data folder holds. Reads the disk; decides nothing, stores nothing.

Knows today's `data/<user>/` and the older `public/`. Items come in the order in which they must
be taken in: lorebooks, characters, personas, settings, then the groups and chats that name them.
Cards, chats and books are only named here, for their own readers to open. Nothing outside the
folder is touched: a link that leads out of it is passed over, with a reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from chats.files.reading import title_of
from chats.files.settings import Settings, Tags, read_settings, read_tags, read_worn
from core.errors import Invalid
from core.jsontext import read_json
from core.text import clean
from personas.backup import PersonaFile

CARDS: Final = (
    ".png",
    ".apng",
    ".json",
    ".charx",
    ".webp",
    ".jpg",
    ".jpeg",
    ".yaml",
    ".yml",
    ".byaf",
)
ENTRIES_MOST: Final = 200_000
SETTINGS_BYTES_MOST: Final = 32 * 1024 * 1024
GROUP_BYTES_MOST: Final = 4 * 1024 * 1024
_MARKS: Final = ("characters", "chats", "worlds", "group chats", "settings.json")
_MARKS_LEAST: Final = 2  # of a folder that nobody named
_ABOVE: Final = ("data", "SillyTavern", "SillyTavern/data")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A lorebook. `name` is what others call it by; `tags` says what ids of tags mean in it."""

    path: Path
    name: str
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A card. `name` is the stem of its file, by which chats and groups know it.

    `tags` are those that the person gave it.
    """

    path: Path
    name: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A persona, and its picture if there is one."""

    persona: PersonaFile
    picture: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFound:
    """What the settings say that means something here."""

    path: Path
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Several characters in one chat. `members` are stems of cards, `chats` titles.

    `metadata` holds, by title, the `chat_metadata` of chats that older versions kept here.
    """

    path: Path
    uid: str
    name: str
    members: tuple[str, ...]
    chats: tuple[str, ...]
    metadata: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """A chat. `character` is the stem of its card, or "" with `group` being a group's uid.

    Both are "" for a group's chat that no group knows any more.
    """

    path: Path
    title: str
    character: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Something that cannot be taken in, and why, for people."""

    path: Path
    reason: str


Item = World | Character | Persona | SettingsFound | Group | Chat | Skipped


def find_data(place: Path) -> list[Path]:
    """The data folders at or below a place a person may name: one for each user, sorted.

    Raises Invalid (`no_folder`) if there is none.
    """
    if not place.is_dir():
        raise Invalid("There is no such folder.", code="no_folder", param="folder")
    if _marks(place):
        return [place]
    parents = [place, *(place / name for name in _ABOVE)]
    users = {user for parent in parents if _is_inside(parent, place) for user in _folders(parent)}
    found = [path for path in users if _is_inside(path, place) and _marks(path) >= _MARKS_LEAST]
    if found:
        return sorted(found)
    raise Invalid(
        "This folder holds no SillyTavern data: no characters, no chats and no lorebooks.",
        code="no_folder",
        param="folder",
    )


def scan(root: Path) -> Iterator[Item]:
    """What a data folder, as `find_data` gives it, holds; in the order to take it in."""
    folder = _Folder(root)
    yield from folder.worlds()
    yield from folder.characters()
    yield from folder.settings()
    yield from folder.groups()
    yield from folder.chats()


class _Folder:
    """One user's data."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._left: list[Skipped] = []

    @cached_property
    def _settings_path(self) -> Path:
        return self._root / "settings.json"

    @cached_property
    def _settings(self) -> dict[str, Any] | None:
        path = self._settings_path
        return self._json(path, SETTINGS_BYTES_MOST) if path.is_file() else None

    @cached_property
    def _tags(self) -> Tags:
        return read_tags(self._settings) if self._settings is not None else Tags()

    def worlds(self) -> Iterator[Item]:
        for path in self._files(self._root / "worlds", (".json",)):
            yield World(path=path, name=clean(path.stem), tags=self._tags.names)
        yield from self._passed_over()

    def characters(self) -> Iterator[Item]:
        for path in self._files(self._root / "characters", CARDS):
            tags = self._tags.of.get(path.name, ())
            yield Character(path=path, name=clean(path.stem), tags=tags)
        yield from self._passed_over()

    def settings(self) -> Iterator[Item]:
        """The personas, then the settings."""
        path, root = self._settings_path, self._settings
        if root is not None:
            try:
                personas = read_worn(root)
            except Invalid as error:
                personas = []
                self._left.append(Skipped(path=path, reason=error.message))
            for persona in personas:
                yield Persona(persona=persona, picture=self._picture(persona.key))
            yield SettingsFound(path=path, settings=read_settings(root))
        yield from self._passed_over()

    def groups(self) -> Iterator[Item]:
        """The groups, each followed by its chats; then the chats that no group knows."""
        files = {title_of(p.name): p for p in self._files(self._root / "group chats", (".jsonl",))}
        for path in self._files(self._root / "groups", (".json",)):
            root = self._json(path, GROUP_BYTES_MOST)
            if root is not None:
                group = _group(path, root)
                yield group
                for title in group.chats:
                    if title in files:
                        yield Chat(path=files.pop(title), title=title, group=group.uid)
        for title, path in files.items():
            yield Chat(path=path, title=title)
        yield from self._passed_over()

    def chats(self) -> Iterator[Item]:
        for folder in self._entries(self._root / "chats"):
            for path in self._files(folder, (".jsonl",)):
                yield Chat(path=path, title=title_of(path.name), character=clean(folder.name))
        yield from self._passed_over()

    def _passed_over(self) -> Iterator[Skipped]:
        yield from self._left
        self._left = []

    def _files(self, folder: Path, endings: tuple[str, ...]) -> list[Path]:
        """The files of a folder with one of the endings, by name; none of what is no folder."""
        return [
            path
            for path in self._entries(folder)
            if path.suffix.lower() in endings and path.is_file()
        ]

    def _entries(self, folder: Path) -> list[Path]:
        """What a folder holds that may be read, by name."""
        if not folder.is_dir() or not any(self._inside([folder])):
            return []
        try:
            return list(self._inside(_entries(folder)))
        except OSError as error:
            self._left.append(Skipped(path=folder, reason=_why(error)))
            return []

    def _inside(self, paths: Iterable[Path]) -> Iterator[Path]:
        for path in paths:
            if _is_inside(path, self._root):
                yield path
            else:
                reason = "It is a link that leads nowhere or out of the folder."
                self._left.append(Skipped(path=path, reason=reason))

    def _picture(self, key: str) -> Path | None:
        """The picture of that name; a name that means another place has none."""
        if not key or key != Path(key).name or "\\" in key or "\x00" in key:
            return None
        path = self._root / "User Avatars" / key
        return path if _is_inside(path, self._root) and path.is_file() else None

    def _json(self, path: Path, bytes_most: int) -> dict[str, Any] | None:
        """The object in a file of the folder; None, and a reason kept, if there is none."""
        if not any(self._inside([path])):
            return None
        try:
            if path.stat().st_size > bytes_most:
                raise Invalid("It is too large.")
            root = read_json(path.read_bytes(), what="file", notes=[])
        except OSError as error:
            self._left.append(Skipped(path=path, reason=_why(error)))
            return None
        except Invalid as error:
            self._left.append(Skipped(path=path, reason=error.message))
            return None
        if not isinstance(root, dict):
            self._left.append(Skipped(path=path, reason="It holds no JSON object."))
            return None
        return root


def _group(path: Path, root: dict[str, Any]) -> Group:
    current = _text(root.get("chat_id"))
    metadata = root.get("past_metadata")
    known = dict(metadata) if isinstance(metadata, dict) else {}
    known.setdefault(current, root.get("chat_metadata"))
    titles = dict.fromkeys((*_texts(root.get("chats")), current))
    return Group(
        path=path,
        uid=_text(root.get("id")) or clean(path.stem),
        name=_text(root.get("name")) or clean(path.stem),
        members=tuple(Path(member).stem for member in _texts(root.get("members"))),
        chats=tuple(title for title in titles if title),
        metadata={title: said for title, said in known.items() if title and isinstance(said, dict)},
    )


def _why(error: OSError) -> str:
    return f"It cannot be read: {error.strerror or error}."


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [text for item in value if (text := _text(item))] if isinstance(value, list) else []


def _marks(folder: Path) -> int:
    """How many things a folder holds that a data folder would."""
    return sum((folder / name).exists() for name in _MARKS)


def _is_inside(path: Path, root: Path) -> bool:
    """Whether a path is there and, links followed, still below `root`."""
    try:
        return path.resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError):
        return False


def _folders(parent: Path) -> list[Path]:
    return [path for path in _entries(parent) if path.is_dir()] if parent.is_dir() else []


def _entries(folder: Path) -> list[Path]:
    """What a folder holds, by name, but nothing hidden. Raises Invalid for an endless one."""
    found: list[Path] = []
    for path in folder.iterdir():
        if not path.name.startswith("."):
            found.append(path)
        if len(found) > ENTRIES_MOST:
            raise Invalid(
                f"A folder holds more than {ENTRIES_MOST} files.", code="folder_too_large"
            )
    return sorted(found)
