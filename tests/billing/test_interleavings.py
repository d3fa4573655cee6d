"""No order of reserving, settling, voiding and granting breaks the ledger."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from billing import ledger
from billing.invariants import check
from billing.models import MICRO, Account
from core.errors import InsufficientCredits
from tests.billing.test_ledger import WORK
from tests.factories import UserFactory

KEYS = st.integers(0, 5).map(lambda number: f"turn:{number}")


class Ledger(RuleBasedStateMachine):
    """A model beside the tables: what each hold is, and what is left."""

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.user = UserFactory()
        self.balance = ledger.get_account(self.user.pk).balance_micro
        self.open: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.granted: set[str] = set()

    def teardown(self):
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    @rule(key=KEYS, amount=st.integers(1, 700_000))
    def reserve(self, key, amount):
        if key in self.open or key in self.ends:
            return
        amount *= MICRO
        enough = self.balance - sum(self.open.values()) >= amount
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
    def void(self, key):
        ledger.void(key=key)
        if self.open.pop(key, None) is not None:
            self.ends[key] = 0

    @rule()
    def expire(self):
        due = ledger.void_expired(timezone.now() + timedelta(minutes=2))
        assert due == len(self.open)
        self.ends.update(dict.fromkeys(self.open, 0))
        self.open.clear()

    @rule(key=st.sampled_from(["a", "b"]), amount=st.integers(1, 1000))
    def grant(self, key, amount):
        ledger.grant(user_id=self.user.pk, amount_micro=amount * MICRO, key=key)
        if key not in self.granted:
            self.granted.add(key)
            self.balance += amount * MICRO

    @invariant()
    def adds_up(self):
        account = Account.objects.get(user=self.user)
        held = sum(self.open.values())
        assert (account.balance_micro, account.held_micro) == (self.balance, held)
        assert check() == []


@pytest.mark.django_db
def test_no_order_of_events_breaks_the_ledger():
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
