"""Identifiers: 24-character lowercase ids that sort by creation time."""

import secrets
import threading
import time
from datetime import datetime
from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH: Final = 24
SHORT_LENGTH: Final = 8
_TIME_CHARS: Final = 10
_RANDOM_BITS: Final = 70
_STEP_BITS: Final = 40
_NUMBER_BITS: Final = 52


_PAIRS: Final = [first + second for first in ALPHABET for second in ALPHABET]


def _encode(value: int, width: int) -> str:
    """The number in an even count of characters, written two at a time."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(5 * width - 10, -1, -10)])


class _Clock:
    """Milliseconds and random bits that only ever grow within a process.

    Ids made in the same millisecond, or after the clock was set back, count on from the last
    one, so that what was made later also sorts later.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = (0, 0)

    def tick(self) -> tuple[int, int]:
        now = time.time_ns() // 1_000_000
        with self._lock:
            if now > self._last[0]:
                self._last = (now, secrets.randbits(_RANDOM_BITS - 1))
            else:
                step = 1 + secrets.randbits(_STEP_BITS)
                self._last = (self._last[0], self._last[1] + step)
            return self._last


_clock = _Clock()


def new_uid() -> str:
    """A new id: 10 characters of milliseconds, then 14 random ones (70 bits)."""
    milliseconds, bits = _clock.tick()
    return _encode(milliseconds << _RANDOM_BITS | bits, LENGTH)


def first_uid(at: datetime) -> str:
    """The id that sorts before all that were made from this time on."""
    return _encode(int(at.timestamp() * 1000), _TIME_CHARS) + ALPHABET[0] * (LENGTH - _TIME_CHARS)


def new_number() -> int:
    """A new whole number for protocols that name things by one; exact in JavaScript too."""
    return 1 + secrets.randbits(_NUMBER_BITS)


def short(uid: str) -> str:
    """The last eight characters, as shown in `Name [short]`."""
    return uid[-SHORT_LENGTH:]


def is_uid(value: str) -> bool:
    return len(value) == LENGTH and all(char in ALPHABET for char in value)
