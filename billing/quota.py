"""What a person may use: their plan, their credits, what this month cost, and their limits."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from billing import ledger
from billing.limits.budgets import NO_KEY, KeyTerms
from billing.limits.standing import Standing, standing
from billing.models import MICRO, Plan, Usage
from billing.plans import plan_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Months are those of UTC, as plans count them."""

    plan: Plan | None
    plan_until: datetime | None
    monthly_micro: int
    renews_at: datetime
    spent_this_month_micro: int
    balance_micro: int
    held_micro: int
    limits: Standing

    @property
    def available_micro(self) -> int:
        return self.balance_micro - self.held_micro


def quota(user: User, key: KeyTerms = NO_KEY, *, now: datetime | None = None) -> Quota:
    """What this person may use now, and this key of theirs if it is given."""
    moment = (now or timezone.now()).astimezone(UTC)
    account = ledger.get_account(user.pk)
    plan = plan_of(account, now=moment)
    month = datetime(moment.year, moment.month, 1, tzinfo=UTC)
    spent = Usage.objects.filter(user=user, created_at__gte=month).aggregate(
        sum=Sum("amount_micro", default=0)
    )
    return Quota(
        plan=plan,
        plan_until=account.plan_until if plan and plan.pk == account.plan_id else None,
        monthly_micro=plan.monthly_credits * MICRO if plan else 0,
        renews_at=_next(month),
        spent_this_month_micro=int(spent["sum"]),
        balance_micro=account.balance_micro,
        held_micro=account.held_micro,
        limits=standing(user, key, account=account),
    )


def _next(month: datetime) -> datetime:
    return month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
