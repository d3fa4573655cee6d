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
_STARTS: Final = [start for start, _ in _UNSPACED]


@lru_cache(maxsize=8192)
def is_unspaced(char: str) -> bool:
    """Whether this character belongs to a script that is written without blanks."""
    index = bisect_right(_STARTS, ord(char)) - 1
    return index >= 0 and ord(char) <= _UNSPACED[index][1]


@lru_cache(maxsize=8192)
def continues_word(char: str) -> bool:
    """Whether a word goes on with this character: a letter, digit, mark or underscore."""
    if is_unspaced(char):
        return False
    return char.isalnum() or char == "_" or unicodedata.category(char)[0] == "M"


def is_whole(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` stands as a word of its own."""
    return not (start > 0 and continues_word(text[start - 1])) and not (
        end < len(text) and continues_word(text[end])
    )


def lower(text: str) -> str:
    """Lower case, keeping every character at its place."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(low if len(low := char.lower()) == 1 else char for char in text)


class Key:
    """One key of an entry, ready to be looked for. `text` is as its author wrote it.

    Either `pattern` is set, or `literal` is what to find, or `has_macro` says that it has to be
    expanded first. A key without any of these never matches. A book's automaton looks for its
    literals, but not for what `is_expanded`.
    """

    __slots__ = (
        "has_macro",
        "is_expanded",
        "is_word",
        "literal",
        "lowered",
        "pattern",
        "text",
    )

    def __init__(self, text: str, *, use_regex: bool = False, is_expanded: bool = False) -> None:
        self.text = text
        trimmed = text.strip()
        self.is_expanded = is_expanded
        may_expand = not use_regex and not is_expanded
        self.has_macro = may_expand and ("{{" in trimmed or "<" in trimmed)
        self.pattern: Pattern | None = bare(trimmed) if use_regex else parse(trimmed)
        self.literal = "" if self.pattern or use_regex or self.has_macro else trimmed
        self.lowered = lower(self.literal)
        # Only a single word of a script with blanks can be asked to stand alone.
        self.is_word = len(trimmed.split()) == 1 and not any(map(is_unspaced, trimmed))


@lru_cache(maxsize=4096)
def expanded(text: str) -> Key:
    """A key whose macros have been replaced."""
    return Key(text, is_expanded=True)


@dataclass(slots=True)
class Hits:
    """Where one literal key was found first in a text, by how it may be looked for.

    `exact` holds the same for each way of writing that occurred, for case-sensitive keys.
    """

    anywhere: int
    whole: int | None = None
    exact: dict[str, tuple[int, int | None]] = field(default_factory=dict)


class Words:
    """The literal keys of one book."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._automaton: Any = ahocorasick.Automaton()
        for word in {key.lowered for key in keys if key.lowered}:
            self._automaton.add_word(word, word)
        self._is_empty = len(self._automaton) == 0
        if not self._is_empty:
            self._automaton.make_automaton()

    def find(self, text: str, lowered: str) -> dict[str, Hits]:
        """The keys that occur in `text`, lower-cased. `lowered` is `lower(text)`."""
        found: dict[str, Hits] = {}
        if self._is_empty:
            return found
        for last, word in self._automaton.iter(lowered):
            start = last - len(word) + 1
            hits = found.get(word)
            if hits is None:
                hits = found[word] = Hits(start)
            written = text[start : last + 1]
            seen = hits.exact.get(written)
            if hits.whole is not None and seen is not None and seen[1] is not None:
                continue
            whole = start if is_whole(text, start, last + 1) else None
            if hits.whole is None:
                hits.whole = whole
            if seen is None:
                hits.exact[written] = (start, whole)
            elif seen[1] is None:
                hits.exact[written] = (seen[0], whole)
        return found


def place(hits: Hits, key: Key, *, case_sensitive: bool, whole_words: bool) -> int | None:
    """Where this key first stands in the text that `hits` are of, or None."""
    whole_words = whole_words and key.is_word
    if not case_sensitive:
        return hits.whole if whole_words else hits.anywhere
    first, whole = hits.exact.get(key.literal, (None, None))
    return whole if whole_words else first


def find_literal(text: str, key: Key, *, case_sensitive: bool, whole_words: bool) -> int | None:
    """The same for one key in one text, without an automaton."""
    needle = key.literal if case_sensitive else key.lowered
    if not needle:
        return None
    haystack = text if case_sensitive else lower(text)
    at = haystack.find(needle)
    while whole_words and key.is_word and at >= 0 and not is_whole(text, at, at + len(needle)):
        at = haystack.find(needle, at + 1)
    return None if at < 0 else at
