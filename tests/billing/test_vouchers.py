"""Vouchers: a code that is known once, counted exactly and hard to guess."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import AuditEntry
from billing import vouchers
from billing.models import MICRO, LedgerEntry, Voucher
from core.errors import Conflict, Invalid, NotFound, RateLimited
from tests.billing.test_ledger import credits_of
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]


def make(**options):
    return vouchers.make_voucher(
        **{"amount_micro": 50 * MICRO, "actor": "op", "note": "fair", **options}
    )


def redeem(user, code):
    return vouchers.redeem(user_id=user.pk, code=code)


def refused(user, code):
    with pytest.raises((Conflict, NotFound)) as caught:
        redeem(user, code)
    return caught.value.code


def test_only_a_digest_of_the_code_is_kept():
    voucher, code = make()

    plain = code.replace("-", "").lower()
    row = Voucher.objects.values().get()
    assert [len(part) for part in code.split("-")] == [4, 4, 4, 4]
    assert plain not in str(row).lower()
    assert (voucher.prefix, voucher.actor, voucher.note) == (code[:4], "op", "fair")
    noted = AuditEntry.objects.get()
    assert (noted.actor, noted.action, noted.reason) == ("op", "voucher.make", "fair")
    assert noted.after == {"amount_micro": 50 * MICRO, "uses_most": 1}


def test_a_code_gives_credits(owner):
    voucher, code = make()

    entry = redeem(owner, code)

    assert (entry.kind, entry.amount_micro, entry.voucher) == ("voucher", 50 * MICRO, voucher)
    assert entry.note == f"Code {code[:4]}…"
    assert credits_of(owner) == (1050, 0)
    assert Voucher.objects.get().uses == 1


def test_a_code_may_be_typed_carelessly(owner):
    _, code = make()

    redeem(owner, f"  {code.replace('-', ' ').lower().replace('0', 'O').replace('1', 'l')} ")

    assert credits_of(owner) == (1050, 0)


def test_each_person_redeems_a_code_once(owner, stranger):
    _, code = make(uses_most=5)
    redeem(owner, code)

    assert refused(owner, code) == "voucher_redeemed"
    redeem(stranger, code)

    assert (credits_of(owner), credits_of(stranger)) == ((1050, 0), (1050, 0))
    assert Voucher.objects.get().uses == 2


def test_a_code_is_used_up(owner, stranger):
    _, code = make()
    redeem(owner, code)

    assert refused(stranger, code) == "voucher_used_up"
    assert credits_of(stranger) == (1000, 0)


def test_an_old_code_gives_nothing(owner):
    now = timezone.now()
    _, code = make(expires_at=now + timedelta(hours=1))

    with time_machine.travel(now + timedelta(hours=2)):
        assert refused(owner, code) == "voucher_expired"

    assert (credits_of(owner), Voucher.objects.get().uses) == ((1000, 0), 0)


def test_a_disabled_code_gives_nothing_more(owner, stranger):
    voucher, code = make(uses_most=5)
    redeem(owner, code)

    disabled = [
        vouchers.disable_voucher(voucher=voucher, actor="op", reason="leaked") for _ in range(2)
    ]

    assert disabled == [True, False]
    assert refused(stranger, code) == "voucher_disabled"
    assert (credits_of(owner), credits_of(stranger)) == ((1050, 0), (1000, 0))
    noted = AuditEntry.objects.filter(action="voucher.disable").values_list("reason", "after")
    assert list(noted) == [("leaked", {"uses": 1})]


@pytest.mark.parametrize("code", ["", "   ", "ABCD-EFGH-JKMN-PQRS", "x" * 99, "'; --", "٣"])
def test_a_code_that_never_was_is_not_found(owner, code):
    make()

    assert refused(owner, code) == "voucher_not_found"
    assert not LedgerEntry.objects.filter(kind="voucher").exists()


def test_guessing_is_slowed_down_for_the_one_who_guesses(owner, stranger):
    _, code = make(uses_most=5)
    for _ in range(10):
        refused(owner, "ABCD")

    with pytest.raises(RateLimited) as caught:
        redeem(owner, code)
    redeem(stranger, code)

    assert caught.value.retry_after == 600
    assert credits_of(stranger) == (1050, 0)


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount_micro": 0},
        {"amount_micro": 10**19},
        {"uses_most": 0},
        {"uses_most": 10**7},
        {"expires_at": timezone.now() - timedelta(days=1)},
    ],
)
def test_impossible_vouchers_are_refused(wrong):
    with pytest.raises(Invalid):
        make(**wrong)

    assert (Voucher.objects.count(), AuditEntry.objects.count()) == (0, 0)


def test_codes_differ():
    assert len({make()[1] for _ in range(20)}) == 20


def test_all_uses_are_given_and_no_more():
    _, code = make(uses_most=3)
    people = UserFactory.create_batch(5)

    outcomes = []
    for person in people:
        try:
            outcomes.append(redeem(person, code).amount_micro // MICRO)
        except Conflict as error:
            outcomes.append(error.code)

    assert outcomes == [50, 50, 50, "voucher_used_up", "voucher_used_up"]
