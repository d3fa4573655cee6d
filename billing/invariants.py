"""What must be true of the ledger at any instant.

Each rule is one statement of the database, which sees one moment: the check may run while
credits move. What it returns are the rows that break a rule, however many rows there are.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final

from django.db.models import (
    BigIntegerField,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Coalesce, Concat, Substr
from django.utils import timezone

from billing.models import Account, Charge, Hold, LedgerEntry, Purchase, Voucher

TOLD_MOST: Final = 100
_LATE: Final = timedelta(minutes=15)
_PREFIX: Final = "charge:"
_Kind = LedgerEntry.Kind


def check() -> list[str]:
    """Every violation found, in words, `TOLD_MOST` of a kind; empty for a sound ledger."""
    return list(find())


def find() -> Iterator[str]:
    for rule, words in _RULES:
        broken = list(rule().values_list("pk", flat=True)[: TOLD_MOST + 1])
        for pk in broken[:TOLD_MOST]:
            yield words.format(pk)
        if len(broken) > TOLD_MOST:
            yield f"and more: {words.format('…')}"


def _total(rows: QuerySet[Any], by: str) -> Coalesce:
    """The sum of the amounts of these rows for the outer row that `by` names, or 0."""
    sums = rows.filter(**{by: OuterRef("pk")}).order_by().values(by)
    total = sums.annotate(total=Sum("amount_micro")).values("total")
    return Coalesce(Subquery(total, output_field=BigIntegerField()), 0)


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    counts = rows.filter(**{by: OuterRef("pk")}).order_by().values(by)
    count = counts.annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(count, output_field=BigIntegerField()), 0)


def _balances() -> QuerySet[Any]:
    entries = _total(LedgerEntry.objects.all(), "account")
    return Account.objects.annotate(entries_sum=entries).exclude(balance_micro=F("entries_sum"))


def _held() -> QuerySet[Any]:
    holds = _total(Hold.objects.filter(state=Hold.State.OPEN), "account")
    return Account.objects.annotate(open_sum=holds).exclude(held_micro=F("open_sum"))


def _below_zero() -> QuerySet[Any]:
    return Account.objects.filter(Q(held_micro__lt=0) | Q(balance_micro__lt=F("held_micro")))


def _charges_without_entry() -> QuerySet[Any]:
    entry = LedgerEntry.objects.filter(
        key=Concat(Value(_PREFIX), OuterRef("key")),
        kind=_Kind.CHARGE,
        account=OuterRef("account"),
        amount_micro=-OuterRef("amount_micro"),
    )
    return Charge.objects.filter(~Exists(entry), amount_micro__gt=0)


def _entries_without_charge() -> QuerySet[Any]:
    charge = Charge.objects.filter(
        key=Substr(OuterRef("key"), len(_PREFIX) + 1),
        account=OuterRef("account"),
        amount_micro=-OuterRef("amount_micro"),
    )
    return LedgerEntry.objects.filter(~Exists(charge), kind=_Kind.CHARGE)


def _refunds() -> QuerySet[Any]:
    refunds = _total(LedgerEntry.objects.filter(kind=_Kind.REFUND), "charge")
    return Charge.objects.annotate(refund_sum=refunds).exclude(
        refunded_micro=F("refund_sum"), refund_sum__lte=F("amount_micro")
    )


def _refunds_of_others() -> QuerySet[Any]:
    return LedgerEntry.objects.filter(kind=_Kind.REFUND).exclude(charge__account=F("account"))


def _charges_beyond_holds() -> QuerySet[Any]:
    hold = Hold.objects.filter(
        key=OuterRef("key"),
        account=OuterRef("account"),
        state=Hold.State.SETTLED,
        amount_micro__gte=OuterRef("amount_micro"),
    )
    return Charge.objects.filter(~Exists(hold))


def _settled_without_charge() -> QuerySet[Any]:
    charge = Charge.objects.filter(key=OuterRef("key"))
    return Hold.objects.filter(~Exists(charge), state=Hold.State.SETTLED)


def _late_holds() -> QuerySet[Any]:
    return Hold.objects.filter(state=Hold.State.OPEN, expires_at__lt=timezone.now() - _LATE)


def _voucher_uses() -> QuerySet[Any]:
    uses = _count(LedgerEntry.objects.filter(kind=_Kind.VOUCHER), "voucher")
    return Voucher.objects.annotate(entry_count=uses).exclude(uses=F("entry_count"))


def _purchases() -> QuerySet[Any]:
    bought = LedgerEntry.objects.filter(kind=_Kind.PURCHASE, account=F("purchase__account"))
    is_paid = Q(state__in=(Purchase.State.PAID, Purchase.State.REFUNDED))
    return Purchase.objects.annotate(
        entry_count=_count(LedgerEntry.objects.filter(kind=_Kind.PURCHASE), "purchase"),
        entry_sum=_total(bought, "purchase"),
    ).exclude(
        (is_paid & Q(entry_sum=F("credits_micro"), entry_count__lte=1))
        | (~is_paid & Q(entry_count=0))
    )


_RULES: Final[tuple[tuple[Callable[[], QuerySet[Any]], str], ...]] = (
    (_balances, "account {}: the balance is not the sum of its entries"),
    (_held, "account {}: held credits are not the sum of open holds"),
    (_below_zero, "account {}: less than nothing is held or available"),
    (_charges_without_entry, "charge {}: it has no entry of its amount"),
    (_entries_without_charge, "entry {}: it has no charge of its amount"),
    (_refunds, "charge {}: its refunds do not add up, or exceed it"),
    (_refunds_of_others, "entry {}: it refunds a charge of another account"),
    (_charges_beyond_holds, "charge {}: no settled hold covers it"),
    (_settled_without_charge, "hold {}: it is settled and was not charged"),
    (_late_holds, "hold {}: it is open long past its deadline"),
    (_voucher_uses, "voucher {}: its uses are not its entries"),
    (_purchases, "purchase {}: what was paid and what was given differ"),
)
