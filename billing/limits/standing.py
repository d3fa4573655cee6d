"""How somebody stands with their limits, and how busy the free models are. Nothing is counted."""

import math
from dataclasses import dataclass

from django.conf import settings

from accounts.models import User
from billing import ledger
from billing.limits import store
from billing.limits.admission import free_rules, request_rules, seat_of
from billing.limits.budgets import NO_KEY, Budget, KeyTerms, budgets
from billing.limits.rules import Rule, Window, allowance
from billing.limits.terms import terms_of
from billing.models import Account


@dataclass(frozen=True, slots=True)
class Limit:
    """So many a minute. `left`, and the seconds until all are there again, are None where Redis
    does not answer. `usual` is more than `limit` while the site is busy.
    """

    limit: int
    usual: int
    left: int | None = None
    reset_seconds: int | None = None

    @property
    def is_tightened(self) -> bool:
        return self.limit < self.usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What somebody may do now and what they have used of it.

    `requests`, `key` and `free` are None where nothing is limited; `key` also where none was asked
    about. `concurrency` 0 is no limit; `running` is None where it is not known or not counted.
    """

    plan: str
    requests: Limit | None
    key: Limit | None
    free: Limit | None
    concurrency: int
    running: int | None
    budgets: tuple[Budget, ...]
    is_known: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressure:
    """How busy the free models are. `allowance` is each person's part of a minute now.

    It is `base` up to `calm` free turns of the whole site in a minute. `base` 0 is no limit. A
    `turns` of None: Redis does not answer.
    """

    turns: int | None
    calm: int
    base: int
    allowance: int


def standing(user: User, key: KeyTerms = NO_KEY, *, account: Account | None = None) -> Standing:
    """This person's limits, with those of one of their keys if it is given.

    Whoever has read their account brings it.
    """
    account = account or ledger.get_account(user.pk)
    terms = terms_of(user, account)
    rules: list[Rule] = [*request_rules(user.pk, terms, key), *free_rules(user.pk)]
    seat = seat_of(user.pk, terms.concurrency) if terms.concurrency else None
    verdict = store.take(rules, seat, counts=False)
    windows = {window.name: window for window in verdict.windows} if verdict else {}
    limits = {rule.name: _limit(rule, windows.get(rule.name)) for rule in rules}
    return Standing(
        plan=terms.plan,
        requests=limits.get("requests"),
        key=limits.get("key"),
        free=limits.get("free"),
        concurrency=terms.concurrency,
        running=verdict.seats if verdict and seat else None,
        budgets=tuple(budgets(account, key)),
        is_known=verdict is not None,
    )


def _limit(rule: Rule, window: Window | None) -> Limit:
    if window is None:
        return Limit(rule.limit, rule.limit)
    return Limit(window.limit, rule.limit, window.remaining, math.ceil(window.reset_seconds))


def pressure() -> Pressure:
    """How busy the free models are, over all processes that share a store."""
    verdict = store.take([], counts=False)
    base, calm = settings.FREE_TURNS, settings.FREE_SITE_TURNS
    load = verdict.load if verdict else 0
    return Pressure(
        turns=verdict.load if verdict else None,
        calm=calm,
        base=base,
        allowance=allowance(base, calm, load) if base else 0,
    )
