"""Plans: which one counts, and its credits once a month."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import AuditEntry
from billing import ledger, plans
from billing.models import MICRO, LedgerEntry, Plan
from tests.billing.test_ledger import credits_of
from tests.factories import UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
NOVEMBER = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
DECEMBER = NOVEMBER + timedelta(minutes=1)


@pytest.fixture
def small():
    return Plan.objects.create(slug="small", name="Small", monthly_credits=100, is_default=True)


@pytest.fixture
def large():
    return Plan.objects.create(slug="large", name="Large", monthly_credits=700)


def put(user, plan, until=None):
    plans.set_plan(user_id=user.pk, plan=plan, until=until, reason="test", actor="op")


def test_who_has_no_plan_has_the_default(owner, small, large):
    account = ledger.get_account(owner.pk)

    assert plans.plan_of(account) == small


def test_a_plan_counts_until_it_runs_out(owner, small, large):
    put(owner, large, DECEMBER)
    account = ledger.get_account(owner.pk)

    assert plans.plan_of(account, now=NOVEMBER) == large
    assert plans.plan_of(account, now=DECEMBER) == small


def test_without_plans_there_is_none(owner):
    assert plans.plan_of(ledger.get_account(owner.pk)) is None
    assert plans.give_monthly(owner.pk, now=NOVEMBER) is None


def test_setting_a_plan_is_noted(owner, large):
    until = timezone.now() + timedelta(days=30)
    put(owner, large, until)
    put(owner, None, until)

    account = ledger.get_account(owner.pk)
    assert (account.plan, account.plan_until) == (None, None)
    with_plan, without = (
        {"plan": "large", "until": until.isoformat()},
        {"plan": None, "until": None},
    )
    noted = AuditEntry.objects.order_by("id").values_list("action", "before", "after")
    assert list(noted) == [("plan.set", without, with_plan), ("plan.set", with_plan, without)]


def test_credits_come_once_a_month(owner, stranger, small, large):
    put(owner, large)
    ledger.get_account(stranger.pk)

    given = [plans.give_all_monthly(now) for now in (NOVEMBER, NOVEMBER, DECEMBER, DECEMBER)]

    assert given == [2, 0, 2, 0]
    assert (credits_of(owner), credits_of(stranger)) == ((2400, 0), (1200, 0))
    entry = LedgerEntry.objects.filter(kind="plan", account__user=owner).last()
    assert (entry.key, entry.note) == (
        f"plan:{entry.account_id}:2026-11:{large.pk}",
        "Large, November 2026",
    )


def test_who_changes_to_a_larger_plan_gets_the_difference(owner, small, large):
    ledger.get_account(owner.pk)
    for plan in (small, large, small, large):
        put(owner, plan)
        plans.give_all_monthly(NOVEMBER)

    amounts = LedgerEntry.objects.filter(kind="plan").order_by("id")
    assert [entry.amount_micro // MICRO for entry in amounts] == [100, 600]


def test_people_who_are_switched_off_get_nothing(owner, small):
    ledger.get_account(owner.pk)
    owner.is_active = False
    owner.save()

    assert plans.give_all_monthly(NOVEMBER) == 0


def test_a_plan_without_credits_gives_none(owner):
    Plan.objects.create(slug="bare", name="Bare", is_default=True)
    ledger.get_account(owner.pk)

    assert plans.give_all_monthly(NOVEMBER) == 0


def test_many_accounts_are_read_in_batches(small, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(plans, "_BATCH", 2)
    for user in UserFactory.create_batch(5):
        ledger.get_account(user.pk)

    assert plans.give_all_monthly(NOVEMBER) == 5
    with django_assert_num_queries(10):
        assert plans.give_all_monthly(NOVEMBER) == 0
