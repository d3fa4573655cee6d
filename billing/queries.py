"""Reading what happened to a person's credits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from django.db.models import Max, Prefetch, Q, QuerySet, Sum
from django.utils import timezone

from billing.models import MICRO, Charge, Hold, LedgerEntry, Usage

_BATCH: Final = 1000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries are asked for: of one kind, and between two days (UTC), both included."""

    kind: str = ""
    since: date | None = None
    until: date | None = None

    def of(self, rows: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
        if self.kind:
            rows = rows.filter(kind=self.kind)
        if self.since is not None:
            rows = rows.filter(created_at__gte=datetime.combine(self.since, time.min, UTC))
        if self.until is not None:
            rows = rows.filter(created_at__lte=datetime.combine(self.until, time.max, UTC))
        return rows


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of a statement, with the balance after it."""

    entry: LedgerEntry
    balance_micro: int


@dataclass(frozen=True, slots=True)
class Statement:
    """One page of a statement, newest first. `older` is where the next page begins, if any."""

    lines: list[Line] = field(default_factory=list)
    older: int | None = None


def entries_of(user_id: int) -> QuerySet[LedgerEntry]:
    return LedgerEntry.objects.filter(account__user_id=user_id).order_by("-id")


def statement(
    user_id: int, *, which: Filter | None = None, before: int | None = None, limit: int = 50
) -> Statement:
    """Entries of this person's account that are older than the entry `before`. Two queries."""
    entries = entries_of(user_id)
    asked = (which or Filter()).of(entries)
    if before is not None:
        asked = asked.filter(pk__lt=before)
    found = list(asked[: limit + 1])
    rows = found[:limit]
    if not rows:
        return Statement()
    # The balance comes from the same statement as the sums, or a charge could slip in between.
    sums = entries.filter(pk__gte=rows[-1].pk).aggregate(
        balance=Max("account__balance_micro"),
        **{
            f"after{row.pk}": Sum("amount_micro", filter=Q(pk__gt=row.pk), default=0)
            for row in rows
        },
    )
    lines = [Line(row, sums["balance"] - sums[f"after{row.pk}"]) for row in rows]
    return Statement(lines, older=rows[-1].pk if len(found) > limit else None)


def whole_statement(user_id: int, which: Filter) -> Iterator[Line]:
    """Every entry that is asked for, oldest first, in bounded memory."""
    balance = last = 0
    rows = LedgerEntry.objects.filter(account__user_id=user_id).order_by("id")
    while batch := list(rows.filter(pk__gt=last)[:_BATCH]):
        wanted = set(
            which.of(rows.filter(pk__gt=last, pk__lte=batch[-1].pk)).values_list("pk", flat=True)
        )
        for entry in batch:
            balance += entry.amount_micro
            if entry.pk in wanted:
                yield Line(entry, balance)
        last = batch[-1].pk


def open_holds(user_id: int) -> QuerySet[Hold]:
    """What is set aside for work under way, newest first."""
    return Hold.objects.filter(account__user_id=user_id, state=Hold.State.OPEN).order_by("-id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What one piece of work used and cost. `cached_tokens` are part of `input_tokens`.

    `charged_micro` is below the price where the price exceeded what had been reserved.
    """

    key: str
    model: str
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    input_multiplier_micro: int
    output_multiplier_micro: int
    charged_micro: int
    refunded_micro: int
    estimated: bool
    created_at: datetime
    entry: LedgerEntry | None = None
    refunds: tuple[LedgerEntry, ...] = ()

    @property
    def input_micro(self) -> int:
        return self.input_tokens * self.input_multiplier_micro

    @property
    def output_micro(self) -> int:
        return self.output_tokens * self.output_multiplier_micro

    @property
    def price_micro(self) -> int:
        return self.input_micro + self.output_micro

    @property
    def cost_micro(self) -> int:
        """What was paid in the end."""
        return self.charged_micro - self.refunded_micro


def receipt(user_id: int, key: str) -> Receipt | None:
    """The receipt of this person's work of that key (`turn:UID`); None while it has none.

    Work that was free has a usage and no charge.
    """
    found = receipts(user_id, [key])
    return found[0] if found else None


def receipts(user_id: int, keys: Sequence[str]) -> list[Receipt]:
    """The receipts of several pieces of this person's work, in the order of their keys."""
    rows = Charge.objects.filter(account__user_id=user_id, key__in=keys)
    charges = {charge.key: charge for charge in rows.prefetch_related(_REFUNDS)}
    free = Usage.objects.filter(user_id=user_id, key__in=set(keys) - charges.keys())
    entries = LedgerEntry.objects.filter(key__in=[f"charge:{key}" for key in charges])
    named = {entry.key.removeprefix("charge:"): entry for entry in entries}
    found = {key: _paid(charge, named.get(key)) for key, charge in charges.items()}
    found |= {usage.key: _free(usage) for usage in free}
    return [found[key] for key in keys if key in found]


_REFUNDS: Final = Prefetch("refunds", LedgerEntry.objects.order_by("id"))


def _paid(charge: Charge, entry: LedgerEntry | None) -> Receipt:
    return Receipt(
        key=charge.key,
        model=charge.model,
        input_tokens=charge.prompt_tokens,
        cached_tokens=charge.cached_tokens,
        output_tokens=charge.completion_tokens,
        input_multiplier_micro=charge.input_multiplier_micro,
        output_multiplier_micro=charge.output_multiplier_micro,
        charged_micro=charge.amount_micro,
        refunded_micro=charge.refunded_micro,
        estimated=charge.estimated,
        created_at=charge.created_at,
        entry=entry,
        refunds=tuple(charge.refunds.all()),
    )


def cached_tokens(key: str) -> int:
    """How much of the input of a piece of work its upstream had kept from before."""
    found = Usage.objects.filter(key=key).values_list("cached_tokens", flat=True).first()
    return found or 0


def _free(usage: Usage) -> Receipt:
    return Receipt(
        key=usage.key,
        model=usage.model,
        input_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.completion_tokens,
        input_multiplier_micro=0,
        output_multiplier_micro=0,
        charged_micro=0,
        refunded_micro=0,
        estimated=usage.estimated,
        created_at=usage.created_at,
    )


def exact_credits(micro: int) -> str:
    """Micro-credits as a decimal number of credits with every digit that counts."""
    whole, rest = divmod(abs(micro), MICRO)
    sign = "-" if micro < 0 else ""
    return f"{sign}{whole}.{rest:06d}".rstrip("0").rstrip(".")


def spent_by_key(user_id: int, *, days: int) -> dict[str, int]:
    """What the replies to each API key of a person cost in the last days, in micro-credits."""
    since = timezone.now() - timedelta(days=days)
    rows = Usage.objects.filter(user_id=user_id, created_at__gte=since).exclude(api_key="")
    return dict(rows.order_by().values_list("api_key").annotate(Sum("amount_micro")))
