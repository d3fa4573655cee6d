"""JSON from files that strangers made: bounded, and cleaned of what cannot be stored. Pure."""

import re
from typing import Any, Final

import orjson

from core.errors import Invalid
from core.text import clean

DEPTH_MOST: Final = 100
TOKENS_MOST: Final = 4_000_000
"""Texts and separators: what one costs in memory is far more than the bytes it is written in."""
BOM: Final = b"\xef\xbb\xbf"

# Escapes in JSON: whole surrogate pairs, halves of one (left by programs that cut texts), others.
_ESCAPES: Final = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)


_SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_TOKEN: Final = re.compile(rb'"[^"]*"?|[,\[{]')


def looks_like_json(data: bytes) -> bool:
    """Whether the bytes start as a JSON object or list does."""
    return data.removeprefix(BOM).lstrip()[:1] in (b"{", b"[")


def read_json(data: bytes, *, what: str, notes: list[str], tokens_most: int = TOKENS_MOST) -> Any:
    """The value in a file's bytes, without NUL characters and halves of characters.

    `what` names the thing in messages and codes ("card" makes `card_damaged`). A note is added
    if characters had to be replaced. Raises Invalid: `<what>_damaged` or `<what>_too_complex`.
    """
    whole = _mended(_as_utf8(data, notes), notes)
    if _is_dense(whole, tokens_most):
        raise _too_complex(f"The {what} holds more values than any real {what}.", what)
    try:
        value = orjson.loads(whole)
    except orjson.JSONDecodeError as error:
        raise Invalid(
            f"The {what} is not valid JSON: {error.msg} at line {error.lineno}.",
            code=f"{what}_damaged",
            param="file",
        ) from error
    return cleaned(value, what)


def _as_utf8(data: bytes, notes: list[str]) -> bytes:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        notes.append("The text was in UTF-16, where UTF-8 is usual.")
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    data = data.removeprefix(BOM)
    try:
        data.decode()
    except UnicodeDecodeError:
        notes.append("Some characters were not written in UTF-8 and were replaced.")
        return data.decode("utf-8", "replace").encode()
    return data


def _mended(data: bytes, notes: list[str]) -> bytes:
    """Without the halves of characters, which no text may hold."""
    if not _SURROGATE.search(data):
        return data
    whole = _ESCAPES.sub(lambda found: rb"\ufffd" if found["half"] else found[0], data)
    if whole != data:
        notes.append("Some characters were cut in half and were replaced.")
    return whole


def _is_dense(data: bytes, most: int) -> bool:
    """Whether there are more texts and separators than `most`, counted in little memory."""
    if sum(data.count(mark) for mark in (b'"', b",", b"[", b"{")) <= most:
        return False
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    return any(count >= most for count, _ in enumerate(_TOKEN.finditer(bare)))


def cleaned(value: Any, what: str, depth: int = 0) -> Any:
    """The same with NUL characters taken out of every text, for they cannot be stored."""
    if depth > DEPTH_MOST:
        raise _too_complex(f"The {what} is nested deeper than any real {what}.", what)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [cleaned(item, what, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean(key): cleaned(item, what, depth + 1) for key, item in value.items()}
    return value


def _too_complex(message: str, what: str) -> Invalid:
    return Invalid(message, code=f"{what}_too_complex", param="file")
