"""Operators and keys: issued and rotated with a note, and never shown again."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.keys import authenticate, issue_key, revoke_key, rotate_key
from accounts.models import ApiKey, AuditEntry
from core.errors import Unauthenticated
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LIST = "admin:accounts_apikey_changelist"
TERMS = {
    "name": "bot",
    "default_character": "",
    "expires_at_0": "",
    "expires_at_1": "",
    "scopes": ["read", "manage"],
    "allowed_addresses": "203.0.113.9",
    "budget_day_micro": "5",
    "budget_month_micro": "",
    "requests_per_minute": "9",
}


@pytest.fixture
def desk(client, staff):
    client.force_login(staff)
    return client


def do(client, action, *keys, **fields):
    form = {"action": action, "_selected_action": [key.pk for key in keys], "key": "k", **fields}
    return client.post(reverse(LIST), form, follow=True)


def secrets_in(response) -> set[str]:
    return set(re.findall(r"rk_[0-9A-Za-z]{42}", response.content.decode()))


def notes() -> list[tuple]:
    fields = ("actor", "action", "user_id", "target", "reason")
    return list(AuditEntry.objects.order_by("id").values_list(*fields))


def test_a_key_is_issued_with_its_terms_and_its_secret_shown_once(desk, owner):
    first = desk.post(reverse("admin:accounts_apikey_add"), {**TERMS, "user": owner.pk})

    [secret] = secrets_in(first)
    key = authenticate(secret, ip="203.0.113.9")
    assert (key.user, key.scopes, key.allowed_addresses) == (owner, "read manage", "203.0.113.9")
    assert (key.budget_day_micro, key.budget_month_micro, key.requests_per_minute) == (5, None, 9)
    assert "no-store" in first["Cache-Control"]
    for name, args in ((LIST, []), ("admin:accounts_apikey_change", [key.pk])):
        assert secrets_in(desk.get(reverse(name, args=args))) == set()
    assert all(secret not in str(value) for value in desk.session.items())
    assert notes() == [("staff", "key.issue", owner.pk, f"key {key}", "")]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"allowed_addresses": "nowhere"}, "is no address"),
        ({"scopes": []}, "This field is required"),
        ({"requests_per_minute": "0"}, "Requests per minute are"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "lies in the past"),
    ],
)
def test_wrong_terms_issue_nothing(desk, owner, wrong, words):
    response = desk.post(reverse("admin:accounts_apikey_add"), {**TERMS, "user": owner.pk, **wrong})

    assert words in response.content.decode()
    assert (ApiKey.objects.count(), notes()) == (0, [])


def test_rotation_asks_why_and_shows_the_new_secret_once(desk, owner):
    key, old = issue_key(user=owner, name="bot")

    asked = do(desk, "rotate", key)
    assert (secrets_in(asked), notes()) == (set(), [])
    done = do(desk, "rotate", key, reason="leaked", overlap="1")

    [new] = secrets_in(done)
    assert {authenticate(new).pk, authenticate(old).pk} == {key.pk}
    assert secrets_in(desk.get(reverse(LIST))) == set()
    key.refresh_from_db()
    assert notes() == [("staff", "key.rotate", owner.pk, f"key {key}", "leaked")]
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == (
        {"secret": old[:9]},
        {"secret": new[:9], "overlap_hours": 1},
    )


def test_only_one_live_key_is_rotated(desk, owner):
    one, _ = issue_key(user=owner, name="a")
    two, _ = issue_key(user=owner, name="b")
    gone, _ = issue_key(user=owner, name="c")
    revoke_key(key=gone)

    for chosen in ((one, two), (gone,)):
        response = do(desk, "rotate", *chosen, reason="x", overlap="1")
        assert "Choose one live key." in response.content.decode()
    assert (ApiKey.objects.exclude(old_digest=None).count(), notes()) == (0, [])


def test_a_rotation_that_is_refused_leaves_no_note(desk, owner):
    key, _ = issue_key(user=owner, name="bot")
    ApiKey.objects.update(expires_at=key.created_at - timedelta(days=1))

    response = do(desk, "rotate", key, reason="x", overlap="1")

    assert "has expired" in response.content.decode()
    assert notes() == []


def test_revoking_stops_both_secrets(desk, owner):
    key, old = issue_key(user=owner, name="bot")
    new = rotate_key(key=key, overlap=timedelta(hours=1))

    do(desk, "revoke", key, reason="abuse")

    for secret in (old, new):
        with pytest.raises(Unauthenticated):
            authenticate(secret)
    assert notes() == [("staff", "key.revoke", owner.pk, f"key {key.prefix}", "abuse")]


def test_only_a_superuser_rotates_the_key_of_an_operator(client, staff):
    key, secret = issue_key(user=staff, name="bot")
    helper = UserFactory(is_staff=True)
    helper.user_permissions.add(*Permission.objects.filter(codename__endswith="_apikey"))
    client.force_login(helper)

    response = do(client, "rotate", key, reason="x", overlap="0")

    assert response.status_code == 403
    assert (authenticate(secret).pk, notes()) == (key.pk, [])


def test_who_may_only_look_issues_and_rotates_nothing(client, owner):
    key, secret = issue_key(user=owner, name="bot")
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_apikey"))
    client.force_login(looker)

    do(client, "rotate", key, reason="x", overlap="0")

    assert client.get(reverse("admin:accounts_apikey_add")).status_code == 403
    assert authenticate(secret).pk == key.pk
    assert notes() == []


def test_a_key_is_found_by_prefix_person_and_address(desk, owner):
    key, secret = issue_key(user=owner, name="bot")
    authenticate(secret, ip="203.0.113.9")

    for text in (key.prefix, "owner", "203.0.113.9"):
        found = desk.get(reverse(LIST), {"q": text}).context["cl"].result_list
        assert list(found) == [key]
