"""What macros read, and what comes out of expanding a text."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec


def unknown() -> None:
    """What nobody looked up."""


class MacroContext(msgspec.Struct, frozen=True):
    """Everything a macro may tell. What is None or "" is simply not known.

    `now` is aware and in the reader's own time zone; without it time macros stay as written.
    `seed` is the chat's uid, `message` the uid of the message being written, `reroll` which
    try of it this is. `pick_seed` is changed only when somebody asks for new picks.
    Swipe ids count from one. What is a function has to be looked up: it is called only where a
    text asks for it, and gives the same each time. Variables of other chats must not be handed in.
    """

    char: str
    user: str
    persona: str = ""
    description: str = ""
    personality: str = ""
    scenario: str = ""
    char_prompt: str = ""
    char_instruction: str = ""
    char_depth_prompt: str = ""
    char_version: str = ""
    creator_notes: str = ""
    first_messages: tuple[str, ...] = ()
    mes_examples: str = ""
    original: str | None = None
    group: tuple[str, ...] = ()
    group_not_muted: tuple[str, ...] = ()
    last_message: str = ""
    last_user_message: str = ""
    last_char_message: str = ""
    last_message_id: int | None = None
    first_included_message_id: Callable[[], int | None] = unknown
    current_swipe_id: Callable[[], int | None] = unknown
    last_swipe_id: Callable[[], int | None] = unknown
    summary: str = ""
    authors_note: str = ""
    outlets: Mapping[str, str] = {}
    now: datetime | None = None
    idle: timedelta | None = None
    model: str = ""
    max_prompt: int | None = None
    input: str = ""
    seed: str = ""
    reroll: int = 0
    pick_seed: int = 0
    message: str = ""
    variables: Mapping[str, str] = {}
    global_variables: Mapping[str, str] = {}

    @property
    def is_group(self) -> bool:
        return bool(self.group)


class Changes(msgspec.Struct, frozen=True):
    """Variables that have another value than before, by name. None means deleted."""

    local: dict[str, str | None] = {}
    shared: dict[str, str | None] = {}

    def __bool__(self) -> bool:
        return bool(self.local or self.shared)


class Expanded(msgspec.Struct, frozen=True):
    """A text after its macros.

    `hidden_keys` are not in the text, yet lorebooks scan them in recursion. `comments` are
    shown to the user. `banned` are strings that the model should not write.
    """

    text: str
    variables: Changes = Changes()
    hidden_keys: tuple[str, ...] = ()
    comments: tuple[str, ...] = ()
    banned: tuple[str, ...] = ()
