"""Statements and receipts: what a person is told about their credits."""

from dataclasses import replace
from datetime import UTC, date, datetime, time

import pytest
import time_machine

from billing import corrections, ledger
from billing.models import MICRO
from billing.queries import (
    Filter,
    Statement,
    exact_credits,
    open_holds,
    receipt,
    statement,
    whole_statement,
)
from tests.billing.test_ledger import COST, WORK, hold, settle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


def told(lines):
    return [(line.entry.key, line.balance_micro // MICRO) for line in lines]


def test_a_statement_shows_the_balance_after_each_entry_of_its_owner(
    owner, stranger, django_assert_num_queries
):
    hold(owner)
    settle(owner)
    ledger.grant(user_id=owner.pk, amount_micro=MICRO, key="g")
    ledger.get_account(stranger.pk)

    with django_assert_num_queries(2):
        lines = statement(owner.pk).lines

    assert [(line.entry.key, line.balance_micro // MICRO) for line in lines] == [
        ("grant:g", 861),
        ("charge:turn:1", 860),
        (f"start:{owner.pk}", 1000),
    ]
    assert [line.entry.key for line in statement(stranger.pk).lines] == [f"start:{stranger.pk}"]


def test_a_statement_of_somebody_without_account_is_empty(owner):
    assert statement(owner.pk) == Statement()


@pytest.fixture
def history(owner):
    """A grant, two charges, a refund: on four days."""
    days = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]
    moments = [datetime.fromisoformat(f"{day}T12:00:00+00:00") for day in days]
    with time_machine.travel(moments[0], tick=False):
        ledger.get_account(owner.pk)
    for number, moment in enumerate(moments[1:3]):
        with time_machine.travel(moment, tick=False):
            hold(owner, key=f"turn:{number}")
            settle(owner, key=f"turn:{number}")
    with time_machine.travel(moments[3], tick=False):
        corrections.refund(charge_key="turn:0", key="r", reason="sorry", actor="op")
    return [
        ("refund:r", 860),
        ("charge:turn:1", 720),
        ("charge:turn:0", 860),
        (f"start:{owner.pk}", 1000),
    ]


def test_pages_follow_each_other_without_a_gap(owner, history):
    first = statement(owner.pk, limit=3)
    second = statement(owner.pk, limit=3, before=first.older)

    assert told(first.lines) + told(second.lines) == history
    assert (first.older, second.older) == (first.lines[-1].entry.pk, None)


def test_a_page_that_just_fits_has_no_next(owner, history):
    assert statement(owner.pk, limit=4).older is None


def test_filters_keep_the_true_balance(owner, history):
    charges = statement(owner.pk, which=Filter(kind="charge"))
    days = statement(owner.pk, which=Filter(since=date(2026, 3, 2), until=date(2026, 3, 3)))
    refunds = statement(owner.pk, which=Filter(kind="refund", until=date(2026, 3, 3)))

    assert told(charges.lines) == told(days.lines) == history[1:3]
    assert refunds == Statement()


@pytest.mark.parametrize(
    "which",
    [Filter(until=date.max), Filter(since=date.min), Filter(since=date.min, until=date.max)],
)
def test_filters_reach_to_both_ends_of_the_calendar(owner, history, which):
    assert told(statement(owner.pk, which=which).lines) == history
    assert told(whole_statement(owner.pk, which)) == history[::-1]


def test_the_last_day_of_a_filter_is_whole(owner, history):
    day = date(2026, 3, 9)
    for moment, count in (
        (datetime.combine(day, time.max, UTC), 1),
        (datetime(2026, 3, 10, tzinfo=UTC), 0),
    ):
        with time_machine.travel(moment, tick=False):
            made = ledger.grant(user_id=owner.pk, amount_micro=1, key=str(moment))
        found = statement(owner.pk, which=Filter(since=day, until=day)).lines
        assert [line.entry for line in found if line.entry == made] == [made] * count


def test_the_whole_statement_runs_from_the_oldest_in_batches(owner, history, monkeypatch):
    monkeypatch.setattr("billing.queries._BATCH", 2)

    whole = told(whole_statement(owner.pk, Filter()))
    some = told(whole_statement(owner.pk, Filter(kind="refund")))

    assert (whole, some) == (history[::-1], history[:1])


def test_a_receipt_says_what_was_used_and_at_which_price(owner, stranger):
    hold(owner)
    settle(owner, usage=replace(WORK, cached_tokens=30, estimated=True))
    corrections.refund(
        charge_key="turn:1", key="r", reason="sorry", actor="op", amount_micro=40 * MICRO
    )

    found = receipt(owner.pk, "turn:1")

    assert (found.input_tokens, found.cached_tokens, found.output_tokens) == (100, 30, 20)
    assert (found.input_micro, found.output_micro) == (100 * MICRO, 40 * MICRO)
    assert (found.price_micro, found.charged_micro, found.cost_micro) == (COST, COST, 100 * MICRO)
    assert (found.entry.key, [r.key for r in found.refunds]) == ("charge:turn:1", ["refund:r"])
    assert (found.model, found.estimated) == ("test/model", True)
    assert receipt(stranger.pk, "turn:1") is None


def test_a_receipt_tells_the_price_also_where_the_hold_covered_less(owner):
    hold(owner, amount=100)
    settle(owner)

    found = receipt(owner.pk, "turn:1")

    assert (found.price_micro, found.charged_micro) == (COST, 100 * MICRO)


def test_free_work_has_a_receipt_of_nothing(owner, stranger):
    settle(owner)

    found = receipt(owner.pk, "turn:1")

    assert (found.input_tokens, found.output_tokens, found.cost_micro) == (100, 20, 0)
    assert (found.entry, found.refunds) == (None, ())
    assert receipt(stranger.pk, "turn:1") is None


def test_work_under_way_has_a_hold_and_no_receipt(owner, stranger):
    hold(owner)

    assert receipt(owner.pk, "turn:1") is None
    assert [row.key for row in open_holds(owner.pk)] == ["turn:1"]
    assert list(open_holds(stranger.pk)) == []


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0"), (MICRO, "1"), (-1, "-0.000001"), (1_500_000, "1.5"), (10 * MICRO, "10")],
)
def test_exact_credits_drop_nothing(micro, text):
    assert exact_credits(micro) == text
