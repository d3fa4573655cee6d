"""Many threads on one account, on whichever database is configured: each cause counts once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from billing import ledger
from billing.invariants import check
from billing.models import MICRO, Account, Charge, Hold, LedgerEntry, Usage
from core.errors import InsufficientCredits
from tests.billing.test_ledger import COST, WORK

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """Run `work(n)` in several threads that start together, each on its own connection."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Any:
        try:
            barrier.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_an_account_opens_once_for_many(owner):
    accounts = at_once(lambda _: ledger.get_account(owner.pk))

    assert {(account.pk, account.balance_micro) for account in accounts} == {
        (Account.objects.get().pk, 1000 * MICRO)
    }
    assert LedgerEntry.objects.count() == 1


def test_holds_never_exceed_the_balance(owner):
    def reserve(number: int) -> bool:
        try:
            ledger.reserve(
                user_id=owner.pk, key=f"turn:{number}", amount_micro=300 * MICRO, seconds=60
            )
        except InsufficientCredits:
            return False
        return True

    assert sorted(at_once(reserve)) == [False] * 5 + [True] * 3

    assert (Account.objects.get().held_micro, Hold.objects.count()) == (900 * MICRO, 3)
    assert check() == []


def test_a_hold_is_settled_once(owner):
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=200 * MICRO, seconds=60)

    amounts = at_once(lambda _: ledger.settle(key="turn:1", user_id=owner.pk, usage=WORK))

    assert amounts == [COST] * THREADS
    assert Account.objects.get().balance_micro == 860 * MICRO
    assert (Charge.objects.count(), Usage.objects.count()) == (1, 1)
    assert check() == []


def test_a_hold_is_settled_or_voided_but_never_both(owner):
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=200 * MICRO, seconds=60)

    def end(number: int) -> int | None:
        if number % 2:
            return ledger.void(key="turn:1")
        return ledger.settle(key="turn:1", user_id=owner.pk, usage=WORK)

    ends = at_once(end)

    account, state = Account.objects.get(), Hold.objects.get().state
    charged = COST if state == "settled" else 0
    assert set(ends) == {None, charged}
    assert (account.balance_micro, account.held_micro) == (1000 * MICRO - charged, 0)
    assert check() == []


def test_free_work_is_counted_once(owner):
    assert (
        at_once(lambda _: ledger.settle(key="turn:1", user_id=owner.pk, usage=WORK))
        == [0] * THREADS
    )

    assert Usage.objects.count() == 1


def test_a_grant_is_booked_once(owner):
    entries = at_once(lambda _: ledger.grant(user_id=owner.pk, amount_micro=MICRO, key="g").pk)

    assert len(set(entries)) == 1
    assert Account.objects.get().balance_micro == 1001 * MICRO
    assert check() == []
