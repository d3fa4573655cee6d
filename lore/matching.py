"""Finding keys in text: all literal keys of a book in one pass, patterns one by one.

A compiled book holds an automaton of its literal keys, so that a scan costs what the text and
its hits cost, and not what the book holds. Pure.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import ahocorasick

from lore.patterns import Pattern, bare, parse

# Scripts that put no blanks between words: there, a word's edge cannot be seen.
_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x0F00, 0x0FFF),  # Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x11FF),  # Hangul Jamo
    (0x1780, 0x17FF),  # Khmer
    (0x2E80, 0x9FFF),  # CJK radicals, Kana, Bopomofo, Hangul, unified ideographs
    (0xA960, 0xA97F),
    (0xAC00, 0xD7FF),  # Hangul
    (0xF900, 0xFAFF),
    (0xFF66, 0xFFDC),  # half-width Kana and Hangul
    (0x20000, 0x3FFFF),
)
ENDINGS_MOST: Final = 8
LONG_KEY_CHARS: Final = 256
"""Longer keys are looked for one by one: an automaton needs some sixty bytes a character."""
_STARTS: Final = [start for start, _ in _UNSPACED]


@lru_cache(maxsize=8192)
def is_unspaced(char: str) -> bool:
    """Whether this character belongs to a script that is written without blanks."""
    index = bisect_right(_STARTS, ord(char)) - 1
    return index >= 0 and ord(char) <= _UNSPACED[index][1]


@lru_cache(maxsize=8192)
def continues_word(char: str) -> bool:
    """Whether a word goes on with this character: a letter, digit, mark or underscore."""
    if is_unspaced(char) or _is_selector(char):
        return False
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"


def _is_selector(char: str) -> bool:
    """Whether it only says how the sign before it looks, as in most emoji."""
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` stands as a word of its own.

    At a side that is of a script without blanks, any neighbour will do.
    """
    goes_on_before = start > 0 and continues_word(text[start - 1])
    if goes_on_before and not is_unspaced(text[start]):
        return False
    goes_on_behind = end < len(text) and continues_word(text[end])
    return not goes_on_behind or is_unspaced(text[end - 1])


def lower(text: str) -> str:
    """Lower case, keeping every character at its place."""
    if "\u0130" not in text:
        return text.lower()
    # The dotted capital I alone becomes two characters; it stays as it is.
    return "\u0130".join(part.lower() for part in text.split("\u0130"))


class Key:
    """One key of an entry, ready to be looked for. `text` is as its author wrote it.

    Either `pattern` is set, or `literal` is what to find, or `has_macro` says that it has to be
    expanded first. A key without any of these never matches. A book's automaton looks for its
    literals; those that are `is_alone` are looked for one by one.
    """

    __slots__ = (
        "has_macro",
        "is_alone",
        "is_word",
        "literal",
        "lowered",
        "pattern",
        "text",
    )

    def __init__(self, text: str, *, use_regex: bool = False, is_expanded: bool = False) -> None:
        self.text = text
        trimmed = text.strip()
        self.is_alone = is_expanded
        may_expand = not use_regex and not is_expanded
        self.has_macro = may_expand and ("{{" in trimmed or "<" in trimmed)
        self.pattern: Pattern | None = bare(trimmed) if use_regex else parse(trimmed)
        self.literal = "" if self.pattern or use_regex or self.has_macro else trimmed
        self.lowered = lower(self.literal)
        # Only a single word can be asked to stand alone.
        self.is_word = len(trimmed.split()) == 1


@lru_cache(maxsize=4096)
def expanded(text: str) -> Key:
    """A key whose macros have been replaced."""
    return Key(text, is_expanded=True)


@dataclass(slots=True)
class Hits:
    """Where one literal key stands first in a text, by how it may be looked for.

    `exact` holds the same for each way of writing that occurred, for case-sensitive keys.
    """

    anywhere: int
    whole: int | None = None
    exact: dict[str, tuple[int, int | None]] = field(default_factory=dict)


class Words:
    """The literal keys of one book. Marks those that it leaves out as `is_alone`."""

    def __init__(self, keys: Iterable[Key]) -> None:
        keys = [key for key in keys if key.lowered]
        words = {key.lowered for key in keys}
        alone = {word for word in words if len(word) > LONG_KEY_CHARS}
        alone |= _nested(words - alone)
        for key in keys:
            key.is_alone = key.lowered in alone
        self._automaton: Any = ahocorasick.Automaton()
        for word in words - alone:
            self._automaton.add_word(word, word)
        self._is_empty = len(self._automaton) == 0
        if not self._is_empty:
            self._automaton.make_automaton()

    def find(self, text: str, lowered: str, found: dict[str, Hits], offset: int) -> list[str]:
        """Add the keys that occur in `text`, lower-cased, to what was found before it.

        `lowered` is `lower(text)`; `offset` is what to add to every place. Returns the keys that
        had not been found before, or not as whole words.
        """
        fresh: list[str] = []
        if self._is_empty:
            return fresh
        for last, word in self._automaton.iter(lowered):
            start = last - len(word) + 1
            hits = found.get(word)
            if hits is None:
                hits = found[word] = Hits(offset + start)
                fresh.append(word)
            written = text[start : last + 1]
            seen = hits.exact.get(written)
            if hits.whole is not None and seen is not None and seen[1] is not None:
                continue
            whole = offset + start if is_whole(text, start, last + 1) else None
            if hits.whole is None and whole is not None:
                hits.whole = whole
                fresh.append(word)
            if seen is None:
                hits.exact[written] = (offset + start, whole)
            elif seen[1] is None:
                hits.exact[written] = (seen[0], whole)
        return fresh


def _nested(words: set[str]) -> set[str]:
    """The words that end in many others, all of which an automaton would report each time."""
    nested: set[str] = set()
    endings: list[str] = []
    for backwards in sorted(word[::-1] for word in words):
        while endings and not backwards.startswith(endings[-1]):
            endings.pop()
        if len(endings) >= ENDINGS_MOST:
            nested.add(backwards[::-1])
        else:
            endings.append(backwards)
    return nested


def place(hits: Hits, key: Key, *, case_sensitive: bool, whole_words: bool) -> int | None:
    """Where this key first stands in the text that `hits` are of, or None."""
    whole_words = whole_words and key.is_word
    if not case_sensitive:
        return hits.whole if whole_words else hits.anywhere
    first, whole = hits.exact.get(key.literal, (None, None))
    return whole if whole_words else first


def find_literal(
    text: str, lowered: str, key: Key, *, case_sensitive: bool, whole_words: bool
) -> int | None:
    """The same for one key in one text, without an automaton."""
    needle = key.literal if case_sensitive else key.lowered
    if not needle:
        return None
    haystack = text if case_sensitive else lowered
    at = haystack.find(needle)
    while whole_words and key.is_word and at >= 0 and not is_whole(text, at, at + len(needle)):
        at = haystack.find(needle, at + 1)
    return None if at < 0 else at
