"""Regular expressions as authors of lorebooks write them: JavaScript's, under a time limit.

`/pattern/flags` is translated to the `regex` module, which knows look-behind of any length and
back-references, and which can be told to stop. One difference remains: a character beyond
U+FFFF, such as most emoji, is one here and two in JavaScript without the flag `u`. Pure.
"""

import re
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import regex

from lore.translation import Untranslatable, translate

KEY_SECONDS: Final = 0.05
REQUEST_SECONDS: Final = 0.25
PATTERN_CHARS_MOST: Final = 4000

_FORM: Final = re.compile(r"/((?:[^\\/]|\\.)+)/([gimsuy]*)", re.DOTALL)


class Pattern:
    """A compiled key. `is_sticky` is JavaScript's flag `y`: a match must begin at the start."""

    __slots__ = ("_is_sticky", "_pattern")

    def __init__(self, source: str, flags: str) -> None:
        self._is_sticky = "y" in flags
        translated = translate(source, flags)
        options = regex.VERSION0 | (regex.IGNORECASE if "i" in flags else 0)
        try:
            self._pattern = regex.compile(translated, options)
        except (regex.error, RecursionError, OverflowError) as error:
            raise Untranslatable(str(error)) from error

    def find(self, text: str, seconds: float) -> int | None:
        """Where it first matches, or None. Raises TimeoutError after `seconds`."""
        search = self._pattern.match if self._is_sticky else self._pattern.search
        found = search(text, timeout=seconds)
        return None if found is None else int(found.start())


def parse(key: str) -> Pattern | None:
    """The pattern that a key of the form `/pattern/flags` means; None for every other key.

    What looks like one and is none (a repeated flag, a syntax error) is taken literally, as
    other programs do. See `why_literal` for what to tell its author.
    """
    # Only what may be one is kept in the cache.
    compiled = _compiled(key) if key.startswith("/") else None
    return compiled if isinstance(compiled, Pattern) else None


def why_literal(key: str) -> str:
    """Why a key that looks like a pattern is none, or ""."""
    compiled = _compiled(key)
    return compiled if isinstance(compiled, str) else ""


def bare(source: str) -> Pattern | None:
    """A key of a version 3 entry with `use_regex`: with or without slashes. None if invalid."""
    compiled = _compiled(source)
    if compiled is None:
        compiled = _compile(source, "")
    return compiled if isinstance(compiled, Pattern) else None


@lru_cache(maxsize=65_536)
def _compiled(key: str) -> Pattern | str | None:
    """A pattern, what is wrong with it, or None for a key that does not look like one."""
    form = _FORM.fullmatch(key)
    return None if form is None else _compile(form[1], form[2])


def _compile(source: str, flags: str) -> Pattern | str:
    if len(set(flags)) < len(flags):
        return "a flag is given twice"
    if len(source) > PATTERN_CHARS_MOST:
        return f"the pattern has more than {PATTERN_CHARS_MOST} characters"
    try:
        return Pattern(source, flags)
    except Untranslatable as error:
        return str(error)


class Clock:
    """The time that all patterns of one request may take together.

    `now` gives seconds. `slow` collects the keys that were stopped or not tried.
    """

    def __init__(
        self,
        *,
        key_seconds: float = KEY_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._now = now
        self._key_seconds = key_seconds
        self._left = request_seconds
        self.slow: dict[str, str] = {}

    def is_out_for(self, key: str) -> bool:
        """Whether this key was stopped, or, which is noted, no time is left for any."""
        if self._left <= 0 and key not in self.slow:
            self.slow[key] = "no time was left for it"
        return key in self.slow

    def find(self, key: str, pattern: Pattern, text: str) -> int | None:
        """Where the pattern matches, or None; also None, and noted, when time runs out."""
        if self.is_out_for(key):
            return None
        started = self._now()
        try:
            return pattern.find(text, min(self._key_seconds, self._left))
        except TimeoutError:
            self.slow[key] = "it took too long and was stopped"
            return None
        finally:
            self._left -= self._now() - started
