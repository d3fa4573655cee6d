"""API keys: what they look like, who they let in and what is remembered of them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.keys import authenticate, digest_of, issue_key, looks_like_key, revoke_key
from accounts.models import ApiKey
from core.errors import Invalid, Unauthenticated

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def refusal(secret: str) -> tuple[str, int]:
    with pytest.raises(Unauthenticated) as caught:
        authenticate(secret)
    return caught.value.code, caught.value.status


def test_a_key_has_45_characters_and_only_its_digest_is_stored(owner):
    key, secret = issue_key(user=owner, name="  bot ")

    row = ApiKey.objects.values().get()
    assert (len(secret), secret[:3]) == (45, "rk_")
    assert (row["name"], row["prefix"]) == ("bot", secret[:9])
    assert row["digest"] == digest_of(secret) == key.digest
    assert all(secret not in str(value) for value in row.values())


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": "  "}, "name"),
        ({"name": "bot", "expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "expires_at"),
    ],
)
def test_a_key_without_name_or_already_expired_is_not_issued(owner, fields, param):
    with pytest.raises(Invalid) as caught:
        issue_key(user=owner, **fields)

    assert caught.value.param == param
    assert ApiKey.objects.count() == 0


def test_a_key_lets_its_person_in_with_one_query(owner, stranger, django_assert_num_queries):
    key, secret = issue_key(user=owner, name="bot")
    issue_key(user=stranger, name="bot")
    authenticate(secret)

    with django_assert_num_queries(1):
        found = authenticate(secret)
        assert (found.pk, found.user.handle) == (key.pk, "owner")


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "rk_",
        "sk-" + "a" * 42,
        "rk_" + "a" * 42,
        "rk_" + "é" * 42,
        "rk_' OR 1=1 --",
        "rk_\x00" + "a" * 41,
        "rk_\ud800" + "a" * 41,
        "rk_" + "a" * 1_000_000,
    ],
)
def test_what_is_no_key_is_refused_without_a_query(secret, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert refusal(secret) == ("invalid_api_key", 401)
    assert looks_like_key(secret) is False


def test_a_mistyped_key_is_refused_without_a_query(owner, django_assert_num_queries):
    _, secret = issue_key(user=owner, name="bot")
    other = "a" if secret[10] != "a" else "b"

    with django_assert_num_queries(0):
        assert refusal(secret[:10] + other + secret[11:]) == ("invalid_api_key", 401)


def test_an_unknown_key_of_good_shape_is_refused(owner):
    key, secret = issue_key(user=owner, name="bot")
    key.delete()

    assert looks_like_key(secret) is True
    assert refusal(secret) == ("invalid_api_key", 401)


def test_a_revoked_key_is_refused_and_keeps_its_first_revocation(owner):
    key, secret = issue_key(user=owner, name="bot")
    with time_machine.travel(NOON, tick=False):
        revoke_key(key=key)
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        revoke_key(key=key)

    assert refusal(secret) == ("invalid_api_key", 401)
    assert ApiKey.objects.get().revoked_at == NOON


def test_an_expired_key_says_so(owner):
    with time_machine.travel(NOON, tick=False):
        _, secret = issue_key(user=owner, name="bot", expires_at=NOON + timedelta(hours=1))
        assert authenticate(secret).user == owner

    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert refusal(secret) == ("api_key_expired", 401)


def test_the_key_of_somebody_switched_off_is_refused(owner):
    _, secret = issue_key(user=owner, name="bot")
    owner.is_active = False
    owner.save()

    assert refusal(secret) == ("invalid_api_key", 401)
    assert ApiKey.objects.get().last_used_at is None


def test_use_is_noted_at_most_once_a_minute(owner):
    _, secret = issue_key(user=owner, name="bot")
    seen = []
    for seconds, ip in [(0, "192.0.2.1"), (59, "192.0.2.2"), (60, "192.0.2.3")]:
        with time_machine.travel(NOON + timedelta(seconds=seconds), tick=False):
            authenticate(secret, ip=ip)
        row = ApiKey.objects.get()
        seen.append((row.last_used_at - NOON, row.last_used_ip))

    assert seen == [
        (timedelta(0), "192.0.2.1"),
        (timedelta(0), "192.0.2.1"),
        (timedelta(seconds=60), "192.0.2.3"),
    ]


def test_digests_depend_on_the_servers_secret(settings):
    first = digest_of("rk_x")
    settings.SECRET_KEY = "another secret, long enough for tests to be happy with it"

    assert digest_of("rk_x") != first
