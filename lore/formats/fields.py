"""The fields of an entry that SillyTavern's files and card extensions share. Pure."""

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final, NamedTuple

from lore.formats.reading import WHOLE_MOST, Reader
from lore.values import DEPTH_MOST, Entry

Read = Callable[[Reader, str, Any], Any]


class Field(NamedTuple):
    """A field of Entry: its name here, how it is read, its names in files."""

    name: str
    read: Read
    sillytavern: str
    extension: str


DEFAULTS: Final = Entry(uid=0)


def _flag(reader: Reader, name: str, default: bool) -> bool:
    return reader.flag(name, default)


def _maybe_flag(reader: Reader, name: str, default: bool | None) -> bool | None:
    return reader.maybe_flag(name, default)


def _text(reader: Reader, name: str, default: str) -> str:
    return reader.text(name, default)


def _texts(reader: Reader, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return reader.texts(name, default)


def _choice(reader: Reader, name: str, default: IntEnum) -> IntEnum:
    return reader.choice(name, default)


def _whole(most: int, least: int = 0) -> Read:
    def read(reader: Reader, name: str, default: int) -> int:
        return reader.whole(name, default, least=least, most=most)

    return read


def _maybe_whole(most: int, least: int = 0) -> Read:
    def read(reader: Reader, name: str, default: int | None) -> int | None:
        return reader.maybe_whole(name, default, least=least, most=most)

    return read


def _level(reader: Reader, name: str, default: int) -> int:
    """A level of recursion; older files say true for the first and false for none."""
    value = reader.data.get(name)
    if isinstance(value, bool):
        return int(value)
    return reader.whole(name, default, least=0, most=WHOLE_MOST)


_FLAGS: Final = (
    "vectorized",
    "ignore_budget",
    "exclude_recursion",
    "prevent_recursion",
    "group_override",
    "match_persona_description",
    "match_character_description",
    "match_character_personality",
    "match_character_depth_prompt",
    "match_scenario",
    "match_creator_notes",
)
_MAYBE_FLAGS: Final = ("case_sensitive", "match_whole_words", "use_group_scoring")
_TEXTS: Final = ("outlet_name", "group", "automation_id")
_SPANS: Final = ("sticky", "cooldown", "delay")


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def _fields(names: tuple[str, ...], read: Read) -> list[Field]:
    return [Field(name, read, _camel(name), name) for name in names]


FIELDS: Final = (
    Field("position", _choice, "position", "position"),
    Field("depth", _whole(DEPTH_MOST), "depth", "depth"),
    Field("role", _choice, "role", "role"),
    Field("selective_logic", _choice, "selectiveLogic", "selectiveLogic"),
    Field("probability", _whole(100), "probability", "probability"),
    Field("use_probability", _flag, "useProbability", "useProbability"),
    *_fields(("delay_until_recursion",), _level),
    *_fields(("group_weight",), _whole(WHOLE_MOST)),
    *_fields(("scan_depth",), _maybe_whole(DEPTH_MOST)),
    *_fields(("display_index",), _maybe_whole(WHOLE_MOST, -WHOLE_MOST)),
    *_fields(("triggers",), _texts),
    *_fields(_FLAGS, _flag),
    *_fields(_MAYBE_FLAGS, _maybe_flag),
    *_fields(_TEXTS, _text),
    *_fields(_SPANS, _maybe_whole(WHOLE_MOST)),
)


def default_of(name: str) -> Any:
    """What a new entry has in this field."""
    return getattr(DEFAULTS, name)


def plain(value: Any) -> Any:
    """The value as JSON has it."""
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, IntEnum) else value


def order(reader: Reader, name: str) -> int:
    return reader.whole(name, DEFAULTS.order, least=-WHOLE_MOST, most=WHOLE_MOST)


def priority(reader: Reader, name: str) -> int | None:
    return reader.maybe_whole(name, least=-WHOLE_MOST, most=WHOLE_MOST)
