"""What is wrong with keys, told while somebody types them. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from lore import patterns
from lore.patterns import Clock, Pattern

_SHOWN_MOST: Final = 20
_PROBES: Final = tuple(
    unit * (3_000 // len(unit)) + "!" for unit in ("a", "ab", "1", " ", "a ", "the old lamp ", "-")
)
"""Texts on which patterns that try too many ways run out of time."""


class Problem(msgspec.Struct, frozen=True):
    """One key and what is wrong with it, as a sentence."""

    key: str
    words: str


def problems(keys: Iterable[str], *, use_regex: bool = False) -> list[Problem]:
    """The keys that will not do what they look like. Takes at most a quarter of a second."""
    clock = Clock()
    found: list[Problem] = []
    for key in dict.fromkeys(key for key in keys if key):
        if len(found) < _SHOWN_MOST and (words := _wrong(key, clock, use_regex=use_regex)):
            found.append(Problem(key, words))
    return found


def _wrong(key: str, clock: Clock, *, use_regex: bool) -> str:
    if use_regex:
        pattern = patterns.bare(key)
        if pattern is None:
            return f"This is no pattern: {patterns.why_literal(key) or 'a syntax error'}."
    else:
        if why := patterns.why_literal(key):
            return f"This looks like a pattern but is taken word for word: {why}."
        pattern = patterns.parse(key)
    return _slow(key, pattern, clock) if pattern else ""


def _slow(key: str, pattern: Pattern, clock: Clock) -> str:
    for probe in _PROBES:
        clock.find(key, pattern, probe)
        if "too long" in clock.slow.get(key, ""):
            return "This pattern can take so long that it is stopped and then counts as not found."
    return ""
