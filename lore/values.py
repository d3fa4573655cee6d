"""A lorebook and its entries as values: the union of what the formats in use can say.

Field names follow SillyTavern's world info, in snake case, where it has a name; otherwise the
card specification's. Numbers of the enumerations are SillyTavern's own. Pure: no models.
"""

from enum import IntEnum
from typing import Any, Final

import msgspec

DEPTH_MOST: Final = 1000


class Logic(IntEnum):
    """How secondary keys narrow an entry that one of its keys has called up."""

    AND_ANY = 0
    NOT_ALL = 1
    NOT_ANY = 2
    AND_ALL = 3


class Position(IntEnum):
    """Where in the prompt an entry's text goes."""

    BEFORE_CHARACTER = 0
    AFTER_CHARACTER = 1
    NOTE_TOP = 2
    NOTE_BOTTOM = 3
    AT_DEPTH = 4
    EXAMPLES_TOP = 5
    EXAMPLES_BOTTOM = 6
    OUTLET = 7


class Role(IntEnum):
    """Who says a text that is placed at a depth."""

    SYSTEM = 0
    USER = 1
    ASSISTANT = 2


class CharacterFilter(msgspec.Struct, frozen=True):
    """With whom an entry is (or, with `is_exclude`, is not) in play. Empty: with everybody."""

    is_exclude: bool = False
    names: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of lore. Defaults are those of a new entry in SillyTavern.

    None for `scan_depth`, `case_sensitive`, `match_whole_words` and `use_group_scoring` follows
    the settings. `use_regex` is set only where the rules of version 3 hold: then every key is a
    pattern, and secondary keys and `constant` mean nothing. `delay_until_recursion` is a level,
    0 for none. `unknown` holds what no field here says, for export.
    """

    uid: int
    keys: tuple[str, ...] = ()
    secondary_keys: tuple[str, ...] = ()
    name: str = ""
    comment: str = ""
    content: str = ""
    enabled: bool = True
    constant: bool = False
    vectorized: bool = False
    selective: bool = True
    selective_logic: Logic = Logic.AND_ANY
    use_regex: bool = False
    order: int = 100
    priority: int | None = None
    position: Position = Position.BEFORE_CHARACTER
    depth: int = 4
    role: Role = Role.SYSTEM
    outlet_name: str = ""
    scan_depth: int | None = None
    case_sensitive: bool | None = None
    match_whole_words: bool | None = None
    ignore_budget: bool = False
    exclude_recursion: bool = False
    prevent_recursion: bool = False
    delay_until_recursion: int = 0
    probability: int = 100
    use_probability: bool = True
    group: str = ""
    group_override: bool = False
    group_weight: int = 100
    use_group_scoring: bool | None = None
    sticky: int | None = None
    cooldown: int | None = None
    delay: int | None = None
    match_persona_description: bool = False
    match_character_description: bool = False
    match_character_personality: bool = False
    match_character_depth_prompt: bool = False
    match_scenario: bool = False
    match_creator_notes: bool = False
    character_filter: CharacterFilter = CharacterFilter()
    triggers: tuple[str, ...] = ()
    automation_id: str = ""
    add_memo: bool = False
    display_index: int | None = None
    unknown: dict[str, Any] = {}


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """A lorebook. `scan_depth`, `token_budget` and `recursive_scanning` of None follow the chat.

    `unknown` holds what no field here says, for export; `form` is the format it was read from.
    """

    name: str = ""
    description: str = ""
    scan_depth: int | None = None
    token_budget: int | None = None
    recursive_scanning: bool | None = None
    extensions: dict[str, Any] = {}
    entries: tuple[Entry, ...] = ()
    unknown: dict[str, Any] = {}
    form: str = ""


def stored_book(value: Any) -> Book:
    """The book in JSON that `msgspec.to_builtins` made of one."""
    return msgspec.convert(value, Book, strict=False)
