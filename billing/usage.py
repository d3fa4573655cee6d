"""What was used over a time: sums by day, character, model, key or surface.

Everything starts from a queryset of `Usage`: of one person, or of all for operators.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from django.db.models import Case, Count, DateField, F, Func, Q, QuerySet, Sum, When

from billing.models import LedgerEntry, Usage

SPLITS: Final = {
    "model": "model",
    "character": "character",
    "key": "api_key",
    "surface": "surface",
}
"""What sums may be split by, and the column of each."""
NONE: Final = "-"
"""How an address names what has no character, or came with no key."""
DAYS_MOST: Final = 366
_FIRST: Final = date(2000, 1, 1)
"""Before there was anything to count, and far from where the calendar ends."""
_BATCH: Final = 1000


@dataclass(frozen=True)
class Span:
    """Whole days of one time zone, both ends included."""

    since: date
    until: date
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    @property
    def days(self) -> list[date]:
        count = (self.until - self.since).days + 1
        return [self.since + timedelta(days=number) for number in range(count)]

    @property
    def start(self) -> datetime:
        return self._midnight(self.since)

    @property
    def end(self) -> datetime:
        return self._midnight(self.until + timedelta(days=1))

    def of(self, rows: QuerySet[Usage]) -> QuerySet[Usage]:
        return rows.filter(created_at__gte=self.start, created_at__lt=self.end)

    @cached_property
    def offsets(self) -> list[tuple[datetime, int]]:
        """The offsets from UTC in these days, in seconds, each with the moment it ends."""
        found: list[tuple[datetime, int]] = []
        for day in self.days:
            first, last = self._midnight(day), self._midnight(day + timedelta(days=1))
            if _offset(first, self.zone) != _offset(last, self.zone):
                found.append((_change(first, last, self.zone), _offset(first, self.zone)))
        return [*found, (self.end, _offset(self.end, self.zone))]

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), tzinfo=self.zone).astimezone(UTC)


def span_of(
    now: datetime,
    zone: ZoneInfo,
    *,
    days: int = 30,
    since: date | None,
    until: date | None,
    most: int = DAYS_MOST,
) -> Span:
    """The days that are meant: up to today, `days` of them unless both ends are said.

    Never more than `most`: the newest count.
    """
    today = now.astimezone(zone).date()
    last = max(_FIRST, min(until or today, today))
    first = since or last - timedelta(days=days - 1)
    return Span(min(last, max(first, last - timedelta(days=most - 1))), last, zone)


def _offset(moment: datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _change(first: datetime, last: datetime, zone: ZoneInfo) -> datetime:
    """When the clocks were changed between two moments, to the second."""
    before = _offset(first, zone)
    while last - first > timedelta(seconds=1):
        middle = first + (last - first) // 2
        first, last = (middle, last) if _offset(middle, zone) == before else (first, middle)
    return last.replace(microsecond=0)


Sql: TypeAlias = tuple[str, tuple[Any, ...]]


class LocalDay(Func):
    """The day of a moment in the zone of a span, by the offsets of the zone in these days.

    Django's own would call Python for each row on SQLite, which takes four times as long as all
    the rest, and PostgreSQL may not know every zone that Python knows.
    """

    output_field = DateField()

    def __init__(self, moment: str, span: Span) -> None:
        super().__init__(moment)
        self.span = span

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Sql:
        # Without the fraction of the second, which `date` would round up into the next day.
        return self._days(compiler, connection, "date(substr({}, 1, 19), %s || ' seconds')")

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Sql:
        return self._days(
            compiler, connection, "(({} AT TIME ZONE 'UTC') + %s * interval '1 second')::date"
        )

    def _days(self, compiler: Any, connection: Any, day: str) -> Sql:
        (moment,) = self.get_source_expressions()
        column, given = compiler.compile(moment)
        day = day.format(column)
        *changes, (_end, last) = self.span.offsets
        if not changes:
            return day, (*given, last)
        sql, values = "CASE", []
        for until, offset in changes:
            sql += f" WHEN {column} < %s THEN {day}"
            stored = connection.ops.adapt_datetimefield_value(until)
            values += [*given, stored, *given, offset]
        return f"{sql} ELSE {day} END", (*values, *given, last)


class Sums(NamedTuple):
    """What was used by so many requests. `cached_tokens` are part of `input_tokens`.

    `estimated` is how many of the requests have a count of our own.
    """

    requests: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    amount_micro: int = 0
    estimated: int = 0

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def plus(self, other: "Sums") -> "Sums":
        return Sums(*(one + two for one, two in zip(self, other, strict=True)))

    def minus(self, other: "Sums") -> "Sums":
        return Sums(*(one - two for one, two in zip(self, other, strict=True)))


_SUMS: Final[dict[str, Any]] = {
    "requests": Count("id"),
    "input_tokens": Sum("prompt_tokens", default=0),
    "cached": Sum("cached_tokens", default=0),
    "output_tokens": Sum("completion_tokens", default=0),
    "amount": Sum("amount_micro", default=0),
    "guessed": Count("id", filter=Q(estimated=True)),
}


def _sums(row: Any) -> Sums:
    return Sums(*(int(row[name]) for name in _SUMS))


def totals(rows: QuerySet[Usage]) -> Sums:
    return _sums(rows.aggregate(**_SUMS))


class Share(NamedTuple):
    """The sums of one value of a column."""

    value: Any
    sums: Sums


def shares(rows: QuerySet[Usage], column: str, *, limit: int) -> list[Share]:
    """The values of a column that cost most, then those that used most."""
    found = (
        rows.values(column)
        .annotate(**_SUMS, tokens=F("input_tokens") + F("output_tokens"))
        .order_by("-amount", "-tokens", column)[:limit]
    )
    return [Share(row[column], _sums(row)) for row in found]


def by_day(
    rows: QuerySet[Usage], span: Span, column: str, values: Collection[Any]
) -> dict[tuple[date, Any], Sums]:
    """Sums for each day and each of these values; what has other values is under None.

    `rows` are within the span. Days without use are left out.
    """
    share = Case(When(**{f"{column}__in": list(values)}, then=F(column)), default=None)
    found = (
        rows.annotate(day=LocalDay("created_at", span), share=share)
        .values("day", "share")
        .annotate(**_SUMS)
        .order_by("day", "share")
    )
    return {(row["day"], row["share"]): _sums(row) for row in found}


@dataclass(frozen=True)
class Question:
    """What somebody wants to know: which days, split by what, and only which values."""

    span: Span
    by: str = "model"
    only: tuple[tuple[str, str], ...] = ()

    @property
    def column(self) -> str:
        return SPLITS[self.by]

    def of(self, rows: QuerySet[Usage]) -> QuerySet[Usage]:
        values = {SPLITS[name]: "" if value == NONE else value for name, value in self.only}
        return self.span.of(rows).filter(**values)


@dataclass(frozen=True)
class Answer:
    """The sums of a question. `others` is what the shares leave; it has 0 requests if nothing."""

    totals: Sums
    shares: list[Share]
    others: Sums
    days: dict[tuple[date, Any], Sums]


def answer(rows: QuerySet[Usage], question: Question, *, listed: int, drawn: int) -> Answer:
    """What was used: `listed` shares, and days split by the first `drawn` of them. Two queries."""
    asked = question.of(rows)
    found = shares(asked, question.column, limit=listed)
    values = [share.value for share in found[:drawn]]
    days = by_day(asked, question.span, question.column, values)
    whole = Sums()
    for sums in days.values():
        whole = whole.plus(sums)
    others = whole
    for share in found:
        others = others.minus(share.sums)
    return Answer(whole, found, others, days)


@dataclass(frozen=True)
class Requests:
    """One page of single requests, newest first. `older` is where the next begins, if any."""

    rows: list[Usage]
    older: int | None = None


def requests(rows: QuerySet[Usage], *, before: int | None = None, limit: int) -> Requests:
    """Requests older than the one with this id, newest first."""
    if before is not None:
        start = rows.filter(pk=before).values_list("created_at", flat=True).first()
        if start is None:
            return Requests([])
        rows = rows.filter(created_at__lte=start).exclude(created_at=start, pk__gte=before)
    found = list(rows.order_by("-created_at", "-pk")[: limit + 1])
    return Requests(found[:limit], found[limit - 1].pk if len(found) > limit else None)


def every_request(rows: QuerySet[Usage]) -> Iterator[Sequence[Usage]]:
    """All requests in batches, oldest first, in bounded memory."""
    ordered = rows.order_by("created_at", "pk")
    batch = list(ordered[:_BATCH])
    while batch:
        yield batch
        last = batch[-1]
        later = ordered.filter(created_at__gte=last.created_at)
        batch = list(later.exclude(created_at=last.created_at, pk__lte=last.pk)[:_BATCH])


def refunded(user_id: int, span: Span) -> int:
    """What was given back to a person in these days, by an index that has only refunds."""
    rows = LedgerEntry.objects.filter(
        account__user_id=user_id,
        charge__isnull=False,
        created_at__gte=span.start,
        created_at__lt=span.end,
    )
    return int(rows.aggregate(sum=Sum("amount_micro", default=0))["sum"])
