"""A chat as a file says it: the union of what the formats in use can hold. Pure: no models.

Names and numbers are SillyTavern's where it has them. Times are in UTC.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

FILE_BYTES_MOST: Final = 64 * 1024 * 1024
MESSAGES_MOST: Final = 200_000
TEXT_CHARS_MOST: Final = 1024 * 1024
SWIPES_MOST: Final = 500
NAME_CHARS_MOST: Final = 200
NOTES_MOST: Final = 100

MessageRole = Literal["user", "assistant", "system"]


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An author's note. Defaults are SillyTavern's.

    `interval` counts user messages, 0 switches the note off. `position` is 0 after the main
    prompt, 1 in the chat at `depth`, 2 before the main prompt; `role` 0 system, 1 user,
    2 assistant.
    """

    prompt: str = ""
    interval: int = 1
    depth: int = 4
    position: int = 1
    role: int = 0


class Swipe(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a message."""

    content: str = ""
    sent_at: datetime | None = None
    extra: dict[str, Any] = {}
    unknown: dict[str, Any] = {}


class FileMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. Where there are swipes, `content` is that of `swipes[swipe_index]`.

    `hidden` messages are shown to people and kept from the model. `unknown` holds keys that no
    field here says; a date that could not be read stays in it as it was.
    """

    role: MessageRole
    name: str = ""
    content: str = ""
    sent_at: datetime | None = None
    hidden: bool = False
    swipes: tuple[Swipe, ...] = ()
    swipe_index: int = 0
    extra: dict[str, Any] = {}
    unknown: dict[str, Any] = {}


class ChatFile(msgspec.Struct, frozen=True, kw_only=True):
    """One chat.

    `title` is the file's name without its ending; `parent` the title of the chat that this one
    branched off. `persona` names a picture, as persona backups do; `world_info` a lorebook.
    `timed` says which lore is sticky or cooling down. `unknown` holds what no field says, for
    export: {"header": keys of the first line, "metadata": keys of its chat_metadata}. `form` is
    the format it was read from; `notes` say what was mended or left out, for people.
    """

    title: str = ""
    user_name: str = ""
    character_name: str = ""
    created_at: datetime | None = None
    messages: tuple[FileMessage, ...] = ()
    note: Note | None = None
    scenario: str = ""
    persona: str = ""
    world_info: str = ""
    variables: dict[str, Any] = {}
    timed: dict[str, Any] = {}
    parent: str = ""
    integrity: str = ""
    unknown: dict[str, dict[str, Any]] = {}
    form: str = "sillytavern"
    notes: tuple[str, ...] = ()


class Notes:
    """Collects notes for people, and no more of them than anybody would read."""

    def __init__(self) -> None:
        self._kept: list[str] = []
        self._more = 0

    def add(self, note: str) -> None:
        if len(self._kept) < NOTES_MOST:
            self._kept.append(note)
        else:
            self._more += 1

    def all(self) -> tuple[str, ...]:
        rest = [f"And {self._more} more notes like these."] if self._more else []
        return (*self._kept, *rest)
