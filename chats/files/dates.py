"""The many ways in which chat files write a time. Pure.

A time without a zone is taken as UTC: the files do not say where they were written.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# Below this, a number counts seconds; the same number of milliseconds would lie in early 1973.
_MILLISECONDS_FROM: Final = 100_000_000_000
_LATEST: Final = 253_402_300_799_999  # the last millisecond of the year 9999
_CHARS_MOST: Final = 64
_MONTHS: Final = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
_NOON: Final = 12

_DIGITS: Final = re.compile(r"[0-9]{9,15}")
_SPOKEN: Final = re.compile(
    r"([A-Za-z]{3,9})\.? ([0-9]{1,2}),? ([0-9]{4}),? (?:at )?"
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?\s*([AaPp]\.?[Mm]\.?)?"
)
_MARKED: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2}) ?@ ?([0-9]{1,2})h ?([0-9]{1,2})m ?([0-9]{1,2})s"
    r"(?: ?([0-9]{1,3})ms)?"
)


def read_date(value: Any) -> datetime | None:
    """The time in UTC that a value of a file means; None if it means none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_number(value)
    if not isinstance(value, str) or len(value) > _CHARS_MOST:
        return None
    text = " ".join(value.split())
    if _DIGITS.fullmatch(text):
        return _from_number(int(text))
    try:
        return _from_marked(text) or _from_spoken(text) or _from_iso(text)
    except (ValueError, OverflowError):
        return None


def write_date(moment: datetime) -> str:
    """ISO 8601 in UTC, in milliseconds unless the time is finer."""
    moment = moment.astimezone(UTC)
    fine = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=fine).replace("+00:00", "Z")


def _from_number(value: float) -> datetime | None:
    if not 0 <= value <= _LATEST:
        return None
    milliseconds = value if value >= _MILLISECONDS_FROM else value * 1000
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _from_marked(text: str) -> datetime | None:
    """As in "2024-7-12@01h31m37s" and "2024-6-5 @14h 56m 50s 682ms"."""
    found = _MARKED.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, milliseconds = (
        int(part or 0) for part in found.groups()
    )
    return datetime(year, month, day, hour, minute, second, milliseconds * 1000, tzinfo=UTC)


def _from_spoken(text: str) -> datetime | None:
    """As in "June 19, 2023 2:20pm"."""
    found = _SPOKEN.fullmatch(text)
    if found is None or found[1][:3].lower() not in _MONTHS:
        return None
    month = _MONTHS.index(found[1][:3].lower()) + 1
    hour = _hour(int(found[4]), found[7] or "")
    return datetime(
        int(found[3]), month, int(found[2]), hour, int(found[5]), int(found[6] or 0), tzinfo=UTC
    )


def _hour(hour: int, half: str) -> int:
    """The hour of the day; "am" and "pm" mean nothing beside an hour past 12."""
    if not half or hour > _NOON:
        return hour
    return hour % _NOON + (_NOON if half[0] in "pP" else 0)


def _from_iso(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
