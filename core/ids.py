"""Identifiers: 24-character lowercase ids that sort by creation time."""

import secrets
import time
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH: Final = 24
SHORT_LENGTH: Final = 8
_TIME_CHARS: Final = 10


def _encode(value: int, width: int) -> str:
    chars = []
    for _ in range(width):
        value, index = divmod(value, 32)
        chars.append(ALPHABET[index])
    return "".join(reversed(chars))


def new_uid() -> str:
    """A new id: 10 characters of milliseconds, then 14 random ones (70 bits)."""
    return _encode(time.time_ns() // 1_000_000, _TIME_CHARS) + _encode(
        secrets.randbits(70), LENGTH - _TIME_CHARS
    )


def short(uid: str) -> str:
    """The last eight characters, as shown in `Name [short]`."""
    return uid[-SHORT_LENGTH:]


def is_uid(value: str) -> bool:
    return len(value) == LENGTH and all(char in ALPHABET for char in value)
