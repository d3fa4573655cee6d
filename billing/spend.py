"""What everybody together used and spent, for operators: by person, model and day, and for free."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncMinute

from accounts.models import User
from billing import usage
from billing.models import Usage
from billing.usage import Share, Span, Sums

DAYS_MOST: Final = 92
"""Fewer than of one person: everybody's rows are read."""
ROWS_MOST: Final = 50
_HOUR: Final = 60


def span_of(now: datetime, *, since: date | None = None, until: date | None = None) -> Span:
    """What was asked for, within bounds, in days of UTC; the last thirty where nothing was."""
    return usage.span_of(now, ZoneInfo("UTC"), since=since, until=until, most=DAYS_MOST)


def _rows() -> QuerySet[Usage]:
    return Usage.objects.order_by()


@dataclass(frozen=True, slots=True)
class Spend:
    """Sums over everybody. `users` and `models` are those that cost most, with their names.

    The value of a user is their id; `days` has every day of the span, oldest first.
    """

    totals: Sums
    users: list[tuple[str, Share]]
    models: list[tuple[str, Share]]
    days: list[tuple[date, Sums]]

    @property
    def day_most(self) -> int:
        return max(sums.amount_micro for _, sums in self.days)


def spend(span: Span) -> Spend:
    """Four queries."""
    rows = span.of(_rows())
    users = usage.shares(rows, "user_id", limit=ROWS_MOST)
    handles = dict(
        User.objects.filter(pk__in=[share.value for share in users]).values_list("pk", "handle")
    )
    models = usage.shares(rows, "model", limit=ROWS_MOST)
    found = usage.by_day(rows, span, "model", [])
    days = [(day, found.get((day, None), Sums())) for day in span.days]
    totals = Sums()
    for _, sums in days:
        totals = totals.plus(sums)
    return Spend(
        totals,
        [(handles.get(share.value, ""), share) for share in users],
        [(share.value, share) for share in models],
        days,
    )


def spent_micro(span: Span) -> int:
    """What all of it cost. One query."""
    return usage.totals(span.of(_rows())).amount_micro


@dataclass(frozen=True, slots=True)
class Eager:
    """A person who had free replies within the hour: how many, and in the last minute."""

    user_id: int
    handle: str
    hour: int
    minute: int


@dataclass(frozen=True, slots=True)
class FreeReplies:
    """Free replies of the last hour: in each of its minutes, oldest first, and who had most."""

    minutes: list[tuple[datetime, int]]
    eager: list[Eager]

    @property
    def hour(self) -> int:
        return sum(count for _, count in self.minutes)

    @property
    def most(self) -> int:
        return max(count for _, count in self.minutes)


def free_replies(now: datetime) -> FreeReplies:
    """How much the free models wrote. Two queries over one hour of rows."""
    this_minute = now.replace(second=0, microsecond=0)
    start = this_minute - timedelta(minutes=_HOUR - 1)
    rows = _rows().filter(created_at__gte=start, amount_micro=0)
    counted = rows.values(at=TruncMinute("created_at", tzinfo=UTC)).annotate(turns=Count("pk"))
    found = {row["at"]: row["turns"] for row in counted}
    minutes = [start + timedelta(minutes=n) for n in range(_HOUR)]
    last = Count("pk", filter=Q(created_at__gt=now - timedelta(minutes=1)))
    eager = rows.values("user_id", "user__handle").annotate(hour=Count("pk"), minute=last)
    return FreeReplies(
        [(at, found.get(at, 0)) for at in minutes],
        [
            Eager(row["user_id"], row["user__handle"], row["hour"], row["minute"])
            for row in eager.order_by("-minute", "-hour", "user_id")[:ROWS_MOST]
        ],
    )
