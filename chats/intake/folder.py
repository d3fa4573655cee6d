"""A SillyTavern data folder, with what binds its parts together."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from characters.models import Character
from characters.queries import owned_by as characters_of
from chats.files import ChatFile, folder
from chats.files.header import read_header
from chats.files.values import Notes
from chats.importing import Given
from chats.intake.lineages import Brought, lineages, noted, open_line
from chats.intake.outcomes import Outcome, Status
from chats.intake.personas import take_persona
from chats.intake.preferences import take_settings
from chats.intake.sources import Source, source_at
from chats.intake.taking import Taker
from core.errors import Invalid, ReverieError
from core.text import clean

_METADATA: Final = (
    "note", "scenario", "persona", "world_info", "variables", "timed", "parent", "integrity",
)  # fmt: skip
_OF_GROUP: Final = (
    "It was a group's chat. All that was said is kept under each speaker's name; from here on"
    " only {} answers."
)
_GROUP: Final = (
    "A group itself is not kept: who was in it, who spoke when and its own prompts. Its chats are,"
    " each with the character who said the most."
)
_KINDS: Final[dict[type, str]] = {
    folder.World: "lorebook",
    folder.Character: "character",
    folder.Persona: "persona",
    folder.SettingsFound: "settings",
}


def take_folder(taker: Taker, items: Iterable[folder.Item]) -> Iterator[Outcome]:
    """Take in what `chats.files.folder.scan` found, in its order. An outcome for each item."""
    yield from _Folder(taker).take(items)


class _Folder:
    """The chats of one character, or group, wait until all of them are known."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker
        self._groups: dict[str, folder.Group] = {}
        self._waiting: list[folder.Chat] = []

    def take(self, items: Iterable[folder.Item]) -> Iterator[Outcome]:
        for item in items:
            if self._waiting and not _goes_with(self._waiting[-1], item):
                yield from self._take_waiting()
            if isinstance(item, folder.Chat):
                self._waiting.append(item)
            else:
                yield self._guarded(item)
        yield from self._take_waiting()

    def _guarded(self, item: folder.Item) -> Outcome:
        try:
            return self._take_one(item)
        except ReverieError as error:
            return Outcome(
                path=_path(item),
                kind=_KINDS.get(type(item), "file"),
                status=Status.FAILED,
                message=error.message,
            )

    def _take_one(self, item: folder.Item) -> Outcome:
        if isinstance(item, folder.World):
            return _read(item.path, partial(self._taker.take_book, tags=item.tags))
        if isinstance(item, folder.Character):
            return _read(item.path, partial(self._taker.take_card, tags=item.tags))
        if isinstance(item, folder.Persona):
            return take_persona(self._taker, _path(item), item.persona, item.picture)
        if isinstance(item, folder.SettingsFound):
            return take_settings(self._taker, _path(item), item.settings)
        if isinstance(item, folder.Group):
            self._groups[item.uid] = item
            return _passed_over(item, "group", _GROUP, item.name)
        assert isinstance(item, folder.Skipped)
        return _passed_over(item, "file", item.reason)

    def _take_waiting(self) -> Iterator[Outcome]:
        chats, self._waiting = self._waiting, []
        if not chats:
            return
        group = self._groups.get(chats[0].group)
        sources = []
        for chat in chats:
            try:
                sources.append(source_at(chat.path))
            except Invalid as error:
                yield _failed(_path(chat), error)
        for line, note in lineages(sources):
            brought, failed = open_line(line)
            yield from failed
            if brought:
                yield from noted(self._take_line(chats[0], group, brought), note)

    def _take_line(
        self, chat: folder.Chat, group: folder.Group | None, brought: Brought
    ) -> Iterator[Outcome]:
        """Chats that belong together, with the character of their folder or of their group."""
        try:
            if chat.character:
                character = self._find(chat.character)
                yield from self._taker.take_chats(character, brought)
                return
            if group is not None:
                brought = [(source, _with_metadata(one, group)) for source, one in brought]
            character = self._most_heard(group, brought)
            outcomes = self._taker.take_chats(character, brought)
        except ReverieError as error:
            yield from (_failed(source.path, error) for source, _ in brought)
            return
        note = _OF_GROUP.format(character.name if character else "one of them")
        yield from noted(outcomes, note)

    def _find(self, stem: str) -> Character | None:
        """The character of that card; None if a dry run would have made it. Raises Invalid."""
        if stem in self._taker.people:
            return self._taker.people[stem]
        found = characters_of(self._taker.owner).filter(name=stem).order_by("-pk").first()
        if found is None:
            raise Invalid(
                f"There is no card for “{stem}”. Import a character of that name, then run this"
                " again.",
                code="character_not_found",
            )
        return found

    def _most_heard(self, group: folder.Group | None, brought: Brought) -> Character | None:
        """The character who said the most, among the group's if it is known. Raises Invalid."""
        said: Counter[str] = Counter()
        for _, one in brought:
            said.update(_speakers(one.file))
        members = [*group.members] if group is not None else []
        for stem in [*(stem for stem, _ in said.most_common()), *members]:
            if stem in self._taker.people and (not members or self._is_one(stem, members)):
                return self._taker.people[stem]
        raise Invalid(
            "Nobody who speaks in this group's chat has a card here.", code="character_not_found"
        )

    def _is_one(self, name: str, members: list[str]) -> bool:
        """Whether a stem, or a name, is that of a member."""
        known = self._taker.people
        return name in members or any(
            known.get(stem) is not None and known[stem] == known[name] for stem in members
        )


def _goes_with(chat: folder.Chat, item: folder.Item) -> bool:
    return isinstance(item, folder.Chat) and (item.character, item.group) == (
        chat.character,
        chat.group,
    )


def _read(path: Path, take: Callable[[Source, bytes], Outcome]) -> Outcome:
    source = source_at(path)
    return take(source, source.read())


def _path(item: folder.Item) -> str:
    if isinstance(item, folder.Persona):
        return f"settings.json: {item.persona.key or item.persona.name}"
    return clean(str(item.path))


def _passed_over(item: folder.Item, kind: str, reason: str, name: str = "") -> Outcome:
    return Outcome(path=_path(item), kind=kind, status=Status.SKIPPED, name=name, message=reason)


def _failed(path: str, error: ReverieError) -> Outcome:
    return Outcome(path=path, kind="chat", status=Status.FAILED, message=error.message)


def _speakers(file: ChatFile) -> Iterator[str]:
    """Who says each reply: the stem of the speaker's card if the file tells it, else the name."""
    for message in file.messages:
        if message.role == "assistant":
            avatar = message.unknown.get("original_avatar")
            yield Path(avatar).stem if isinstance(avatar, str) and avatar else message.name


def _with_metadata(one: Given, group: folder.Group) -> Given:
    """A chat with what older versions kept of it in the group's own file."""
    metadata = group.metadata.get(one.file.title)
    if metadata is None:
        return one
    header = read_header({"chat_metadata": metadata}, Notes())
    changes: dict[str, Any] = {
        field: getattr(header, field) for field in _METADATA if not getattr(one.file, field)
    }
    unknown = {
        part: {**header.unknown.get(part, {}), **one.file.unknown.get(part, {})}
        for part in {**header.unknown, **one.file.unknown}
    }
    return Given(msgspec.structs.replace(one.file, **changes, unknown=unknown), one.digest)
