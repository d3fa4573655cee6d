"""Which stretches of a path are summed up: a fixed grid, so that everybody cuts alike. Pure.

A summary of level 0 is written from messages: those of a block of 16 positions, or of a half, a
quarter and so on of it while they are too long. One of level n covers eight blocks of the level
below.
"""

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple

BLOCK: Final = 16
FAN: Final = 8
SPAN_TOKENS: Final = 2_000
LEVELS: Final = 5
"""Enough for half a million messages."""


class Span(NamedTuple):
    """Positions `first` to `last` of a path, both included."""

    first: int
    last: int


def size_of(level: int) -> int:
    """How many positions a whole block of a level covers."""
    return int(BLOCK * FAN**level)


def missing(level: int, there: Collection[Span], below: Collection[Span], to: int) -> list[Span]:
    """The blocks of a level before position `to` that are not covered by what is `there`.

    From level 1 on, only those whose parts are all written: they are covered by `below`.
    """
    size = size_of(level)
    tiled, parts = _starts(there), _starts(below)
    found = []
    for first in range(0, to - size + 1, size):
        block = Span(first, first + size - 1)
        if not covers(tiled, block) and (level == 0 or covers(parts, block)):
            found.append(block)
    return found


def covers(starts: dict[int, int], block: Span) -> bool:
    """Whether spans, from their first position to their last, lie side by side over a block."""
    at = block.first
    while at <= block.last:
        last = starts.get(at)
        if last is None or last > block.last:
            return False
        at = last + 1
    return True


def _starts(spans: Collection[Span]) -> dict[int, int]:
    return dict(spans)


def cut(block: Span, there: Collection[Span], tokens_of: Callable[[Span], int]) -> list[Span]:
    """How a block of level 0 is cut: what of it is still to be written, the oldest first."""
    return list(_halves(block, set(there), tokens_of))


def _halves(span: Span, there: set[Span], tokens_of: Callable[[Span], int]) -> Iterator[Span]:
    if span in there:
        return
    is_started = any(span.first <= other.first and other.last <= span.last for other in there)
    if span.first == span.last or (not is_started and tokens_of(span) <= SPAN_TOKENS):
        yield span
        return
    middle = (span.first + span.last) // 2
    yield from _halves(Span(span.first, middle), there, tokens_of)
    yield from _halves(Span(middle + 1, span.last), there, tokens_of)
