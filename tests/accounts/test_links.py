"""Sign-in links work once, in time, for the person they were made for."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.links import issue_link, redeem_link
from accounts.models import SignInLink
from core.errors import ReverieError

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def refusal(token: str) -> str:
    with pytest.raises(ReverieError) as caught:
        redeem_link(token)
    return caught.value.code


def test_a_link_signs_in_its_person_once(owner, stranger):
    token = issue_link(owner)
    issue_link(stranger)

    assert redeem_link(token) == owner
    assert refusal(token) == "used_link"
    assert SignInLink.objects.filter(used_at=None).get().user == stranger


def test_a_link_is_stored_as_a_digest_only(owner):
    token = issue_link(owner)

    assert all(token not in str(value) for value in SignInLink.objects.values().get().values())


def test_a_link_past_its_time_is_refused_and_stays_unused(owner):
    with time_machine.travel(NOON, tick=False):
        token = issue_link(owner, minutes=10)

    with time_machine.travel(NOON + timedelta(minutes=10), tick=False):
        assert refusal(token) == "used_link"
    assert SignInLink.objects.get().used_at is None


def test_an_unknown_link_is_refused_and_others_stay_unused(owner):
    issue_link(owner)

    assert refusal("nothing of the kind") == "unknown_link"
    assert SignInLink.objects.get().used_at is None


def test_the_link_of_somebody_suspended_says_so(owner):
    token = issue_link(owner)
    owner.is_active = False
    owner.save()

    assert refusal(token) == "account_suspended"
    assert SignInLink.objects.get().used_at is None
