"""Credits: set aside, charged or released, once per cause and never below zero."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import ledger
from billing.invariants import check
from billing.ledger import Metered
from billing.limits.budgets import KeyTerms
from billing.models import AMOUNT_MOST, MICRO, Account, Charge, Hold, LedgerEntry, Usage
from billing.pricing import price
from core.errors import BudgetExceeded, Conflict, InsufficientCredits, Invalid

pytestmark = pytest.mark.django_db
WORK = Metered(
    model="test/model",
    prompt_tokens=100,
    completion_tokens=20,
    cached_tokens=0,
    estimated=False,
    input_multiplier_micro=MICRO,
    output_multiplier_micro=2 * MICRO,
    surface="api",
)
COST = 140 * MICRO


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


@pytest.fixture(autouse=True)
def _sound(db):
    """After every test the ledger adds up."""
    yield
    assert check() == []


def credits_of(user) -> tuple[int, int]:
    account = Account.objects.get(user=user)
    return account.balance_micro // MICRO, account.held_micro // MICRO


def hold(user, key="turn:1", amount=200, seconds=60, **more):
    ledger.reserve(user_id=user.pk, key=key, amount_micro=amount * MICRO, seconds=seconds, **more)


def settle(user, key="turn:1", usage=WORK):
    return ledger.settle(key=key, user_id=user.pk, usage=usage)


def test_prices_are_exact_integers():
    assert (
        price(3, 5, input_multiplier_micro=333_333, output_multiplier_micro=1_000_001),
        price(0, 0, input_multiplier_micro=1, output_multiplier_micro=1),
        price(9, 9, input_multiplier_micro=0, output_multiplier_micro=0),
    ) == (6_000_004, 0, 0)


def test_an_account_opens_once_with_the_starting_grant(owner):
    first, second = ledger.get_account(owner.pk), ledger.get_account(owner.pk)

    assert (first.pk, first.balance_micro) == (second.pk, 1000 * MICRO)
    entries = LedgerEntry.objects.values_list("key", "kind", "amount_micro")
    assert list(entries) == [(f"start:{owner.pk}", "grant", 1000 * MICRO)]


def test_an_account_opens_empty_without_a_starting_grant(owner, settings):
    settings.STARTING_GRANT_CREDITS = 0

    assert ledger.get_account(owner.pk).balance_micro == 0
    assert LedgerEntry.objects.count() == 0


def test_reserving_opens_the_account_and_holds(owner):
    hold(owner)

    row = Hold.objects.get()
    assert (row.key, row.amount_micro, row.state) == ("turn:1", 200 * MICRO, "open")
    assert credits_of(owner) == (1000, 200)


def test_reserving_all_there_is_works_and_one_more_does_not(owner):
    hold(owner, amount=1000)

    with pytest.raises(InsufficientCredits) as caught:
        ledger.reserve(user_id=owner.pk, key="turn:2", amount_micro=1, seconds=60)

    assert (caught.value.code, caught.value.status) == ("insufficient_quota", 429)
    assert credits_of(owner) == (1000, 1000)
    assert list(Hold.objects.values_list("key", flat=True)) == ["turn:1"]


def test_of_plenty_credits_are_set_aside_without_asking(owner, django_assert_num_queries):
    seen = ledger.get_account(owner.pk)
    hold(owner, "warm it up", 1, seen=seen)

    with django_assert_num_queries(2):
        hold(owner, amount=1000 // ledger.PLENTY, seen=seen)

    row = Hold.objects.get(key="turn:1")
    assert (row.account_id, row.amount_micro, row.state) == (seen.pk, 62 * MICRO, "open")
    assert credits_of(owner) == (1000, 63)


def test_plenty_that_is_gone_by_then_is_refused_by_the_database(owner):
    seen = ledger.get_account(owner.pk)
    hold(owner, "another", 950)

    with pytest.raises(IntegrityError), transaction.atomic():
        hold(owner, amount=51, seen=seen)

    assert credits_of(owner) == (1000, 950)
    assert list(Hold.objects.values_list("key", flat=True)) == ["another"]


def test_what_is_hardly_enough_is_asked_for(owner):
    seen = ledger.get_account(owner.pk)
    hold(owner, "another", 950)

    with pytest.raises(InsufficientCredits):
        hold(owner, amount=63, seen=seen)

    assert credits_of(owner) == (1000, 950)


@pytest.mark.parametrize("period", ["day", "month"])
def test_a_budget_is_asked_whatever_there_is(owner, period):
    seen = ledger.get_account(owner.pk)
    setattr(seen, f"budget_{period}_micro", 9 * MICRO)
    seen.save()
    by = KeyTerms(uid="k" * 24, **{f"budget_{period}_micro": 5 * MICRO})

    with pytest.raises(BudgetExceeded):
        hold(owner, amount=10, seen=seen)
    setattr(seen, f"budget_{period}_micro", None)
    seen.save()
    with pytest.raises(BudgetExceeded):
        ledger.reserve(
            user_id=owner.pk, key="k", amount_micro=6 * MICRO, seconds=60, by=by, seen=seen
        )

    assert credits_of(owner) == (1000, 0)


def test_reserving_nothing_touches_nothing(owner, django_assert_num_queries):
    with django_assert_num_queries(0):
        hold(owner, amount=0)


def test_reserving_twice_for_one_cause_holds_once(owner):
    hold(owner)

    with pytest.raises(IntegrityError), transaction.atomic():
        hold(owner)

    assert credits_of(owner) == (1000, 200)


def test_a_negative_hold_is_refused(owner):
    ledger.get_account(owner.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        hold(owner, amount=-5)

    assert (credits_of(owner), Hold.objects.count()) == ((1000, 0), 0)


def test_settling_charges_what_was_used_and_releases_the_rest(owner):
    hold(owner)

    assert settle(owner, usage=replace(WORK, api_key="k", character="c")) == COST

    assert credits_of(owner) == (860, 0)
    assert Hold.objects.get().state == "settled"
    entry = LedgerEntry.objects.get(kind="charge")
    assert (entry.key, entry.amount_micro, entry.note) == ("charge:turn:1", -COST, "test/model")
    charge = Charge.objects.values(
        "key", "model", "prompt_tokens", "completion_tokens", "amount_micro", "estimated",
        "input_multiplier_micro", "output_multiplier_micro",
    )  # fmt: skip
    assert list(charge) == [
        {
            "key": "turn:1",
            "model": "test/model",
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "amount_micro": COST,
            "estimated": False,
            "input_multiplier_micro": MICRO,
            "output_multiplier_micro": 2 * MICRO,
        }
    ]
    usage = Usage.objects.get()
    assert (usage.key, usage.user, usage.surface, usage.api_key, usage.character) == (
        "turn:1",
        owner,
        "api",
        "k",
        "c",
    )


def test_settling_twice_returns_the_first_amount_and_changes_nothing(owner):
    hold(owner)
    settle(owner)

    assert settle(owner, usage=replace(WORK, prompt_tokens=1)) == COST

    assert credits_of(owner) == (860, 0)
    rows = (Charge.objects.count(), Usage.objects.count(), LedgerEntry.objects.count())
    assert rows == (1, 1, 2)


def test_a_charge_never_exceeds_its_hold(owner):
    hold(owner, amount=100)

    assert settle(owner) == 100 * MICRO

    assert credits_of(owner) == (900, 0)


def test_work_that_used_nothing_costs_nothing_and_writes_no_entry(owner):
    hold(owner)

    assert settle(owner, usage=replace(WORK, prompt_tokens=0, completion_tokens=0)) == 0

    assert credits_of(owner) == (1000, 0)
    assert LedgerEntry.objects.filter(kind="charge").count() == 0


def test_free_work_is_counted_once_and_costs_nothing(owner):
    assert [settle(owner), settle(owner)] == [0, 0]

    assert list(Usage.objects.values_list("key", "amount_micro")) == [("turn:1", 0)]
    assert (Account.objects.count(), Charge.objects.count()) == (0, 0)


def test_voiding_releases_once(owner):
    hold(owner)
    hold(owner, key="turn:2")

    for _ in range(2):
        ledger.void(key="turn:1")

    assert credits_of(owner) == (1000, 200)
    assert Hold.objects.get(key="turn:1").state == "voided"


def test_what_was_voided_can_no_longer_be_charged(owner):
    hold(owner)
    ledger.void(key="turn:1")

    assert settle(owner) == 0

    assert credits_of(owner) == (1000, 0)
    assert Hold.objects.get().state == "voided"


def test_what_was_settled_can_no_longer_be_voided(owner):
    hold(owner)
    settle(owner)

    ledger.void(key="turn:1")

    assert credits_of(owner) == (860, 0)
    assert Hold.objects.get().state == "settled"


def test_voiding_what_never_was_changes_nothing(owner):
    hold(owner)

    ledger.void(key="turn:unknown")

    assert credits_of(owner) == (1000, 200)


def test_holds_past_their_time_are_voided_and_others_stay(owner, stranger):
    hold(owner, key="old", seconds=10)
    hold(owner, key="young", seconds=1000)
    hold(stranger, key="theirs", seconds=10)
    later = timezone.now() + timedelta(seconds=100)

    assert [ledger.void_expired(later), ledger.void_expired(later)] == [2, 0]

    assert (credits_of(owner), credits_of(stranger)) == ((1000, 200), (1000, 0))


def test_a_grant_is_booked_once_for_its_key(owner, stranger):
    entries = [
        ledger.grant(user_id=owner.pk, amount_micro=50 * MICRO, key="g", note="hi", actor="op")
        for _ in range(2)
    ]
    ledger.get_account(stranger.pk)

    assert entries[0].pk == entries[1].pk
    assert (entries[0].note, entries[0].actor, entries[0].kind) == ("hi", "op", "grant")
    assert (credits_of(owner), credits_of(stranger)) == ((1050, 0), (1000, 0))


@pytest.mark.parametrize("amount", [0, -1])
def test_a_grant_of_nothing_or_less_is_refused(owner, amount):
    with pytest.raises(Invalid):
        ledger.grant(user_id=owner.pk, amount_micro=amount, key="g")

    assert (Account.objects.count(), LedgerEntry.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    "values", [{"balance_micro": -1}, {"held_micro": -1}, {"held_micro": 1001 * MICRO}]
)
def test_the_database_refuses_what_goes_below_zero(owner, values):
    ledger.get_account(owner.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        Account.objects.update(**values)

    assert credits_of(owner) == (1000, 0)


def test_a_crash_while_settling_leaves_the_hold_open(owner):
    hold(owner)

    with transaction.atomic():
        settle(owner)
        transaction.set_rollback(True)

    assert (credits_of(owner), Hold.objects.get().state) == ((1000, 200), "open")
    assert (Charge.objects.count(), Usage.objects.count()) == (0, 0)
    assert settle(owner) == COST


def test_statements_of_the_hot_path(owner, django_assert_num_queries):
    ledger.get_account(owner.pk)

    with transaction.atomic():
        with django_assert_num_queries(2):
            hold(owner)
        with django_assert_num_queries(5):
            settle(owner)


def test_a_key_that_granted_to_one_person_gives_another_nothing(owner, stranger):
    ledger.grant(user_id=owner.pk, amount_micro=MICRO, key="g")
    ledger.get_account(stranger.pk)

    with pytest.raises(Conflict) as caught:
        ledger.grant(user_id=stranger.pk, amount_micro=MICRO, key="g")

    assert caught.value.code == "key_reused"
    assert (credits_of(owner), credits_of(stranger)) == ((1001, 0), (1000, 0))


def test_a_balance_never_outgrows_what_can_be_counted(owner, settings):
    for number in range(3):
        ledger.grant(user_id=owner.pk, amount_micro=AMOUNT_MOST, key=str(number))

    with pytest.raises(Conflict) as caught:
        ledger.grant(user_id=owner.pk, amount_micro=AMOUNT_MOST, key="last")
    with pytest.raises(Invalid):
        ledger.grant(user_id=owner.pk, amount_micro=AMOUNT_MOST + 1, key="huge")

    assert caught.value.code == "balance_out_of_range"
    assert credits_of(owner) == (3 * 10**12 + 1000, 0)


@pytest.mark.parametrize(
    ("kind", "amount"), [("charge", 1), ("charge", 0), ("grant", -1), ("adjustment", 0)]
)
def test_the_database_refuses_entries_of_the_wrong_sign(owner, kind, amount):
    account = ledger.get_account(owner.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.create(account=account, key="x", kind=kind, amount_micro=amount)

    assert LedgerEntry.objects.count() == 1
