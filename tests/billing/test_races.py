"""Many threads on one account, on whichever database is configured: each cause counts once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from billing import corrections, ledger, plans, vouchers, webhooks
from billing.invariants import check
from billing.models import (
    MICRO,
    Account,
    Charge,
    Hold,
    LedgerEntry,
    Plan,
    Purchase,
    Usage,
    Voucher,
)
from core.errors import Conflict, InsufficientCredits
from tests.billing.test_ledger import COST, WORK
from tests.factories import UserFactory
from tests.fakes import stripe

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


def at_once(work: Callable[[int], Any], threads: int = THREADS) -> list[Any]:
    """Run `work(n)` in several threads that start together, each on its own connection."""
    barrier = Barrier(threads)

    def run(number: int) -> Any:
        try:
            barrier.wait()
            return work(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, range(threads)))


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


def test_holds_of_plenty_never_exceed_the_balance(owner):
    account = ledger.get_account(owner.pk)
    spent = 950 * MICRO
    grab = partial(ledger.reserve, user_id=owner.pk, seconds=60)
    grab(key="turn:other", amount_micro=spent)

    def reserve(number: int) -> bool:
        try:
            grab(key=f"turn:{number}", amount_micro=20 * MICRO, seen=account)
        except IntegrityError:
            return False
        return True

    assert sorted(at_once(reserve)) == [False] * 6 + [True] * 2

    assert Account.objects.get().held_micro == 990 * MICRO
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


def test_fifty_at_once_on_credits_for_ten_are_exactly_ten(owner):
    """Each turn costs 100 of the 1,000 credits: ten are served, forty are refused."""
    ledger.get_account(owner.pk)
    usage = replace(WORK, prompt_tokens=100, completion_tokens=0)

    def turn(number: int) -> bool:
        key = f"turn:{number}"
        try:
            ledger.reserve(user_id=owner.pk, key=key, amount_micro=100 * MICRO, seconds=60)
        except InsufficientCredits:
            return False
        ledger.settle(key=key, user_id=owner.pk, usage=usage)
        return True

    served = at_once(turn, threads=50)

    assert sum(served) == 10
    account = Account.objects.get()
    assert (account.balance_micro, account.held_micro) == (0, 0)
    assert Charge.objects.count() == 10
    assert check() == []


def test_a_voucher_for_three_serves_three_of_many(settings):
    people = UserFactory.create_batch(THREADS)
    _, code = vouchers.make_voucher(amount_micro=MICRO, uses_most=3, actor="op")

    def redeem(number: int) -> bool:
        try:
            vouchers.redeem(user_id=people[number].pk, code=code)
        except Conflict:
            return False
        return True

    assert sum(at_once(redeem)) == 3
    assert Voucher.objects.get().uses == 3
    assert check() == []


def test_one_person_redeems_once(owner):
    _, code = vouchers.make_voucher(amount_micro=MICRO, uses_most=9, actor="op")

    def redeem(_: int) -> bool:
        try:
            vouchers.redeem(user_id=owner.pk, code=code)
        except Conflict:
            return False
        return True

    assert sum(at_once(redeem)) == 1
    assert (Voucher.objects.get().uses, Account.objects.get().balance_micro) == (1, 1001 * MICRO)


def test_refunds_at_once_never_exceed_the_charge(owner):
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=200 * MICRO, seconds=60)
    ledger.settle(key="turn:1", user_id=owner.pk, usage=WORK)

    def refund(number: int) -> bool:
        try:
            corrections.refund(
                charge_key="turn:1",
                key=str(number),
                amount_micro=60 * MICRO,
                reason="r",
                actor="op",
            )
        except Conflict:
            return False
        return True

    assert sum(at_once(refund)) == 2
    assert Account.objects.get().balance_micro == 980 * MICRO
    assert check() == []


def test_a_balance_is_taken_back_once_however_many_try(owner):
    def take(number: int) -> int:
        try:
            done = corrections.adjust(
                user_id=owner.pk,
                amount_micro=-600 * MICRO,
                key=str(number),
                reason="r",
                actor="op",
            )
        except Conflict:
            return 0
        return done.entry.amount_micro // MICRO

    assert sorted(at_once(take)) == [-600, -400] + [0] * (THREADS - 2)
    assert Account.objects.get().balance_micro == 0
    assert check() == []


def test_one_message_sent_many_times_counts_once(owner, shop):
    purchase = Purchase.objects.create(
        account=ledger.get_account(owner.pk), credits_micro=MICRO, price_cents=5
    )
    paid = stripe.event("checkout.session.completed", stripe.session(purchase.uid))
    refunded = stripe.event("charge.refunded", stripe.charge(purchase.uid, refunded=5))

    def take_in(number: int) -> bool:
        message = stripe.signed([paid, refunded][number % 2])
        return webhooks.take_in(message["data"].encode(), message["headers"]["Stripe-Signature"])

    assert sum(at_once(take_in)) == 2
    assert Account.objects.get().balance_micro == 1000 * MICRO
    assert Purchase.objects.get().state == "refunded"
    assert check() == []


def test_monthly_credits_come_once(owner):
    Plan.objects.create(slug="p", name="P", monthly_credits=5, is_default=True)
    ledger.get_account(owner.pk)
    now = timezone.now()

    given = at_once(lambda _: plans.give_all_monthly(now))

    assert sum(given) == 1
    assert Account.objects.get().balance_micro == 1005 * MICRO
