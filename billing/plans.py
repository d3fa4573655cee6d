"""Plans: which one an account has, and the credits it brings each month."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q, Subquery, Sum
from django.utils import timezone

from accounts import audit
from billing import ledger
from billing.models import MICRO, Account, LedgerEntry, Plan

_BATCH: Final = 500


def default_plan() -> Plan | None:
    """The plan of people who have none."""
    return Plan.objects.filter(is_default=True).first()


def plan_of(account: Account, *, now: datetime | None = None) -> Plan | None:
    """The plan that counts now: the account's own until it runs out, else the default."""
    return own_plan(account, now or timezone.now()) or default_plan()


def own_plan(account: Account, now: datetime) -> Plan | None:
    """The account's own plan, while it lasts."""
    is_over = account.plan_until is not None and account.plan_until <= now
    return None if is_over else account.plan


def rank_of(user_id: int) -> int:
    """The rank of the plan that counts now for a person; 0 without any. One statement."""
    runs = Q(plan_until=None) | Q(plan_until__gt=timezone.now())
    own = Account.objects.filter(runs, user_id=user_id).values("plan")[:1]
    plans = Plan.objects.filter(Q(pk=Subquery(own)) | Q(is_default=True))
    # One's own comes first; the default is read along for whoever has none.
    return plans.order_by("is_default").values_list("rank", flat=True).first() or 0


def set_plan(
    *, user_id: int, plan: Plan | None, until: datetime | None, reason: str, actor: str
) -> None:
    """Give a person a plan, for ever or until a time, or take it away. By an operator."""
    with transaction.atomic():
        account = ledger.lock_account(user_id)
        before = _told(account)
        account.plan, account.plan_until = plan, until if plan else None
        account.save(update_fields=["plan", "plan_until"])
        audit.record(
            actor=actor,
            action="plan.set",
            user_id=user_id,
            target=str(account),
            reason=reason,
            before=before,
            after=_told(account),
        )


def _told(account: Account) -> dict[str, str | None]:
    until = account.plan_until.isoformat() if account.plan_until else None
    return {"plan": account.plan.slug if account.plan else None, "until": until}


def give_monthly(user_id: int, *, now: datetime) -> LedgerEntry | None:
    """The credits of this UTC month, once. Whoever changes to a larger plan gets the difference."""
    with transaction.atomic():
        account = ledger.lock_account(user_id)
        plan = plan_of(account, now=now)
        if plan is None:
            return None
        key = _key(account, plan, now)
        entries = LedgerEntry.objects.filter(account=account, kind=LedgerEntry.Kind.PLAN)
        this_month = entries.filter(key__startswith=f"plan:{account.pk}:{now:%Y-%m}:")
        given = this_month.aggregate(total=Sum("amount_micro", default=0))["total"]
        owed = plan.monthly_credits * MICRO - given
        if owed <= 0 or this_month.filter(key=key).exists():
            return None
        entry = LedgerEntry(
            account=account,
            key=key,
            kind=LedgerEntry.Kind.PLAN,
            amount_micro=owed,
            note=f"{plan.name}, {now:%B %Y}",
        )
        return ledger.book(entry)[0]


def _key(account: Account, plan: Plan, now: datetime) -> str:
    return f"plan:{account.pk}:{now:%Y-%m}:{plan.pk}"


def give_all_monthly(now: datetime) -> int:
    """Give every account what it has not had of this month. Returns to how many."""
    given = 0
    for batch in _batches():
        default = default_plan()
        keys = {
            _key(account, plan, now): account.user_id
            for account in batch
            if (plan := own_plan(account, now) or default) and plan.monthly_credits
        }
        found = LedgerEntry.objects.filter(key__in=keys).values_list("key", flat=True)
        for key in keys.keys() - set(found):
            given += give_monthly(keys[key], now=now) is not None
    return given


def _batches() -> Iterator[list[Account]]:
    """All accounts of people who are not switched off, in bounded memory."""
    last = 0
    live = Account.objects.filter(user__is_active=True).select_related("plan").order_by("pk")
    while batch := list(live.filter(pk__gt=last)[:_BATCH]):
        yield batch
        last = batch[-1].pk
