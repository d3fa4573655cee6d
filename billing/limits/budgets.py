"""Budgets: the most that one person, or one key, may spend in a day and in a month (UTC).

What was spent is a sum over the usage in the database, and what is held for work under way counts
as spent: no restart and no number of requests at once gets past a budget.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet, Sum
from django.utils import timezone

from billing.models import Account, Hold, Usage
from billing.queries import exact_credits
from core.errors import BudgetExceeded


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyTerms:
    """What a key may do besides what its owner may. None is no limit; a budget of 0 is nothing."""

    uid: str = ""
    requests_per_minute: int | None = None
    budget_day_micro: int | None = None
    budget_month_micro: int | None = None

    @property
    def budgets(self) -> dict[str, int]:
        """The budgets that are set, by their period."""
        return _set(self.budget_day_micro, self.budget_month_micro)

    @property
    def has_budget(self) -> bool:
        return bool(self.budgets)


NO_KEY: Final = KeyTerms()


@dataclass(frozen=True, slots=True)
class Budget:
    """How one budget stands. `held_micro` is set aside for work under way."""

    of: str
    period: str
    limit_micro: int
    spent_micro: int
    held_micro: int
    resets_at: datetime

    @property
    def left_micro(self) -> int:
        return max(0, self.limit_micro - self.spent_micro - self.held_micro)


def budgets(account: Account, key: KeyTerms = NO_KEY) -> Iterator[Budget]:
    """Every budget that is set for this person and this key, as it stands.

    Exact while the account is locked.
    """
    now = timezone.now()
    own = _set(account.budget_day_micro, account.budget_month_micro)
    for period, limit in own.items():
        start, end = _bounds(period, now)
        rows = Usage.objects.filter(user_id=account.user_id, created_at__gte=start)
        spent: int = rows.aggregate(total=Sum("amount_micro", default=0))["total"]
        yield Budget("account", period, limit, spent, account.held_micro, end)
    yield from budgets_of_keys(account.user_id, [key]).get(key.uid, [])


def budgets_of_keys(user_id: int, keys: Sequence[KeyTerms]) -> dict[str, list[Budget]]:
    """How the budgets of this person's keys stand, by the key's uid; keys without are left out.

    Three statements at most, however many they are.
    """
    found: dict[str, list[Budget]] = {key.uid: [] for key in keys if key.has_budget}
    if not found:
        return {}
    now = timezone.now()
    held = _by_key(Hold.objects.filter(account__user_id=user_id, state=Hold.State.OPEN), found)
    for period in ("day", "month"):
        limits = {key.uid: key.budgets[period] for key in keys if period in key.budgets}
        if limits:
            start, end = _bounds(period, now)
            used = Usage.objects.filter(user_id=user_id, created_at__gte=start)
            spent = _by_key(used, limits)
            for uid, limit in limits.items():
                budget = Budget("key", period, limit, spent.get(uid, 0), held.get(uid, 0), end)
                found[uid].append(budget)
    return found


def _set(day: int | None, month: int | None) -> dict[str, int]:
    return {
        period: limit for period, limit in (("day", day), ("month", month)) if limit is not None
    }


def _by_key(rows: QuerySet[Any], uids: Iterable[str]) -> dict[str, int]:
    keyed = rows.filter(api_key__in=list(uids)).order_by().values_list("api_key")
    return dict(keyed.annotate(Sum("amount_micro")))


def exceeded(account: Account, key: KeyTerms, amount_micro: int) -> BudgetExceeded | None:
    """Why setting this amount aside would exceed a budget, or None. The account is locked."""
    for budget in budgets(account, key):
        if amount_micro > budget.left_micro:
            return _refusal(budget)
    return None


def _bounds(period: str, now: datetime) -> tuple[datetime, datetime]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return today, today + timedelta(days=1)
    first = today.replace(day=1)
    return first, (first + timedelta(days=32)).replace(day=1)


def _refusal(budget: Budget) -> BudgetExceeded:
    whose = "Your" if budget.of == "account" else "This key's"
    when = "today" if budget.period == "day" else "this month"
    seconds = (budget.resets_at - timezone.now()).total_seconds()
    return BudgetExceeded(
        f"{whose} budget for {when} is {exact_credits(budget.limit_micro)} credits, and this"
        f" could exceed it: {exact_credits(budget.left_micro)} are left. It starts anew on"
        f" {budget.resets_at:%d %B} at midnight UTC.",
        code="insufficient_quota",
        retry_after=max(1, int(seconds) + 1),
    )
