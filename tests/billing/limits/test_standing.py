"""How somebody stands, and how busy the site is: read without counting."""

import pytest

from billing import plans
from billing.limits.admission import Admission
from billing.limits.budgets import KeyTerms
from billing.limits.changes import set_budgets
from billing.limits.standing import Limit, Pressure, pressure, standing
from billing.models import MICRO, Account, Plan

pytestmark = pytest.mark.django_db


def told(limit: Limit) -> tuple[int, int, int | None, bool]:
    """All but the seconds, of which only the bounds are certain."""
    return limit.limit, limit.usual, limit.left, 0 < (limit.reset_seconds or 0) <= 60


def test_what_was_used_is_told_as_often_as_one_looks(owner):
    plan = Plan.objects.create(slug="p", name="Plus", requests_per_minute=9, concurrency=3)
    plans.set_plan(user_id=owner.pk, plan=plan, until=None, reason="r", actor="op")
    set_budgets(user_id=owner.pk, day_micro=5 * MICRO, month_micro=None, reason="r", actor="op")
    key = KeyTerms(uid="k", requests_per_minute=4, budget_month_micro=7 * MICRO)
    admission = Admission()
    admission.enter(owner, key, for_turn=True)
    admission.begin(owner, free=True)

    for _ in range(2):
        found = standing(owner, key)

    assert (found.plan, found.is_known) == ("Plus", True)
    assert told(found.requests) == (9, 9, 8, True)
    assert told(found.key) == (4, 4, 3, True)
    assert told(found.free) == (60, 60, 59, True)
    assert (found.concurrency, found.running) == (3, 1)
    assert [(b.of, b.period, b.left_micro) for b in found.budgets] == [
        ("account", "day", 5 * MICRO),
        ("key", "month", 7 * MICRO),
    ]


def test_of_somebody_else_nothing_is_told(owner, stranger):
    Admission().enter(owner, for_turn=True)

    found = standing(stranger)

    assert found.requests == Limit(600, 600, 600, 0)
    assert (found.key, found.running, found.budgets) == (None, 0, ())


def test_without_redis_the_limits_are_told_and_their_use_is_not(owner, settings):
    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"

    found = standing(owner)

    assert (found.is_known, found.concurrency, found.running) == (False, 64, None)
    assert (found.requests, found.free) == (Limit(600, 600), Limit(60, 60))
    assert pressure() == Pressure(turns=None, calm=600, base=60, allowance=60)


def test_pressure_is_the_free_turns_of_everybody(owner, stranger, settings):
    settings.FREE_TURNS, settings.FREE_SITE_TURNS = 6, 2
    for user in (owner, owner, stranger):
        Admission().begin(user, free=True)
    Admission().begin(owner, free=False)

    assert pressure() == Pressure(turns=3, calm=2, base=6, allowance=4)


def test_while_the_site_is_busy_the_part_of_each_is_less_than_usual(owner, stranger, settings):
    settings.FREE_TURNS, settings.FREE_SITE_TURNS = 6, 2
    for _ in range(4):
        Admission().begin(stranger, free=True)

    assert standing(owner).free == Limit(3, 6, 3, 0)
    assert (standing(owner).free.is_tightened, standing(owner).requests.is_tightened) == (
        True,
        False,
    )


def test_without_limits_there_are_none(owner, settings):
    settings.FREE_TURNS = 0
    Plan.objects.create(
        slug="d", name="D", is_default=True, requests_per_minute=None, concurrency=None
    )

    found = standing(owner)

    assert (found.requests, found.free, found.concurrency, found.running) == (None, None, 0, None)


def test_who_brings_the_account_asks_nothing_more(owner, django_assert_num_queries):
    plan = Plan.objects.create(slug="p", name="Plus")
    plans.set_plan(user_id=owner.pk, plan=plan, until=None, reason="r", actor="op")
    account = Account.objects.select_related("plan").get()

    with django_assert_num_queries(0):
        assert standing(owner, account=account).plan == "Plus"
