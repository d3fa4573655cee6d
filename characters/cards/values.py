"""What a card is once it is read, and the bounds that every container shares. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from core.errors import Invalid

FILE_BYTES_MOST: Final = 24 * 1024 * 1024
# An archive holds pictures and sounds beside the card; so much it may be, packed and unpacked.
ARCHIVE_BYTES_MOST: Final = 64 * 1024 * 1024
CARD_BYTES_MOST: Final = 12 * 1024 * 1024
PIXELS_MOST: Final = 50_000_000
NAME_CHARS_MOST: Final = 200

TEXT_FIELDS: Final = (
    "nickname",
    "description",
    "personality",
    "scenario",
    "first_mes",
    "mes_example",
    "creator_notes",
    "system_prompt",
    "post_history_instructions",
    "creator",
    "character_version",
)
LIST_FIELDS: Final = ("alternate_greetings", "group_only_greetings", "source")
V1_FIELDS: Final = ("description", "personality", "scenario", "first_mes", "mes_example")
# What a card knows beside the fields of its specification.
BESIDE_DATA: Final = frozenset(
    {"unknown", "spec", "picture", "media_type", "asset_files", "other_files", "notes"}
)

NoteKind = Literal["read", "repaired", "ignored"]


@dataclass(frozen=True, slots=True)
class Note:
    """One line of what happened while a card was read: what it was, mended or left aside."""

    kind: NoteKind
    text: str

    def __str__(self) -> str:
        return self.text


class Member(NamedTuple):
    """A file that came with a card.

    `path` is its path in the archive, or `__asset:N` for one from a picture's text chunks.
    """

    path: str
    data: bytes


@dataclass(kw_only=True)
class Card:
    """A character as a card says it. Names are the specification's.

    `spec` says what was read: chara_card_v1, _v2 or _v3, or pygmalion, ooba, character_ai, byaf.
    `picture` is the main icon, in whatever picture format it came; it is also in `asset_files`
    if an archive held it there. `asset_files` are the files that `assets` may point to, and
    `other_files` are an archive's remaining members, kept for the programs that know them.
    """

    name: str
    nickname: str = ""
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_mes: str = ""
    mes_example: str = ""
    creator_notes: str = ""
    creator_notes_multilingual: dict[str, str] = field(default_factory=dict)
    system_prompt: str = ""
    post_history_instructions: str = ""
    alternate_greetings: list[str] = field(default_factory=list)
    group_only_greetings: list[str] = field(default_factory=list)
    character_book: dict[str, Any] | None = None
    creator: str = ""
    character_version: str = ""
    tags: list[str] = field(default_factory=list)
    assets: list[Any] | None = None
    source: list[str] = field(default_factory=list)
    creation_date: int | None = None
    modification_date: int | None = None
    extensions: dict[str, Any] = field(default_factory=dict)
    unknown: dict[str, Any] = field(default_factory=dict)
    spec: str = "chara_card_v3"
    picture: bytes | None = None
    media_type: str = "application/json"
    asset_files: list[Member] = field(default_factory=list)
    other_files: list[Member] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def refuse(message: str, code: str) -> Invalid:
    """The error for a file that makes no card; `message` is one line for people."""
    return Invalid(message, code=code, param="file")


def named(paths: list[str], most: int = 3) -> str:
    """The first few of these paths and how many more there are, for a note."""
    told = ", ".join(f"`{path[:60]}`" for path in paths[:most])
    return told + (f" and {len(paths) - most} more" if len(paths) > most else "")
