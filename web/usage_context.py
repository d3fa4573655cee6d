"""What the usage page shows, made from what was asked in its address."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format

from accounts.models import ApiKey, User
from accounts.zones import zone_name
from billing import usage
from billing.api.usage import UsageQuestionSerializer, rows_of
from billing.models import MICRO, Usage
from billing.queries import exact_credits
from billing.usage import NONE, SPLITS, Answer, Question, Requests, Sums
from chats.receipts import messages_of
from web.charts import Chart, Measure, Place, draw
from web.names import names_of

RANGES: Final = {7: "7 days", 30: "30 days", 90: "90 days", 365: "A year"}
TITLES: Final = {"model": "Model", "character": "Character", "key": "API key", "surface": "Surface"}
SURFACES: Final = {
    "web": "Pages", "api": "API", "room": "Rooms", "mcp": "MCP", "bot": "Bots",
    "job": "Memory and summaries",
}  # fmt: skip
_WORK: Final = {"turn": "Reply", "job": "Memory or summary", "embed": "Search by meaning"}
_NOTHING: Final = {"character": "No character", "key": "No key"}
LISTED: Final = 12
DRAWN: Final = 4
ROWS: Final = 24
_DAILY_MOST: Final = 92
_WEEK: Final = 7


@dataclass(frozen=True)
class Asked:
    """An address of the page: its question, and the parts that lead on from it."""

    question: Question
    days: int | None
    before: int | None
    said: dict[str, str]

    def link(self, **changes: str) -> str:
        """The same with changes; an empty value takes a part out."""
        found = QueryDict(mutable=True)
        for name, value in {**self.said, **changes}.items():
            if value:
                found[name] = value
        return f"?{found.urlencode()}"

    @property
    def query(self) -> str:
        return self.link().removeprefix("?")


def asked_in(user: User, given: QueryDict) -> Asked:
    """What an address asks. If part of it means nothing, the page shows the last 30 days."""
    names = ("days", "since", "until", "by", *SPLITS)
    said = {name: str(given[name]) for name in names if given.get(name)}
    reader = UsageQuestionSerializer(data=said)
    if not reader.is_valid():
        said = {}
        reader = UsageQuestionSerializer(data=said)
        reader.is_valid(raise_exception=True)
    is_custom = "since" in said or "until" in said
    before = given.get("before", "")
    return Asked(
        reader.question(user),
        None if is_custom else reader.validated_data["days"],
        int(before) if before.isascii() and before.isdecimal() and len(before) < 19 else None,  # noqa: PLR2004
        said,
    )


def key_asked(user: User, asked: Asked) -> ApiKey | None:
    """The key that an address asks about, if it is the person's and not revoked."""
    uid = dict(asked.question.only).get("key")
    return user.api_keys.filter(uid=uid, revoked_at=None).first() if uid else None


class Named(NamedTuple):
    """One share with its name, the class of its colour, and where it leads."""

    name: str
    sums: Sums
    number: int
    href: str


class Day(NamedTuple):
    """One row of the table below the chart: a day, or the first of a week."""

    first: date
    last: date
    href: str
    sums: Sums
    parts: list[Sums]
    shown: list[Sums]


class Row(NamedTuple):
    """One request in the list."""

    usage: Usage
    work: str
    character: str
    via: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsagePage:
    """Everything between the heading and the list of requests."""

    asked: Asked
    totals: Sums
    refunded_micro: int
    zone: str
    shares: list[Named]
    drawn: list[Named]
    chart: Chart | None
    days: list[Day]
    is_weekly: bool
    filters: list[tuple[str, str, str]]
    days_left: int | None
    splits: list[tuple[str, str, str]]
    ranges: list[tuple[int, str, str]]

    @property
    def title(self) -> str:
        return TITLES[self.asked.question.by]


def build_page(user: User, asked: Asked, *, available_micro: int) -> UsagePage:
    """Read and arrange it: sums in two queries, what was given back, and names."""
    question = asked.question
    found = usage.answer(rows_of(user), question, listed=LISTED, drawn=DRAWN)
    names = _names(user, question, found)
    shares = [
        Named(
            _name(question.by, value, names),
            sums,
            min(number, DRAWN),
            asked.link(**{question.by: value or NONE}),
        )
        for number, (value, sums) in enumerate(found.shares)
    ]
    drawn = _drawn(shares, found)
    days = _days(asked, found, len(drawn))
    return UsagePage(
        asked=asked,
        totals=found.totals,
        refunded_micro=0 if question.only else usage.refunded(user.pk, question.span),
        zone=zone_name(user),
        shares=[*shares, *_rest(found)],
        drawn=drawn,
        chart=_chart(days) if found.totals.requests else None,
        days=[day for day in days if day.sums.requests],
        is_weekly=_step(question) > 1,
        filters=[
            (
                TITLES[name],
                _name(name, "" if value == NONE else value, names),
                asked.link(**{name: ""}),
            )
            for name, value in question.only
        ],
        days_left=_days_left(found, question, available_micro),
        splits=[(name, TITLES[name], asked.link(by=name)) for name in SPLITS],
        ranges=[
            (days_, words, asked.link(days=str(days_), since="", until=""))
            for days_, words in RANGES.items()
        ],
    )


