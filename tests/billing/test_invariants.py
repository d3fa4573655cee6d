"""The check finds what does not add up."""

import pytest
from django.db.models import F

from billing import ledger
from billing.invariants import check
from billing.models import Account, Hold, LedgerEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(owner):
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=5, seconds=60)
    return Account.objects.get()


def test_a_sound_ledger_has_no_violations(account):
    assert check() == []


def test_a_balance_without_an_entry_is_found(account):
    Account.objects.update(balance_micro=F("balance_micro") + 1)

    assert check() == [f"account {account.pk}: the balance is not the sum of its entries"]


def test_a_hold_that_holds_nothing_is_found(account):
    Hold.objects.update(state=Hold.State.VOIDED)

    assert check() == [f"account {account.pk}: held credits are not the sum of open holds"]


def test_a_charge_entry_without_a_charge_is_found(account):
    LedgerEntry.objects.create(account=account, key="x", kind="charge", amount_micro=-1)
    Account.objects.update(balance_micro=F("balance_micro") - 1)

    assert check() == ["the charges do not add up to the ledger's charge entries"]
