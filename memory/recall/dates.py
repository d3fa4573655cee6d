"""Dates: those that a question names, and the short form in which a found turn shows its own."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from memory.recall.lexicon import MONTHS, NUMBERS

_SHORT: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_MONTH: Final = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR: Final = r"(?:19|20)\d\d"
_DAY: Final = r"\d{1,2}(?:st|nd|rd|th)?"
# "8 May, 2023", "May 8, 2023", "May 2023", "the 8th of May".
_NAMED: Final = re.compile(
    rf"\b(?:(?P<day>{_DAY})\s+(?:of\s+)?)?(?P<month>{_MONTH})\b\.?"
    rf"(?:\s+(?P<later>{_DAY})(?!\d))?(?:,?\s+(?:of\s+)?(?P<year>{_YEAR}))?",
    re.IGNORECASE,
)
_ISO: Final = re.compile(rf"\b(?P<year>{_YEAR})-(?P<month>\d\d)(?:-(?P<day>\d\d))?\b")
_ONLY_YEAR: Final = re.compile(rf"\b{_YEAR}\b")
# "May" and "March" are mostly no months, unless one of these stands before them.
_BEFORE_MONTH: Final = (" in", " since", " until", " by", " during", " last", " of")
_AGO: Final = re.compile(
    rf"\b(?P<count>\d{{1,3}}|an?|{'|'.join(NUMBERS)}) (?P<unit>day|week|month|year)s? ago\b"
    r"|\b(?P<last>last|this) (?P<of>week|month|year)\b|\b(?P<day>yesterday|today)\b",
    re.IGNORECASE,
)
_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}
_LATEST: Final = datetime(9990, 1, 1, tzinfo=UTC).timestamp()

# What is said about a day is said on it, or in the two weeks after; or, as a plan, before.
AROUND: Final = timedelta(days=14)


class Named(NamedTuple):
    """A date as far as a question gives it; 0 where it does not."""

    year: int
    month: int
    day: int


def named_in(question: str, now: float | None = None) -> list[Named]:
    """The dates that a question names; those told from today only when `now` is known."""
    dates = [date for found in _ISO.finditer(question) if (date := _read(found))]
    rest = _ISO.sub(" ", question)
    dates += [date for found in _NAMED.finditer(rest) if (date := _read(found))]
    dates += [Named(int(year), 0, 0) for year in _ONLY_YEAR.findall(_NAMED.sub(" ", rest))]
    today = in_utc(now) if now is not None else None
    if today:
        dates += _from(today, question)
    return dates


def _read(found: re.Match[str]) -> Named | None:
    parts = found.groupdict()
    month = parts["month"].lower()
    day = parts.get("day") or parts.get("later")
    if month in {"may", "march"} and not (day or parts["year"]):
        before = found.string[: found.start()].rstrip().lower()
        if not before.endswith(_BEFORE_MONTH):
            return None
    number = int(month) if month.isdigit() else MONTHS[month]
    named = Named(int(parts["year"] or 0), number, int(re.sub(r"\D", "", day)) if day else 0)
    return named if _start(named, 2024) else None


def _from(today: datetime, question: str) -> Iterator[Named]:
    for found in _AGO.finditer(question):
        unit = (found["unit"] or found["of"] or "day").lower()
        count = (found["count"] or "").lower()
        number = int(NUMBERS.get(count, count if count.isdigit() else "1"))
        if (found["last"] or found["day"] or "").lower() in {"this", "today"}:
            number = 0
        past = today - timedelta(days=number * _DAYS[unit])
        fine = unit in {"day", "week"}
        yield Named(past.year, past.month if unit != "year" else 0, past.day if fine else 0)


def _start(date: Named, year: int) -> datetime | None:
    try:
        return datetime(date.year or year, date.month or 1, date.day or 1, tzinfo=UTC)
    except ValueError:
        return None


def _end(date: Named, start: datetime) -> datetime:
    if date.day:
        return start + timedelta(days=1)
    if date.month:
        return (start + timedelta(days=31)).replace(day=1)
    return start.replace(year=start.year + 1)


def fit(date: Named, seconds: float) -> float:
    """How likely something said at that moment is about this date, from 0 to 1."""
    moment = in_utc(seconds)
    start = _start(date, moment.year) if moment else None
    if not moment or not start:
        return 0.0
    end = _end(date, start)
    weight = 1.0 if date.month else 0.5
    if moment >= end:
        return weight * max(0.0, 1 - (moment - end) / AROUND)
    return weight if moment >= start else 0.5 * weight * max(0.0, 1 - (start - moment) / AROUND)


def in_utc(seconds: float) -> datetime | None:
    """That moment, or nothing when it is no time that a calendar knows."""
    if not 0 <= seconds <= _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def short(seconds: float | None) -> str:
    """`8 May 2023`, or nothing."""
    moment = in_utc(seconds) if seconds is not None else None
    return f"{moment.day} {_SHORT[moment.month - 1]} {moment.year}" if moment else ""
