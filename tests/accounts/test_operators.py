"""Suspending, letting in again and revoking: once, with a reason, by those who may."""

import pytest

from accounts import operators, suspension
from accounts.keys import authenticate, issue_key
from accounts.models import ApiKey, AuditEntry, User
from core.errors import Conflict, Forbidden, Invalid, Unauthenticated
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(db):
    """An operator who is no superuser."""
    return UserFactory(handle="clerk", is_staff=True)


@pytest.fixture
def key(owner):
    return issue_key(user=owner, name="bot")


def noted() -> list[tuple[str, str, str, str]]:
    rows = AuditEntry.objects.order_by("id")
    return list(rows.values_list("actor", "action", "target", "reason"))


def refusal(secret: str) -> tuple[str, int]:
    with pytest.raises((Forbidden, Unauthenticated)) as caught:
        authenticate(secret)
    return caught.value.code, caught.value.status


def test_a_suspended_person_is_refused_until_let_in_again(owner, clerk, key):
    done = [operators.suspend_user(user=owner, by=clerk, reason=" spam ") for _ in range(2)]
    told = refusal(key[1])
    again = [operators.unsuspend_user(user=owner, by=clerk, reason="sorry") for _ in range(2)]

    assert (done, told, again) == ([True, False], ("account_suspended", 403), [True, False])
    assert authenticate(key[1]).user == owner
    assert noted() == [
        ("clerk", "user.suspend", "owner", "spam"),
        ("clerk", "user.unsuspend", "owner", "sorry"),
    ]


def test_a_suspended_key_is_refused_and_the_others_work(owner, clerk, key):
    _, other = issue_key(user=owner, name="other")

    done = [operators.suspend_key(key=key[0], by=clerk, reason="leaked") for _ in range(2)]
    told = refusal(key[1])
    again = [operators.unsuspend_key(key=key[0], by=clerk, reason="found") for _ in range(2)]

    assert (done, told, again) == ([True, False], ("key_suspended", 403), [True, False])
    assert authenticate(other).user == authenticate(key[1]).user == owner
    assert [note[1:3] for note in noted()] == [
        ("key.suspend", f"key {key[0].prefix}"),
        ("key.unsuspend", f"key {key[0].prefix}"),
    ]


def test_revoking_is_for_good(owner, clerk, key):
    operators.suspend_key(key=key[0], by=clerk, reason="r")

    assert operators.revoke(key=key[0], by=clerk, reason="leaked") is True
    assert operators.revoke(key=ApiKey.objects.get(), by=clerk, reason="leaked") is False
    with pytest.raises(Conflict):
        operators.suspend_key(key=ApiKey.objects.get(), by=clerk, reason="r")

    assert refusal(key[1]) == ("invalid_api_key", 401)
    assert [note[1] for note in noted()] == ["key.suspend", "key.revoke"]


@pytest.mark.parametrize("reason", ["", "  "])
def test_without_a_reason_nothing_happens(owner, clerk, key, reason):
    for deed in (
        lambda: operators.suspend_user(user=owner, by=clerk, reason=reason),
        lambda: operators.unsuspend_user(user=owner, by=clerk, reason=reason),
        lambda: operators.suspend_key(key=key[0], by=clerk, reason=reason),
        lambda: operators.unsuspend_key(key=key[0], by=clerk, reason=reason),
        lambda: operators.revoke(key=key[0], by=clerk, reason=reason),
    ):
        with pytest.raises(Invalid):
            deed()

    assert authenticate(key[1]).user == owner
    assert noted() == []


def test_operators_are_suspended_by_superusers_only(staff, clerk):
    other = UserFactory(is_staff=True)

    with pytest.raises(Forbidden):
        operators.suspend_user(user=other, by=clerk, reason="r")
    with pytest.raises(Forbidden):
        operators.suspend_user(user=staff, by=staff, reason="r")
    assert operators.suspend_user(user=clerk, by=staff, reason="r") is True
    with pytest.raises(Forbidden):
        operators.unsuspend_user(user=User.objects.get(pk=clerk.pk), by=other, reason="r")

    active = User.objects.filter(is_active=True)
    assert set(active) == {staff, other}
    assert [note[2] for note in noted()] == ["clerk"]


def test_keys_of_operators_are_for_superusers_only(staff, clerk):
    """One that a superuser stopped would else be let work by its own holder."""
    key, secret = issue_key(user=clerk, name="own")
    other, _ = issue_key(user=staff, name="staff's")
    operators.suspend_key(key=key, by=staff, reason="leaked")

    for deed, of in (
        (operators.unsuspend_key, key),
        (operators.suspend_key, other),
        (operators.revoke, other),
    ):
        with pytest.raises(Forbidden):
            deed(key=ApiKey.objects.get(pk=of.pk), by=clerk, reason="r")

    assert refusal(secret) == ("key_suspended", 403)
    assert ApiKey.objects.filter(revoked_at=None, suspended_at=None).get() == other
    assert [note[1] for note in noted()] == ["key.suspend"]
    assert operators.unsuspend_key(key=key, by=staff, reason="found") is True


def test_a_suspension_that_is_undone_leaves_no_note(owner, clerk, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(operators.orders, "close_pages", broken)

    with pytest.raises(RuntimeError):
        operators.suspend_user(user=owner, by=clerk, reason="r")

    owner.refresh_from_db()
    assert (owner.is_active, noted()) == (True, [])


def test_work_under_way_finds_out(owner, key):
    assert suspension.find_suspension(owner.pk, key[0].uid) is None
    operators.suspend_key(key=key[0], by=UserFactory(), reason="r")

    assert suspension.find_suspension(owner.pk, key[0].uid).code == "key_suspended"
    assert suspension.find_suspension(owner.pk, "") is None
    operators.suspend_user(user=owner, by=UserFactory(), reason="r")
    assert suspension.find_suspension(owner.pk, "").code == "account_suspended"
