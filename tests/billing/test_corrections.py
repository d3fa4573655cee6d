"""What operators do with credits: exactly once, with a reason, in the audit log."""

import pytest
from django.db import transaction

from accounts.models import AuditEntry
from billing import corrections, ledger
from billing.models import MICRO, Charge, LedgerEntry
from core.errors import Conflict, Invalid, NotFound
from tests.billing.test_ledger import COST, credits_of, hold, settle

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


def adjust(user, amount, key="a", reason="because"):
    return corrections.adjust(
        user_id=user.pk, amount_micro=amount * MICRO, key=key, reason=reason, actor="op"
    )


def refund(key="r", charge="turn:1", amount=None):
    amount = None if amount is None else amount * MICRO
    return corrections.refund(
        charge_key=charge, key=key, reason="sorry", actor="op", amount_micro=amount
    )


@pytest.fixture
def charge(owner):
    hold(owner)
    settle(owner)
    return Charge.objects.get()


def deeds():
    return list(AuditEntry.objects.order_by("id").values_list("actor", "action", "target"))


def test_giving_is_booked_and_noted_once(owner):
    for _ in range(2):
        corrections.give(user_id=owner.pk, amount_micro=5 * MICRO, key="g", reason="hi", actor="op")

    assert credits_of(owner) == (1005, 0)
    noted = AuditEntry.objects.get()
    assert (noted.actor, noted.action, noted.target) == ("op", "credits.grant", "grant:g")
    assert (noted.user, noted.reason) == (owner, "hi")
    assert (noted.before, noted.after) == (
        {"balance_micro": 1000 * MICRO},
        {"balance_micro": 1005 * MICRO},
    )


@pytest.mark.parametrize(("amount", "balance"), [(50, 1050), (-50, 950), (-1000, 0)])
def test_adjusting_adds_or_takes_once(owner, amount, balance):
    done = [adjust(owner, amount) for _ in range(2)]

    assert credits_of(owner) == (balance, 0)
    assert done[0] == done[1]
    assert done[0].missing_micro == 0
    entry = LedgerEntry.objects.get(kind="adjustment")
    assert (entry.key, entry.note, entry.actor) == ("adjust:a", "because", "op")
    assert deeds() == [("op", "credits.adjust", "adjust:a")]


def test_what_is_held_or_spent_cannot_be_taken(owner):
    hold(owner, amount=400)

    done = adjust(owner, -5000)

    assert (done.entry.amount_micro, done.missing_micro) == (-600 * MICRO, 4400 * MICRO)
    assert credits_of(owner) == (400, 400)


def test_taking_from_nothing_is_refused(owner):
    hold(owner, amount=1000)

    with pytest.raises(Conflict) as caught:
        adjust(owner, -1)

    assert caught.value.code == "nothing_to_take"
    assert (credits_of(owner), deeds()) == ((1000, 1000), [])


@pytest.mark.parametrize(("amount", "reason"), [(0, "why"), (5, ""), (5, "  ")])
def test_adjusting_needs_an_amount_and_a_reason(owner, amount, reason):
    with pytest.raises(Invalid):
        adjust(owner, amount, reason=reason)

    assert (LedgerEntry.objects.filter(kind="adjustment").count(), deeds()) == (0, [])


def test_a_refund_gives_all_back_once(owner, charge):
    entries = [refund() for _ in range(2)]

    assert entries[0].pk == entries[1].pk
    assert (entries[0].amount_micro, entries[0].charge) == (COST, charge)
    assert credits_of(owner) == (1000, 0)
    charge.refresh_from_db()
    assert charge.refunded_micro == COST
    assert deeds() == [("op", "credits.refund", "refund:r")]


def test_refunds_together_never_exceed_the_charge(owner, charge):
    refund("one", amount=100)

    with pytest.raises(Conflict, match="Only 40 credits of this charge"):
        refund("two", amount=41)
    rest = refund("three")
    with pytest.raises(Conflict, match="Nothing of this charge is left"):
        refund("four")

    assert rest.amount_micro == 40 * MICRO
    assert credits_of(owner) == (1000, 0)
    assert len(deeds()) == 2


@pytest.mark.parametrize("amount", [0, -1])
def test_a_refund_of_nothing_or_less_is_refused(owner, charge, amount):
    with pytest.raises(Invalid):
        refund(amount=amount)

    assert credits_of(owner) == (860, 0)


def test_a_refund_needs_a_charge(owner):
    with pytest.raises(NotFound):
        refund(charge="turn:unknown")


def test_a_crash_leaves_neither_deed_nor_note(owner, charge):
    with transaction.atomic():
        refund()
        adjust(owner, -5)
        transaction.set_rollback(True)

    charge.refresh_from_db()
    assert (credits_of(owner), charge.refunded_micro, deeds()) == ((860, 0), 0, [])
    assert refund().amount_micro == COST


def test_long_words_are_cut_not_lost(owner):
    corrections.give(user_id=owner.pk, amount_micro=1, key="g", reason="x" * 300, actor="y" * 100)

    entry = LedgerEntry.objects.get(key="grant:g")
    assert (entry.note, entry.actor) == ("x" * 200, "y" * 80)
    assert ledger.get_account(owner.pk).balance_micro == 1000 * MICRO + 1


def test_the_key_of_one_charge_refunds_no_other(owner, charge):
    hold(owner, key="turn:2")
    settle(owner, key="turn:2")
    refund(amount=50)

    with pytest.raises(Conflict) as caught:
        refund(charge="turn:2", amount=50)

    assert caught.value.code == "key_reused"
    assert Charge.objects.get(key="turn:2").refunded_micro == 0
    assert credits_of(owner) == (770, 0)


def test_the_key_of_one_person_adjusts_no_other(owner, stranger):
    adjust(owner, 5)
    ledger.get_account(stranger.pk)

    with pytest.raises(Conflict):
        adjust(stranger, 5)

    assert credits_of(stranger) == (1000, 0)
