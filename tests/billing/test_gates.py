"""Models that ask for a plan: who may use them, and what others are told."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import gates, ledger
from billing.models import Account, Plan
from billing.plans import rank_of
from core.errors import Forbidden
from llm import registry
from tests.factories import ModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def plans(db):
    """Free is everybody's."""
    return {
        name: Plan.objects.create(slug=name.lower(), name=name, rank=rank, is_default=rank == 0)
        for rank, name in enumerate(("Free", "Reader", "Author"))
    }


@pytest.fixture
def gated(plans):
    ModelFactory(slug="a/gated", min_plan_rank=2)
    return registry.find_model("a/gated")


def give(user, plan, until=None):
    account = ledger.get_account(user.pk)
    Account.objects.filter(pk=account.pk).update(plan=plan, plan_until=until)


def test_the_rank_is_that_of_the_plan_that_counts(owner, friend, plans, django_assert_num_queries):
    assert rank_of(owner.pk) == 0
    give(owner, plans["Author"])
    give(friend, plans["Reader"], timezone.now() + timedelta(days=1))

    with django_assert_num_queries(2):
        assert (rank_of(owner.pk), rank_of(friend.pk)) == (2, 1)


def test_a_plan_that_ran_out_does_not_count(owner, plans):
    give(owner, plans["Author"], timezone.now() - timedelta(seconds=1))

    assert rank_of(owner.pk) == 0


def test_whoever_has_the_default_plan_as_their_own_has_its_rank(owner, friend, plans):
    plans["Free"].rank = 1
    plans["Free"].save()
    give(owner, plans["Free"])

    assert (rank_of(owner.pk), rank_of(friend.pk)) == (1, 1)


def test_without_plans_everybody_has_the_lowest(owner):
    assert rank_of(owner.pk) == 0


def test_a_plan_below_is_refused_by_the_name_of_one_that_is_enough(owner, plans, gated):
    give(owner, plans["Reader"])

    with pytest.raises(Forbidden) as raised:
        gates.check(owner.pk, gated)

    assert (raised.value.code, raised.value.param) == ("plan_required", "model")
    assert raised.value.message == "a/gated needs the plan Author or a higher one."


def test_a_plan_that_is_enough_passes(owner, plans, gated):
    give(owner, plans["Author"])

    gates.check(owner.pk, gated)
    assert gates.usable(owner.pk, [gated]) == [gated]


def test_a_plan_that_is_not_offered_is_not_named(owner, plans, gated):
    Plan.objects.filter(name="Author").update(enabled=False)

    with pytest.raises(Forbidden, match="a plan that is not on offer"):
        gates.check(owner.pk, gated)


def test_models_for_everybody_cost_no_look(owner, plans, django_assert_num_queries):
    ModelFactory(slug="a/open")
    spec = registry.find_model("a/open")

    with django_assert_num_queries(0):
        gates.check(owner.pk, spec)
        assert gates.usable(owner.pk, [spec]) == [spec]
