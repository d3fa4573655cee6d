"""A request's way past the limits: whose they are, what is asked, what the headers tell."""

import pytest
import time_machine
from django.utils import timezone

from accounts.keys import authenticate
from billing import ledger, plans
from billing.limits import terms
from billing.limits.admission import Admission, duration
from billing.limits.budgets import KeyTerms
from billing.limits.memory import MemoryStore
from billing.limits.rules import Window
from billing.limits.terms import Terms, terms_of
from billing.models import Plan
from core import metrics
from core.errors import RateLimited

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(monkeypatch) -> list[tuple[list[str], bool]]:
    """What the store was asked to take: the names of the rules, and whether a seat."""
    found = []
    take = MemoryStore.take

    def noting(self, rules, seat=None, **options):
        found.append(([rule.name for rule in rules], seat is not None))
        return take(self, rules, seat, **options)

    monkeypatch.setattr(MemoryStore, "take", noting)
    return found


def give_plan(user, **limits) -> None:
    plan = Plan.objects.create(slug="own", name="Own", **limits)
    plans.set_plan(user_id=user.pk, plan=plan, until=None, reason="r", actor="op")


def entered(user, key=KeyTerms()) -> Admission:  # noqa: B008 - a frozen value
    admission = Admission()
    admission.enter(user, key)
    return admission


def test_without_a_plan_there_are_generous_limits(owner):
    assert terms_of(owner) == Terms("", 600, 64)


def test_the_default_plan_is_that_of_who_has_none(owner):
    Plan.objects.create(slug="d", name="Default", is_default=True, requests_per_minute=5)

    assert terms_of(owner) == Terms("Default", 5, 64)


def test_ones_own_plan_counts_until_it_ends(owner):
    give_plan(owner, requests_per_minute=7, concurrency=3)
    assert terms_of(owner) == Terms("Own", 7, 3)

    ledger.get_account(owner.pk)
    plans.set_plan(
        user_id=owner.pk, plan=Plan.objects.get(), until=timezone.now(), reason="r", actor="op"
    )
    assert terms_of(owner) == Terms("", 600, 64)


def test_a_key_brings_its_owners_plan_in_one_statement(owner, secret, django_assert_num_queries):
    give_plan(owner, requests_per_minute=7)
    authenticate(secret)

    with django_assert_num_queries(1):
        assert terms_of(authenticate(secret).user) == Terms("Own", 7, 64)


def test_a_changed_default_plan_is_in_force_within_seconds(owner, monkeypatch):
    plan = Plan.objects.create(slug="d", name="D", is_default=True, requests_per_minute=5)
    terms_of(owner)
    Plan.objects.filter(pk=plan.pk).update(requests_per_minute=9)

    assert terms_of(owner).requests_per_minute == 5
    monkeypatch.setattr(terms, "FRESH_SECONDS", 0.0)
    assert terms_of(owner).requests_per_minute == 9


@pytest.mark.parametrize("nothing", [None, 0])
def test_a_plan_without_limits_has_none_and_tells_of_none(owner, asked, nothing):
    give_plan(owner, requests_per_minute=nothing, concurrency=nothing)

    admission = entered(owner)
    admission.begin(owner, free=False)

    assert (asked, admission.headers()) == ([], {})


def test_a_paid_turn_asks_once_and_a_free_one_twice(owner, asked):
    for free in (False, True):
        admission = Admission()
        for _ in range(2):
            admission.enter(owner, for_turn=True)
        for _ in range(2):
            admission.begin(owner, free=free)

    turn = (["requests"], True)
    assert asked == [turn, turn, (["free"], False)]


def test_what_may_be_a_retry_takes_its_seat_when_it_is_none(owner, asked):
    admission = entered(owner)
    admission.begin(owner, free=True)

    assert asked == [(["requests"], False), (["free"], True)]


def test_requests_are_limited_by_the_plan_for_all_keys_together(owner):
    give_plan(owner, requests_per_minute=2)
    entered(owner, KeyTerms(uid="k1"))
    entered(owner, KeyTerms(uid="k2"))
    before = metrics.LIMITED.labels("requests")._value.get()

    with pytest.raises(RateLimited) as caught:
        entered(owner)

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.retry_after == 60
    assert caught.value.message == (
        "Your plan allows 2 requests a minute. Try again in 60 seconds."
    )
    assert metrics.LIMITED.labels("requests")._value.get() == before + 1


def test_a_key_has_a_limit_of_its_own_below_the_plans(owner):
    tight = KeyTerms(uid="k1", requests_per_minute=1)
    told = entered(owner, tight).window

    with pytest.raises(RateLimited, match=r"This key allows 1 request a minute\."):
        entered(owner, tight)

    assert (told.name, told.limit, told.remaining) == ("key", 1, 0)
    assert entered(owner, KeyTerms(uid="k2")).window.name == "requests"


def test_one_persons_limit_is_not_anothers(owner, stranger):
    Plan.objects.create(slug="d", name="D", is_default=True, requests_per_minute=1)
    entered(owner)

    assert entered(stranger).window.remaining == 0


def test_free_turns_are_limited_and_say_why(owner, settings):
    settings.FREE_TURNS, settings.FREE_SITE_TURNS = 4, 2

    def free_turn() -> None:
        Admission().begin(owner, free=True)

    for _ in range(3):
        free_turn()
    with pytest.raises(RateLimited) as caught:
        free_turn()

    assert caught.value.message == (
        "The site is busy: for now free models answer each person 2 messages a minute."
        " Try again in 60 seconds, or choose another model."
    )


def test_free_turns_can_be_without_a_limit(owner, settings, asked):
    settings.FREE_TURNS = 0
    entered(owner)

    Admission().begin(owner, free=True)

    assert asked[1:] == [([], True)]


def test_the_headers_are_exact():
    admission = Admission()
    assert admission.headers() == {}
    admission.window = Window("requests", 600, 12, 59.2)

    with time_machine.travel(1_800_000_000.5, tick=False):
        assert admission.headers() == {
            "X-RateLimit-Limit": "600",
            "X-RateLimit-Remaining": "588",
            "X-RateLimit-Reset": "1800000060",
            "x-ratelimit-limit-requests": "600",
            "x-ratelimit-remaining-requests": "588",
            "x-ratelimit-reset-requests": "1m0s",
        }


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s"), (1, "1s"), (60, "1m0s"), (361, "6m1s")])
def test_durations_are_written_as_openai_does(seconds, text):
    assert duration(seconds) == text


def test_without_redis_everybody_is_let_through_and_counted(owner, settings):
    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"
    give_plan(owner, requests_per_minute=1, concurrency=1)
    before = metrics.LIMITS_UNCOUNTED._value.get()

    for _ in range(3):
        admission = Admission()
        admission.enter(owner, for_turn=True)
        admission.renew()
        admission.release()
        assert admission.headers() == {}

    assert metrics.LIMITS_UNCOUNTED._value.get() == before + 3
