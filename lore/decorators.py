"""Decorators: lines beginning with `@@` at the top of an entry's content (card version 3).

Blank lines among them and right behind them belong to them and never reach a prompt.

A line that is unknown here, or whose value makes no sense, is skipped, and the `@@@` lines that
follow it are tried in its place until one is known. The first of a name counts, except for
`additional_keys`, of which every one is a condition. Pure.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import msgspec

from lore.values import Role

_ROLES: Final = {"system": Role.SYSTEM, "user": Role.USER, "assistant": Role.ASSISTANT}
_PLACES: Final = ("after_desc", "before_desc", "personality", "scenario")
_PROMPTS: Final = ("system_prompt", "post_history_instructions")


class Decorators(msgspec.Struct, frozen=True, kw_only=True):
    """What the decorators of one entry say. None, 0 and () say nothing."""

    activate: bool = False
    dont_activate: bool = False
    activate_only_after: int | None = None
    activate_only_every: int | None = None
    keep_activate_after_match: bool = False
    dont_activate_after_match: bool = False
    is_greeting: int | None = None
    is_user_icon: str | None = None
    additional_keys: tuple[tuple[str, ...], ...] = ()
    exclude_keys: tuple[str, ...] = ()
    scan_depth: int | None = None
    ignore_on_max_context: bool = False
    position: str | None = None
    depth: int | None = None
    reverse_depth: int | None = None
    role: Role | None = None
    disable_ui_prompt: tuple[str, ...] = ()


NONE: Final = Decorators()


class _Unknown(Exception):
    """This line says nothing that is understood here."""


def _number(text: str) -> int:
    # A sign makes sense nowhere, and Python's own reading takes "1_0" and other scripts' digits.
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:  # noqa: PLR2004 - a billion
        raise _Unknown
    return int(text)


def _depth(text: str) -> int:
    """A place among the messages; what is under the least one means that one."""
    number = _number(text.removeprefix("-"))
    return 0 if text.startswith("-") else number


def _flag(text: str) -> bool:
    return True


def _texts(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found:
        raise _Unknown
    return found


def _text(text: str) -> str:
    if not text:
        raise _Unknown
    return text


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise _Unknown
        return text

    return read


def _role(text: str) -> Role:
    if text not in _ROLES:
        raise _Unknown
    return _ROLES[text]


def _prompts(text: str) -> tuple[str, ...]:
    return (_one_of(*_PROMPTS)(text),)


_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "activate": _flag,
    "dont_activate": _flag,
    "activate_only_after": _number,
    "activate_only_every": _number,
    "keep_activate_after_match": _flag,
    "dont_activate_after_match": _flag,
    "is_greeting": _number,
    "is_user_icon": _text,
    "additional_keys": _texts,
    "exclude_keys": _texts,
    "scan_depth": _number,
    "ignore_on_max_context": _flag,
    "position": _one_of(*_PLACES),
    "depth": _depth,
    "reverse_depth": _depth,
    "role": _role,
    "disable_ui_prompt": _prompts,
}
_REPEATED: Final = {"additional_keys", "disable_ui_prompt"}


def split(content: str) -> tuple[Decorators, str]:
    """What the decorators at the top of `content` say, and the content without them."""
    if not content.startswith("@@"):
        return NONE, content
    return _split(content)


@lru_cache(maxsize=8192)
def _split(content: str) -> tuple[Decorators, str]:
    lines = content.split("\n")
    count = _head(lines)
    found: dict[str, Any] = {}
    wants_fallback = False
    for line in filter(str.strip, lines[:count]):
        is_fallback = line.startswith("@@@")
        if is_fallback and not wants_fallback:
            continue
        try:
            _take(line.lstrip("@"), found)
            wants_fallback = False
        except _Unknown:
            wants_fallback = True
    return Decorators(**found), "\n".join(lines[count:])


def undecorated(content: str) -> str:
    """The content without its decorators, for programs that know none.

    Blank lines may stand before them here: other programs read those as decorators too.
    """
    lines = content.split("\n")
    first = next(filter(str.strip, lines), "")
    return "\n".join(lines[_head(lines) :]) if first.startswith("@@") else content


def _head(lines: list[str]) -> int:
    """How many lines at the top are decorators, or blank."""
    said = (place for place, line in enumerate(lines) if line.strip() and line[:2] != "@@")
    return next(said, len(lines))


def _take(line: str, found: dict[str, Any]) -> None:
    name, _, value = line.strip().partition(" ")
    reader = _READERS.get(name)
    if reader is None:
        raise _Unknown
    read = reader(value.strip())
    if name == "additional_keys":
        read = (read,)
    if name in _REPEATED:
        found[name] = (*found.get(name, ()), *read)
    else:
        found.setdefault(name, read)
