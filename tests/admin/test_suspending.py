"""Suspending and letting in again at the desk: with a reason, by those who may, seen everywhere."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.keys import issue_key
from accounts.models import ApiKey, AuditEntry, User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
PEOPLE, KEYS = "admin:accounts_user_changelist", "admin:accounts_apikey_changelist"


@pytest.fixture
def clerk(client):
    """An operator who is no superuser, signed in. Calling it grants permissions."""
    user = UserFactory(handle="clerk", is_staff=True)
    client.force_login(user)

    def may(*names: str) -> User:
        user.user_permissions.add(*Permission.objects.filter(codename__in=names))
        return user

    return may


def deed(client, page, action, row, **fields):
    form = {"action": action, "_selected_action": [row.pk], "key": "k", **fields}
    return client.post(reverse(page), form, follow=True)


def state() -> tuple[int, int, int]:
    """How many people are let in, keys are live, and deeds are noted."""
    live = [key.is_live for key in ApiKey.objects.all()]
    return User.objects.filter(is_active=True).count(), sum(live), AuditEntry.objects.count()


def test_a_clerk_suspends_somebody_and_lets_them_in_again(client, clerk, owner):
    clerk("view_user", "suspend_user")

    asked = deed(client, PEOPLE, "suspend", owner).content.decode()
    shown = deed(client, PEOPLE, "suspend", owner, reason="spam", preview="1").content.decode()
    before = state()
    done = deed(client, PEOPLE, "suspend", owner, reason="spam").content.decode()
    between = state()
    again = deed(client, PEOPLE, "suspend", owner, reason="spam").content.decode()
    back = deed(client, PEOPLE, "unsuspend", owner, reason="sorry").content.decode()

    assert "fill in and preview" in asked
    assert "<td>let in</td><td>suspended</td>" in shown
    assert (before, between, state()) == ((2, 0, 0), (1, 0, 1), (2, 0, 2))
    assert "wner: suspended." in done
    assert "wner: was suspended before." in again
    assert "wner: let in again." in back
    assert AuditEntry.objects.last().reason == "spam"


def test_a_clerk_suspends_and_revokes_keys(client, clerk, owner):
    clerk("view_apikey", "suspend_apikey")
    key, _ = issue_key(user=owner, name="bot")

    deed(client, KEYS, "suspend", key, reason="leaked")
    suspended = state()
    deed(client, KEYS, "unsuspend", key, reason="found")
    works = state()
    page = deed(client, KEYS, "revoke", key, reason="lost").content.decode()

    assert (suspended, works, state()) == ((2, 0, 1), (2, 1, 2), (2, 0, 3))
    assert "(bot): revoked." in page


@pytest.mark.parametrize("action", ["suspend", "unsuspend", "revoke"])
def test_a_deed_without_a_reason_is_not_done(client, clerk, owner, action):
    clerk("view_apikey", "suspend_apikey")
    key, _ = issue_key(user=owner, name="bot")

    page = deed(client, KEYS, action, key, reason=" ").content.decode()

    assert "errorlist" in page
    assert state() == (2, 1, 0)


def test_who_may_only_look_suspends_nobody(client, clerk, owner):
    clerk("view_user", "change_user", "view_apikey", "change_apikey")
    key, _ = issue_key(user=owner, name="bot")

    deed(client, PEOPLE, "suspend", owner, reason="r")
    for action in ("suspend", "revoke"):
        deed(client, KEYS, action, key, reason="r")

    assert state() == (2, 1, 0)


def test_people_who_are_no_operators_do_nothing(client, owner, stranger):
    client.force_login(stranger)

    response = deed(client, PEOPLE, "suspend", owner, reason="r")

    assert "/admin/login/" in response.redirect_chain[0][0]
    assert state() == (2, 0, 0)


def test_operators_and_oneself_are_refused(client, clerk, staff):
    me = clerk("view_user", "suspend_user")

    pages = [
        deed(client, PEOPLE, "suspend", user, reason="r").content.decode() for user in (staff, me)
    ]

    assert "taff: Only a superuser suspends an operator." in pages[0]
    assert "lerk: Nobody suspends themselves." in pages[1]
    assert state() == (2, 0, 0)


def test_one_who_is_refused_does_not_undo_the_others(client, clerk, owner, staff):
    clerk("view_user", "suspend_user")
    form = {
        "action": "suspend",
        "_selected_action": [staff.pk, owner.pk],
        "reason": "r",
        "key": "k",
    }

    client.post(reverse(PEOPLE), form)

    assert list(User.objects.filter(is_active=False)) == [owner]


def test_a_deed_needs_its_token_against_forgery(staff, owner):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)

    assert deed(client, PEOPLE, "suspend", owner, reason="r").status_code == 403
    assert state() == (2, 0, 0)


def test_one_returns_to_the_page_one_came_from(client, clerk, owner):
    clerk("view_user", "suspend_user")
    back = reverse("admin:desk_person", args=[owner.pk])
    form = {"action": "suspend", "_selected_action": [owner.pk], "reason": "r", "key": "k"}

    own = client.post(reverse(PEOPLE), {**form, "back": back})
    foreign = client.post(reverse(PEOPLE), {**form, "back": "https://evil.example/"})

    assert own.headers["Location"] == back
    assert foreign.headers["Location"] == reverse(PEOPLE)


def test_sessions_stop_at_once_and_signing_in_says_why(client, owner, clerk):
    from django.test import Client

    owner.set_password("correct horse")
    owner.save()
    theirs = Client()
    theirs.force_login(owner)
    open_before = theirs.get("/app/settings/api-keys").status_code
    clerk("view_user", "suspend_user")

    deed(client, PEOPLE, "suspend", owner, reason="r")
    page = theirs.get("/app/settings/api-keys")
    sign_in = {"login": "owner", "password": "correct horse"}
    told = theirs.post("/accounts/login/", sign_in, follow=True).content.decode()

    assert open_before == 200
    assert (page.status_code, page.headers["Location"][:16]) == (302, "/accounts/login/")
    assert "This account is suspended" in told


def test_a_clerk_makes_nobody_an_operator(client, clerk, owner, staff):
    me = clerk("view_user", "change_user", "add_user")
    form = {
        "handle": "owner", "display_name": "Renamed", "email": "", "is_staff": "on",
        "is_superuser": "on", "new_password": "a long password", "is_active": "",
        "user_permissions": [Permission.objects.first().pk],
    }  # fmt: skip

    client.post(reverse("admin:accounts_user_change", args=[owner.pk]), form)
    refused = [
        client.post(
            reverse("admin:accounts_user_change", args=[user.pk]), {**form, "handle": "taken-over"}
        ).status_code
        for user in (staff, me)
    ]

    owner.refresh_from_db()
    assert (owner.display_name, owner.is_staff, owner.is_superuser) == ("Renamed", False, False)
    assert (owner.is_active, owner.password, owner.user_permissions.count()) == (
        True,
        "!unusable",
        0,
    )
    assert refused == [403, 403]


def test_a_clerk_makes_no_key_for_an_operator(client, clerk, staff, owner):
    clerk("add_apikey", "view_user")
    form = {"name": "bot", "scopes": ["chat"], "expires_at_0": "", "expires_at_1": ""}

    for user in (staff, owner):
        client.post(reverse("admin:accounts_apikey_add"), {**form, "user": user.pk})

    assert [key.user for key in ApiKey.objects.all()] == [owner]


def test_a_superuser_grants_permissions(client, staff, owner):
    client.force_login(staff)
    wanted = Permission.objects.get(codename="suspend_user")
    form = {"handle": "owner", "is_staff": "on", "user_permissions": [wanted.pk]}

    client.post(reverse("admin:accounts_user_change", args=[owner.pk]), form)

    assert User.objects.get(pk=owner.pk).has_perm("accounts.suspend_user")
    assert AuditEntry.objects.get().after == {
        "is_staff": True,
        "user_permissions": [wanted.pk],
    }
