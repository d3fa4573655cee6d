"""No order of what may happen to credits breaks the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from billing import corrections, invariants, ledger, vouchers, webhooks
from billing.models import MICRO, Account, Purchase
from core.errors import Conflict, InsufficientCredits, NotFound, RateLimited
from tests.billing.test_ledger import WORK
from tests.factories import UserFactory
from tests.fakes import stripe

KEYS = st.integers(0, 5).map(lambda number: f"turn:{number}")
FEW = st.integers(0, 2)
PRICE = 700
BOUGHT = 123_457 * MICRO


class Rules:
    """All rules of the ledger as one statement, compiled once: it runs after each step."""

    def __init__(self):
        compiled = [rule().order_by().query.sql_with_params() for rule, _ in invariants._RULES]
        self.sql = "SELECT " + " OR ".join(f"EXISTS ({sql})" for sql, _ in compiled)
        self.values = [value for _, values in compiled for value in values]

    def are_kept(self) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.values)
            return not cursor.fetchone()[0]


class Ledger(RuleBasedStateMachine):
    """A model beside the tables: what each hold is, what was given back, and what is left."""

    def __init__(self):
        super().__init__()
        self.rules = Rules()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.user = UserFactory()
        self.account = ledger.get_account(self.user.pk)
        self.balance = self.account.balance_micro
        self.open: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.refunded: dict[str, int] = {}
        self.done: set[str] = set()
        self.code = vouchers.make_voucher(amount_micro=77 * MICRO, actor="op", uses_most=2)[1]
        self.paid: set[int] = set()
        self.paid_back: dict[int, int] = {}
        self.purchases = [
            Purchase.objects.create(
                account=self.account, credits_micro=BOUGHT, price_cents=PRICE, currency="usd"
            )
            for _ in range(3)
        ]

    def teardown(self):
        assert invariants.check() == []
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @property
    def available(self) -> int:
        return self.balance - sum(self.open.values())

    def first(self, key: str) -> bool:
        """Whether this cause is new."""
        is_new = key not in self.done
        self.done.add(key)
        return is_new

    @rule(key=KEYS, amount=st.integers(1, 700_000))
    def reserve(self, key, amount):
        if key in self.open or key in self.ends:
            return
        amount *= MICRO
        enough = self.available >= amount
        try:
            ledger.reserve(user_id=self.user.pk, key=key, amount_micro=amount, seconds=60)
        except InsufficientCredits:
            assert not enough
        else:
            assert enough
            self.open[key] = amount

    @rule(key=KEYS, tokens=st.integers(0, 900_000))
    def settle(self, key, tokens):
        usage = replace(WORK, prompt_tokens=tokens, completion_tokens=0)
        charged = ledger.settle(key=key, user_id=self.user.pk, usage=usage)
        if key in self.open:
            self.ends[key] = min(tokens * MICRO, self.open.pop(key))
            self.balance -= self.ends[key]
        assert charged == self.ends.get(key, 0)

    @rule(key=KEYS)
    def cancel(self, key):
        ledger.void(key=key)
        if self.open.pop(key, None) is not None:
            self.ends[key] = 0

    @rule()
    def crash(self):
        """The process is gone: its holds run out and the sweeper finds them."""
        due = ledger.void_expired(timezone.now() + timedelta(minutes=2))
        assert due == len(self.open)
        self.ends.update(dict.fromkeys(self.open, 0))
        self.open.clear()

    @rule(number=FEW)
    def grant(self, number):
        amount = (number + 1) * 1000 * MICRO
        ledger.grant(user_id=self.user.pk, amount_micro=amount, key=str(number))
        if self.first(f"grant {number}"):
            self.balance += amount

    @rule(key=KEYS, number=st.integers(0, 3), amount=st.none() | st.integers(1, 500_000))
    def refund(self, key, number, amount):
        cause = f"refund {key} {number}"
        left = self.ends.get(key, 0) - self.refunded.get(key, 0)
        asked = left if amount is None else amount * MICRO
        try:
            corrections.refund(
                charge_key=key,
                key=cause,
                reason="r",
                actor="op",
                amount_micro=None if amount is None else asked,
            )
        except Conflict:
            assert cause not in self.done
            assert asked > left or not left
        except NotFound:
            assert self.ends.get(key, 0) == 0
        else:
            if self.first(cause):
                assert 0 < asked <= left
                self.refunded[key] = self.refunded.get(key, 0) + asked
                self.balance += asked

    @rule(number=FEW, amount=st.integers(-2_000_000, 2_000_000).filter(bool))
    def adjust(self, number, amount):
        cause = f"adjust {number}"
        taken = max(amount * MICRO, -self.available)
        try:
            corrections.adjust(
                user_id=self.user.pk,
                amount_micro=amount * MICRO,
                key=cause,
                reason="r",
                actor="op",
            )
        except Conflict:
            assert (taken, cause in self.done) == (0, False)
        else:
            if self.first(cause):
                self.balance += taken

    @rule()
    def voucher(self):
        try:
            vouchers.redeem(user_id=self.user.pk, code=self.code)
        except Conflict:
            assert not self.first("voucher")
        except RateLimited:
            pass
        else:
            assert self.first("voucher")
            self.balance += 77 * MICRO

    @rule(number=FEW, replay=st.integers(0, 1))
    def pay(self, number, replay):
        self.tell("checkout.session.completed", number, replay, stripe.session)
        if number not in self.paid:
            self.paid.add(number)
            self.balance += BOUGHT
            self.take_back(0, self.paid_back.get(number, 0))

    @rule(number=FEW)
    def expire(self, number):
        self.tell("checkout.session.expired", number, 0, stripe.session)

    @rule(number=FEW, cents=st.integers(1, PRICE))
    def pay_back(self, number, cents):
        def charge(uid):
            return stripe.charge(uid, refunded=cents)

        self.tell("charge.refunded", number, cents, charge)
        before = self.paid_back.get(number, 0)
        if cents > before:
            self.paid_back[number] = cents
            if number in self.paid:
                self.take_back(before, cents)

    def take_back(self, before, cents):
        owed = BOUGHT * cents // PRICE - BOUGHT * before // PRICE
        self.balance -= min(owed, self.available)

    def tell(self, kind, number, replay, build):
        uid = f"evt_{kind}_{number}_{replay}"
        event = stripe.event(kind, build(self.purchases[number].uid), uid=uid)
        message = stripe.signed(event)
        is_new = webhooks.take_in(message["data"].encode(), message["headers"]["Stripe-Signature"])
        assert is_new == self.first(uid)

    @invariant()
    def adds_up(self):
        account = Account.objects.get(user=self.user)
        held = sum(self.open.values())
        assert (account.balance_micro, account.held_micro) == (self.balance, held)
        assert self.rules.are_kept() or invariants.check() == []


@pytest.mark.django_db
def test_no_order_of_events_breaks_the_ledger(shop):
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=50,
            stateful_step_count=60,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
