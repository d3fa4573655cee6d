"""Budgets: sums over the database, exact to the micro-credit, whatever comes at once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import time_machine

from accounts.models import AuditEntry
from billing import ledger
from billing.invariants import check
from billing.limits.budgets import NO_KEY, KeyTerms, budgets, budgets_of_keys
from billing.limits.changes import set_budgets
from billing.models import MICRO, Account, Hold, Usage
from core.errors import BudgetExceeded, InsufficientCredits, Invalid
from tests.billing.test_ledger import WORK
from tests.billing.test_races import at_once

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def budget(user, *, day: int | None = None, month: int | None = None) -> None:
    set_budgets(
        user_id=user.pk,
        day_micro=None if day is None else day * MICRO,
        month_micro=None if month is None else month * MICRO,
        reason="r",
        actor="op",
    )


def spend(user, number: int, credits_: int, by: KeyTerms = NO_KEY) -> None:
    """Hold and settle exactly that many credits."""
    key = f"turn:{number}"
    ledger.reserve(user_id=user.pk, key=key, amount_micro=credits_ * MICRO, seconds=60, by=by)
    usage = replace(WORK, prompt_tokens=credits_, completion_tokens=0, api_key=by.uid)
    ledger.settle(key=key, user_id=user.pk, usage=usage)


def refused(user, credits_: int, by: KeyTerms = NO_KEY) -> BudgetExceeded:
    """The refusal of that many credits, which changed nothing."""
    before = list(Account.objects.values()), Hold.objects.count(), Usage.objects.count()
    with pytest.raises(BudgetExceeded) as caught:
        ledger.reserve(
            user_id=user.pk, key="turn:no", amount_micro=credits_ * MICRO, seconds=60, by=by
        )
    assert (list(Account.objects.values()), Hold.objects.count(), Usage.objects.count()) == before
    return caught.value


@pytest.mark.django_db
def test_the_budget_of_a_day_is_spent_to_the_last_credit(owner):
    budget(owner, day=100)
    with time_machine.travel(NOON, tick=False):
        spend(owner, 1, 60)
        error = refused(owner, 41)
        spend(owner, 2, 40)

    assert (error.status, error.code) == (429, "insufficient_quota")
    assert error.retry_after == 12 * 3600 + 1
    assert error.message == (
        "Your budget for today is 100 credits, and this could exceed it: 40 are left."
        " It starts anew on 01 December at midnight UTC."
    )
    assert check() == []


@pytest.mark.django_db
def test_it_starts_anew_the_next_day_and_the_month_goes_on(owner):
    budget(owner, day=100, month=150)
    with time_machine.travel(NOON.replace(day=29), tick=False):
        spend(owner, 1, 100)
        refused(owner, 1)
    with time_machine.travel(NOON, tick=False):
        error = refused(owner, 51)
        spend(owner, 2, 50)
    with time_machine.travel(datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC), tick=False):
        spend(owner, 3, 100)

    assert error.message.startswith("Your budget for this month is 150 credits")


@pytest.mark.django_db
def test_what_is_held_counts_as_spent_until_it_is_released(owner):
    budget(owner, day=100)
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=80 * MICRO, seconds=60)
    refused(owner, 21)

    ledger.void(key="turn:1")

    spend(owner, 2, 100)


@pytest.mark.django_db
def test_a_budget_of_nothing_lets_nothing_be_spent_but_free_work(owner):
    budget(owner, day=0)

    refused(owner, 1)
    ledger.reserve(user_id=owner.pk, key="turn:free", amount_micro=0, seconds=60)


@pytest.mark.django_db
def test_credits_come_before_budgets(owner, settings):
    settings.STARTING_GRANT_CREDITS = 10
    budget(owner, day=5)

    with pytest.raises(InsufficientCredits) as caught:
        ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=11 * MICRO, seconds=60)

    assert not isinstance(caught.value, BudgetExceeded)


@pytest.mark.django_db
def test_a_key_has_a_budget_of_its_own(owner):
    """Neither what another key spent nor what it holds counts."""
    tight = KeyTerms(uid="k1", budget_day_micro=50 * MICRO)
    other = KeyTerms(uid="k2", budget_day_micro=50 * MICRO)
    spend(owner, 1, 30, tight)
    spend(owner, 2, 50, other)
    ledger.reserve(user_id=owner.pk, key="turn:3", amount_micro=9 * MICRO, seconds=60)
    ledger.reserve(user_id=owner.pk, key="turn:4", amount_micro=15 * MICRO, seconds=60, by=tight)

    error = refused(owner, 6, tight)

    assert error.message.startswith("This key's budget for today is 50 credits")
    spend(owner, 5, 5, tight)
    spend(owner, 6, 60)
    assert check() == []


@pytest.mark.django_db
def test_a_budget_stands_as_it_says(owner):
    budget(owner, month=100)
    with time_machine.travel(NOON, tick=False):
        spend(owner, 1, 30)
        ledger.reserve(user_id=owner.pk, key="turn:2", amount_micro=20 * MICRO, seconds=60)
        [found] = budgets(ledger.get_account(owner.pk))

    assert (found.of, found.period, found.limit_micro) == ("account", "month", 100 * MICRO)
    assert (found.spent_micro, found.held_micro, found.left_micro) == (
        30 * MICRO,
        20 * MICRO,
        50 * MICRO,
    )
    assert found.resets_at == datetime(2026, 12, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_budgets_of_keys_stand_side_by_side(owner, stranger, django_assert_max_num_queries):
    day = KeyTerms(uid="a", budget_day_micro=50 * MICRO)
    both = KeyTerms(uid="b", budget_day_micro=9 * MICRO, budget_month_micro=90 * MICRO)
    with time_machine.travel(NOON, tick=False):
        spend(owner, 1, 30, day)
        spend(owner, 2, 8, both)
        spend(owner, 3, 5)
        spend(stranger, 4, 7, day)
        ledger.reserve(user_id=owner.pk, key="turn:5", amount_micro=MICRO, seconds=60, by=day)
        account = ledger.get_account(owner.pk)
        with django_assert_max_num_queries(3):
            found = budgets_of_keys(owner.pk, [day, NO_KEY, both])

        assert found == {
            key.uid: [one for one in budgets(account, key) if one.of == "key"]
            for key in (day, both)
        }
    assert {
        uid: [(b.period, b.spent_micro, b.left_micro) for b in of] for uid, of in found.items()
    } == {
        "a": [("day", 30 * MICRO, 19 * MICRO)],
        "b": [("day", 8 * MICRO, MICRO), ("month", 8 * MICRO, 82 * MICRO)],
    }


@pytest.mark.django_db
def test_setting_budgets_is_noted(owner):
    budget(owner, day=100)
    budget(owner, month=0)

    account = Account.objects.get()
    assert (account.budget_day_micro, account.budget_month_micro) == (None, 0)
    entry = AuditEntry.objects.first()
    assert (entry.action, entry.user, entry.reason) == ("budgets.set", owner, "r")
    assert entry.before == {"day_micro": 100 * MICRO, "month_micro": None}
    assert entry.after == {"day_micro": None, "month_micro": 0}
    with pytest.raises(Invalid):
        budget(owner, day=-1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("whose", ["account", "key"])
def test_many_at_once_never_exceed_a_budget(owner, whose):
    by = NO_KEY
    if whose == "key":
        by = KeyTerms(uid="k1", budget_day_micro=100 * MICRO)
    else:
        budget(owner, day=100)

    def turn(number: int) -> bool:
        try:
            spend(owner, number, 30, by)
        except BudgetExceeded:
            return False
        return True

    assert sum(at_once(turn)) == 3
    assert check() == []
