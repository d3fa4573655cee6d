"""Keys as patterns: JavaScript's /pattern/flags, and the wildcards of other programs. Pure."""

import re
from typing import Final

_PATTERN: Final = re.compile(r"/(?:[^/\\]|\\.)+/[gimsuy]*", re.DOTALL)
_SIGNS: Final = frozenset("\\^$.|?*+()[]{}/")
_WILD: Final = {"*": r"\w*", "?": r"\w"}
_WORD_SIGN: Final = re.compile(r"\w", re.ASCII)


def is_pattern(key: str) -> bool:
    """Whether a key is written /pattern/flags, without a bare slash inside."""
    return _PATTERN.fullmatch(key) is not None


def as_pattern(key: str, *, is_raw: bool, case_sensitive: bool | None) -> str:
    """The key as /pattern/flags. `is_raw` says that it is a pattern without its slashes."""
    if is_pattern(key):
        return key
    body = _slashed(key) if is_raw else "".join(_escaped(sign) for sign in key)
    return f"/{body}/{'' if case_sensitive else 'i'}" if body else ""


def from_wildcards(key: str) -> str:
    """A key with `*` (any letters) or `?` (one letter) as a pattern; others as they are."""
    if not _WILD.keys() & set(key):
        return key
    key = re.sub(r"\*+", "*", key)
    body = "".join(_WILD.get(sign) or _escaped(sign) for sign in key)
    start = r"\b" if key[0] == "?" or _WORD_SIGN.match(key[0]) else ""
    end = r"\b" if key[-1] == "?" or _WORD_SIGN.match(key[-1]) else ""
    return f"/{start}{body}{end}/i"


def to_wildcards(key: str) -> str:
    """The key with wildcards that `from_wildcards` made this pattern of; others as they are."""
    if not key.startswith("/") or not key.endswith("/i"):
        return key
    body = key[1:-2].removeprefix(r"\b").removesuffix(r"\b")
    wild = body.replace(r"\w*", "*").replace(r"\w", "?")
    candidate = re.sub(r"\\(.)", r"\1", wild, flags=re.DOTALL)
    return candidate if from_wildcards(candidate) == key else key


def _escaped(sign: str) -> str:
    return "\\" + sign if sign in _SIGNS else sign


def _slashed(pattern: str) -> str:
    """The pattern with every bare slash escaped; a lone backslash at its end is doubled."""
    out = re.sub(r"\\.|/", lambda found: r"\/" if found[0] == "/" else found[0], pattern)
    trailing = len(out) - len(out.rstrip("\\"))
    return out + "\\" if trailing % 2 else out