def _names(user: User, question: Question, found: Answer) -> dict[str, str]:
    uids = {value for name, value in question.only if name in _NOTHING and value != NONE}
    if question.by in _NOTHING:
        uids |= {share.value for share in found.shares if share.value}
    return names_of(user, uids)


def _name(split: str, value: str, names: dict[str, str]) -> str:
    if split == "surface":
        return SURFACES.get(value, value)
    if split not in _NOTHING:
        return value
    return names.get(value, "One that is gone") if value else _NOTHING[split]


def _drawn(shares: list[Named], found: Answer) -> list[Named]:
    """The series of the chart: the largest shares, and all others as one."""
    rest = found.totals
    for share in shares[:DRAWN]:
        rest = rest.minus(share.sums)
    others = [Named("Others", rest, DRAWN, "")] if rest.requests else []
    return [*shares[:DRAWN], *others]


def _rest(found: Answer) -> list[Named]:
    return [Named("Others", found.others, DRAWN, "")] if found.others.requests else []


def _step(question: Question) -> int:
    return 1 if len(question.span.days) <= _DAILY_MOST else _WEEK


def _days(asked: Asked, found: Answer, drawn: int) -> list[Day]:
    """Every day of the span, or every week if they are many, with what each series has of it.

    The last part are the others; they are shown if there are any at all.
    """
    all_days, step = asked.question.span.days, _step(asked.question)
    values = [share.value for share in found.shares[:DRAWN]]
    days = []
    for start in range(0, len(all_days), step):
        some = all_days[start : start + step]
        parts = [_sum(found, some, value) for value in [*values, None]]
        whole = Sums()
        for part in parts:
            whole = whole.plus(part)
        href = asked.link(days="", since=str(some[0]), until=str(some[-1])) + "#requests"
        days.append(Day(some[0], some[-1], href, whole, parts, parts[:drawn]))
    return days


def _sum(found: Answer, days: list[date], value: Any) -> Sums:
    whole = Sums()
    for day in days:
        if part := found.days.get((day, value)):
            whole = whole.plus(part)
    return whole


def _chart(days: list[Day]) -> Chart:
    used = [day.parts for day in days]
    count = len(used[0]) if used else 0
    credits_ = [[parts[n].amount_micro for parts in used] for n in range(count)]
    tokens = [[parts[n].tokens for parts in used] for n in range(count)]
    places = [Place(day.href, _told(day), _short(day)) for day in days]
    return draw(
        [
            Measure("Credits", _spread(credits_), _credits),
            Measure("Tokens", _spread(tokens), _compact),
        ],
        places,
    )


def _spread(series: list[list[int]]) -> list[list[int]]:
    """The others have the last colour, however many series there are before them."""
    *shown, others = series
    return [*shown, *([[0] * len(others)] * (DRAWN - len(shown))), others]


def _told(day: Day) -> str:
    return (
        f"{_when(day)}: {exact_credits(day.sums.amount_micro)} credits, {day.sums.tokens:,} tokens"
    )


def _when(day: Day) -> str:
    first = date_format(day.first, "j F Y")
    return first if day.first == day.last else f"{first} to {date_format(day.last, 'j F Y')}"


def _short(day: Day) -> str:
    return date_format(day.first, "j M")


def _credits(micro: int) -> str:
    return _compact(micro // MICRO) if micro >= MICRO else exact_credits(micro)


def _compact(number: int) -> str:
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size * 10 or (number >= size and number % (size // 10) == 0):
            return f"{number / size:g}{letter}"
    return f"{number:,}"


def _days_left(found: Answer, question: Question, available_micro: int) -> int | None:
    """How long the credits last at the rate since the first use in a span that reaches to today."""
    today = timezone.now().astimezone(question.span.zone).date()
    if question.only or question.span.until != today or not found.totals.amount_micro:
        return None
    first = min(day for day, _value in found.days)
    count = (today - first).days + 1
    return available_micro * count // found.totals.amount_micro


def build_rows(user: User, asked: Asked) -> tuple[list[Row], Requests]:
    """The single requests that an address asks for, newest first, with names and messages."""
    found = usage.requests(asked.question.of(rows_of(user)), before=asked.before, limit=ROWS)
    names = names_of(
        user, {uid for row in found.rows for uid in (row.character, row.api_key) if uid}
    )
    messages = messages_of(user, [row.key for row in found.rows])
    return [_row(row, names, messages) for row in found.rows], found


def _row(row: Usage, names: dict[str, str], messages: dict[str, str]) -> Row:
    surface = SURFACES.get(row.surface, row.surface)
    key = names.get(row.api_key, "a key that is gone") if row.api_key else ""
    return Row(
        row,
        _WORK.get(row.key.partition(":")[0], "Request"),
        names.get(row.character, ""),
        f"{surface}, {key}" if key else surface,
        messages.get(row.key, ""),
    )


def span_words(asked: Asked) -> str:
    """The days in words."""
    span = asked.question.span
    if span.since == span.until:
        return date_format(span.since, "j F Y")
    return f"{date_format(span.since, 'j F Y')} to {date_format(span.until, 'j F Y')}"
