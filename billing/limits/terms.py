"""What somebody's plan allows, and what the key they use allows."""

import time
from dataclasses import dataclass
from typing import Final

from django.utils import timezone

from accounts.models import ApiKey, User
from billing import plans
from billing.limits.budgets import NO_KEY, KeyTerms
from billing.models import CONCURRENCY, REQUESTS_PER_MINUTE, Account, Plan

FRESH_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Terms:
    """The limits of a plan; 0 is none."""

    plan: str = ""
    requests_per_minute: int = REQUESTS_PER_MINUTE
    concurrency: int = CONCURRENCY


_default: tuple[float, Terms] | None = None


def reset() -> None:
    """Read the default plan again at the next look."""
    global _default  # noqa: PLW0603 - the cache belongs to the process
    _default = None


def terms_of(user: User, account: Account | None = None) -> Terms:
    """What this person's plan allows now. No statement where their account is read already:
    given, or come with the user."""
    account = account or _account(user)
    plan = plans.own_plan(account, timezone.now()) if account is not None else None
    return _terms(plan) if plan is not None else _default_terms()


def for_key(key: ApiKey | None) -> KeyTerms:
    """The limits of a key itself, besides its owner's."""
    if key is None:
        return NO_KEY
    return KeyTerms(
        uid=key.uid,
        requests_per_minute=key.requests_per_minute,
        budget_day_micro=key.budget_day_micro,
        budget_month_micro=key.budget_month_micro,
    )


def _account(user: User) -> Account | None:
    cached = user._state.fields_cache
    if "account" in cached:
        found: Account | None = cached["account"]
        return found
    return Account.objects.select_related("plan").filter(user_id=user.pk).first()


def _terms(plan: Plan) -> Terms:
    return Terms(plan.name, plan.requests_per_minute or 0, plan.concurrency or 0)


def _default_terms() -> Terms:
    """Of the default plan, at most some seconds old; where there is none, what a new plan has."""
    global _default  # noqa: PLW0603 - the cache belongs to the process
    now = time.monotonic()
    if _default is None or now - _default[0] >= FRESH_SECONDS:
        plan = plans.default_plan()
        _default = (now, _terms(plan) if plan is not None else Terms())
    return _default[1]
