"""The check finds what does not add up."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from billing import corrections, invariants, ledger, vouchers
from billing.invariants import check
from billing.models import MICRO, Account, Charge, Hold, LedgerEntry, Purchase, Voucher
from tests.billing.test_ledger import settle

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(owner):
    ledger.reserve(user_id=owner.pk, key="turn:1", amount_micro=500 * MICRO, seconds=60)
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
    entry = LedgerEntry(account=account, key="x", kind="charge", amount_micro=-1)
    ledger.book(entry)

    assert check() == [f"entry {entry.pk}: it has no charge of its amount"]


def test_a_charge_without_its_entry_is_found(owner, account):
    settle(owner)
    Charge.objects.update(amount_micro=F("amount_micro") + 1)

    charge, entry = Charge.objects.get(), LedgerEntry.objects.get(kind="charge")
    assert check() == [
        f"charge {charge.pk}: it has no entry of its amount",
        f"entry {entry.pk}: it has no charge of its amount",
    ]


def test_a_charge_beyond_its_hold_is_found(owner, account):
    settle(owner)
    Hold.objects.update(amount_micro=1)

    assert check() == [f"charge {Charge.objects.get().pk}: no settled hold covers it"]


def test_a_settled_hold_without_a_charge_is_found(account):
    hold = Hold.objects.create(
        key="x", account=account, amount_micro=1, state="settled", expires_at=timezone.now()
    )

    assert check() == [f"hold {hold.pk}: it is settled and was not charged"]


def test_a_hold_long_past_its_deadline_is_found(account):
    Hold.objects.update(expires_at=timezone.now() - timedelta(minutes=14))
    soon = check()
    Hold.objects.update(expires_at=timezone.now() - timedelta(minutes=16))

    assert (soon, check()) == (
        [],
        [f"hold {Hold.objects.get().pk}: it is open long past its deadline"],
    )


def test_refunds_that_do_not_add_up_are_found(owner, account):
    settle(owner)
    corrections.refund(charge_key="turn:1", key="r", reason="sorry", actor="op", amount_micro=1)
    Charge.objects.update(refunded_micro=2)

    assert check() == [f"charge {Charge.objects.get().pk}: its refunds do not add up, or exceed it"]


def test_a_refund_to_somebody_else_is_found(owner, stranger, account):
    settle(owner)
    entry = LedgerEntry(
        account=ledger.get_account(stranger.pk),
        key="x",
        kind="refund",
        amount_micro=1,
        charge=Charge.objects.get(),
    )
    ledger.book(entry)
    Charge.objects.update(refunded_micro=1)

    assert check() == [f"entry {entry.pk}: it refunds a charge of another account"]


def test_voucher_uses_that_are_no_entries_are_found(owner):
    voucher, code = vouchers.make_voucher(amount_micro=MICRO, uses_most=3, actor="op")
    vouchers.redeem(user_id=owner.pk, code=code)
    sound = check()
    Voucher.objects.update(uses=2)

    assert (sound, check()) == ([], [f"voucher {voucher.pk}: its uses are not its entries"])


@pytest.mark.parametrize("state", ["paid", "refunded"])
def test_a_paid_purchase_that_gave_nothing_is_found(account, state):
    purchase = Purchase.objects.create(account=account, credits_micro=5, state=state)

    assert check() == [f"purchase {purchase.pk}: what was paid and what was given differ"]


def test_credits_of_an_unpaid_purchase_are_found(account):
    purchase = Purchase.objects.create(account=account, credits_micro=5)
    sound = check()
    ledger.book(
        LedgerEntry(account=account, key="x", kind="purchase", amount_micro=5, purchase=purchase)
    )

    assert (sound, check()) == (
        [],
        [f"purchase {purchase.pk}: what was paid and what was given differ"],
    )


def test_many_violations_of_a_kind_are_told_in_part(account, monkeypatch):
    monkeypatch.setattr(invariants, "TOLD_MOST", 2)
    for number in range(3):
        Hold.objects.create(
            key=f"x{number}", account=account, amount_micro=0, expires_at="2020-01-01T00:00Z"
        )

    found = check()

    assert [line.partition(":")[0] for line in found] == [
        *(
            f"hold {hold.pk}"
            for hold in Hold.objects.filter(key__startswith="x").order_by("pk")[:2]
        ),
        "and more",
    ]


def test_the_check_costs_the_same_for_any_number_of_rows(
    owner, stranger, django_assert_num_queries
):
    with django_assert_num_queries(len(invariants._RULES)):
        check()
    for user in (owner, stranger):
        for number in range(3):
            key = f"turn:{user.pk}:{number}"
            ledger.reserve(user_id=user.pk, key=key, amount_micro=10**9, seconds=60)
            settle(user, key=key)

    with django_assert_num_queries(len(invariants._RULES)):
        assert check() == []
