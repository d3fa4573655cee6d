"""Dates and times as macros write them: moment-style patterns, English names, spoken spans."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

_TOKENS: Final = re.compile(
    r"\[(?P<kept>[^\[\]]*)\]|LTS|LT|L{1,4}|YYYY|YY|Mo|M{1,4}|Qo|Q|DDDo|D{3,4}|Do|D{1,2}|do|d{1,4}"
    r"|[eE]|W[Wo]?|w[wo]?|GGGG|HH?|hh?|kk?|mm?|ss?|S{1,9}|A|a|ZZ?|X|x"
)
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_LONG: Final = {
    "LT": "h:mm A",
    "LTS": "h:mm:ss A",
    "L": "MM/DD/YYYY",
    "LL": "MMMM D, YYYY",
    "LLL": "MMMM D, YYYY h:mm A",
    "LLLL": "dddd, MMMM D, YYYY h:mm A",
}
_OFFSET: Final = re.compile(r"(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?", re.IGNORECASE)
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_OFFSET_HOURS_MOST: Final = 14
_NOON: Final = 12
_TEENS: Final = (11, 12, 13)
_MINUTE, _HOUR, _DAY, _MONTH, _YEAR = 60, 3600, 86_400, 2_629_800, 31_557_600
# Below how many seconds, counted in what, and in which words.
_SPANS: Final = (
    (44.5, 1, "a few seconds"),
    (89.5, 1, "a minute"),
    (44.5 * _MINUTE, _MINUTE, "{} minutes"),
    (89.5 * _MINUTE, 1, "an hour"),
    (21.5 * _HOUR, _HOUR, "{} hours"),
    (35.5 * _HOUR, 1, "a day"),
    (25.5 * _DAY, _DAY, "{} days"),
    (45.5 * _DAY, 1, "a month"),
    (10.5 * _MONTH, _MONTH, "{} months"),
    (1.5 * _YEAR, 1, "a year"),
)

_FORMS: Final[dict[str, Callable[[datetime], str]]] = {
    "YYYY": lambda t: f"{t.year:04d}",
    "YY": lambda t: f"{t.year % 100:02d}",
    "GGGG": lambda t: f"{t.isocalendar().year:04d}",
    "Q": lambda t: str((t.month + 2) // 3),
    "Qo": lambda t: _ordinal((t.month + 2) // 3),
    "MMMM": lambda t: _MONTHS[t.month - 1],
    "MMM": lambda t: _MONTHS[t.month - 1][:3],
    "MM": lambda t: f"{t.month:02d}",
    "Mo": lambda t: _ordinal(t.month),
    "M": lambda t: str(t.month),
    "DDDD": lambda t: f"{t.timetuple().tm_yday:03d}",
    "DDDo": lambda t: _ordinal(t.timetuple().tm_yday),
    "DDD": lambda t: str(t.timetuple().tm_yday),
    "DD": lambda t: f"{t.day:02d}",
    "Do": lambda t: _ordinal(t.day),
    "D": lambda t: str(t.day),
    "dddd": lambda t: _DAYS[t.isoweekday() % 7],
    "ddd": lambda t: _DAYS[t.isoweekday() % 7][:3],
    "dd": lambda t: _DAYS[t.isoweekday() % 7][:2],
    "do": lambda t: _ordinal(t.isoweekday() % 7),
    "d": lambda t: str(t.isoweekday() % 7),
    "e": lambda t: str(t.isoweekday() % 7),
    "E": lambda t: str(t.isoweekday()),
    "W": lambda t: str(t.isocalendar().week),
    "Wo": lambda t: _ordinal(t.isocalendar().week),
    "WW": lambda t: f"{t.isocalendar().week:02d}",
    "w": lambda t: str(_week(t)),
    "wo": lambda t: _ordinal(_week(t)),
    "ww": lambda t: f"{_week(t):02d}",
    "HH": lambda t: f"{t.hour:02d}",
    "H": lambda t: str(t.hour),
    "hh": lambda t: f"{t.hour % 12 or 12:02d}",
    "h": lambda t: str(t.hour % 12 or 12),
    "kk": lambda t: f"{t.hour or 24:02d}",
    "k": lambda t: str(t.hour or 24),
    "mm": lambda t: f"{t.minute:02d}",
    "m": lambda t: str(t.minute),
    "ss": lambda t: f"{t.second:02d}",
    "s": lambda t: str(t.second),
    "A": lambda t: "AM" if t.hour < _NOON else "PM",
    "a": lambda t: "am" if t.hour < _NOON else "pm",
    "Z": lambda t: _zone(t, ":"),
    "ZZ": lambda t: _zone(t, ""),
    "X": lambda t: str(int(t.timestamp())),
    "x": lambda t: str(int(t.timestamp() * 1000)),
}


def formatted(time: datetime, pattern: str) -> str:
    """The time in a pattern such as `YYYY-MM-DD HH:mm`. Text in square brackets is kept."""

    def token(match: re.Match[str]) -> str:
        word = match[0]
        if match["kept"] is not None:
            return match["kept"]
        if word in _LONG:
            return _TOKENS.sub(token, _LONG[word])
        if word[0] == "S":
            return f"{time.microsecond:06d}".ljust(9, "0")[: len(word)]
        return _FORMS[word](time)

    return _TOKENS.sub(token, pattern)


def shifted(now: datetime, offset: str) -> datetime | None:
    """The same moment at an offset such as `UTC+2` or `-03:30`. None if that is none."""
    match = _OFFSET.fullmatch(offset.strip())
    if match is None or int(match[2]) > _OFFSET_HOURS_MOST:
        return None
    span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return now.astimezone(timezone(-span if match[1] == "-" else span))


def understood(text: str, now: datetime) -> datetime | None:
    """A moment written as ISO 8601, or as a clock time of today. None if it is neither."""
    text = text.strip()
    if match := _CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in match.groups())
        return now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo is not None else time.replace(tzinfo=now.tzinfo)


def spoken(span: timedelta) -> str:
    """About how long: "a few seconds", "5 minutes", "an hour", "2 months"."""
    seconds = abs(span.total_seconds())
    for below, unit, words in _SPANS:
        if seconds < below:
            return words.format(max(2, round(seconds / unit)))
    return f"{max(2, round(seconds / _YEAR))} years"


def relative(span: timedelta) -> str:
    """A span seen from now: "in 2 hours", "2 hours ago"."""
    return f"in {spoken(span)}" if span > timedelta(0) else f"{spoken(span)} ago"


def _ordinal(number: int) -> str:
    suffix = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if number % 100 in _TEENS else suffix}"


def _week(time: datetime) -> int:
    """The week of the year, weeks starting on Sunday and the first holding 1 January."""
    saturday = time + timedelta(days=6 - time.isoweekday() % 7)
    return (saturday.timetuple().tm_yday + 6) // 7


def _zone(time: datetime, between: str) -> str:
    minutes = int((time.utcoffset() or timedelta(0)).total_seconds()) // 60
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"{sign}{minutes // 60:02d}{between}{minutes % 60:02d}"
