"""API keys: what they look like, who they let in and what is remembered of them."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.keys import (
    authenticate,
    change_key,
    digest_of,
    end_overlap,
    issue_key,
    looks_like_key,
    require,
    revoke_key,
    rotate_key,
    undo_rotation,
)
from accounts.models import ApiKey, Scope
from core.errors import Conflict, Forbidden, Invalid, ReverieError

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def refusal(secret: str) -> tuple[str, int]:
    with pytest.raises(ReverieError) as caught:
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
        ({"name": "bot", "scopes": []}, "scopes"),
        ({"name": "bot", "scopes": ["chat", "root"]}, "scopes"),
        ({"name": "bot", "allowed_addresses": "localhost"}, "allowed_addresses"),
        ({"name": "bot", "budget_day_micro": -1}, "budget_day_micro"),
        ({"name": "bot", "budget_month_micro": 10**18 + 1}, "budget_month_micro"),
        ({"name": "bot", "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "bot", "requests_per_minute": 1_000_001}, "requests_per_minute"),
    ],
)
def test_a_key_with_a_wrong_field_is_not_issued(owner, fields, param):
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


def test_the_key_of_somebody_suspended_says_so(owner):
    _, secret = issue_key(user=owner, name="bot")
    owner.is_active = False
    owner.save()

    assert refusal(secret) == ("account_suspended", 403)
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


def test_a_new_key_chats_reads_and_writes_but_does_not_manage(owner):
    key, _ = issue_key(user=owner, name="bot")

    assert (key.scopes, key.granted) == ("chat read write", {"chat", "read", "write"})


def test_what_a_request_carries_costs_no_further_query(owner, django_assert_num_queries):
    _, secret = issue_key(
        user=owner,
        name="bot",
        scopes=["write", "chat", "chat"],
        allowed_addresses="203.0.113.9",
        budget_day_micro=5,
        budget_month_micro=0,
        requests_per_minute=7,
    )
    authenticate(secret, ip="203.0.113.9")

    with django_assert_num_queries(1):
        key = authenticate(secret, ip="203.0.113.9", needs=Scope.CHAT)
        assert (key.scopes, key.granted) == ("chat write", {"chat", "write"})
        assert (key.budget_day_micro, key.budget_month_micro, key.requests_per_minute) == (5, 0, 7)


def test_a_missing_scope_is_named_and_is_no_use(owner):
    _, secret = issue_key(user=owner, name="bot", scopes=["read"])

    with pytest.raises(Forbidden) as caught:
        authenticate(secret, needs=Scope.CHAT)

    assert (caught.value.status, caught.value.code) == (403, "insufficient_scope")
    assert caught.value.message.startswith("This key lacks the scope `chat`.")
    assert ApiKey.objects.get().last_used_at is None


def test_one_of_several_scopes_will_do(owner):
    key, _ = issue_key(user=owner, name="bot", scopes=["chat"])

    require(key)
    require(key, Scope.READ, Scope.CHAT)
    with pytest.raises(Forbidden) as caught:
        require(key, Scope.READ, Scope.WRITE)
    assert caught.value.message.startswith("This key lacks the scope `read` or `write`.")


def test_a_key_with_addresses_is_refused_elsewhere_and_that_is_no_use(owner):
    _, secret = issue_key(user=owner, name="bot", allowed_addresses="203.0.113.0/24")

    with pytest.raises(Forbidden) as caught:
        authenticate(secret, ip="198.51.100.7")

    assert (caught.value.status, caught.value.code) == (403, "address_not_allowed")
    assert "198.51.100.7" in caught.value.message
    assert ApiKey.objects.get().last_used_at is None
    assert authenticate(secret, ip="203.0.113.200").name == "bot"


def test_a_change_changes_what_is_given_and_nothing_else(owner):
    key, secret = issue_key(user=owner, name="bot", requests_per_minute=7)
    change_key(key=key, name=" other ", scopes=["read"], budget_day_micro=10, expires_at=None)

    row = ApiKey.objects.get()
    assert (row.name, row.scopes, row.budget_day_micro) == ("other", "read", 10)
    assert (row.requests_per_minute, row.digest) == (7, digest_of(secret))


def test_a_wrong_change_changes_nothing(owner):
    key, _ = issue_key(user=owner, name="bot")
    with pytest.raises(Invalid):
        change_key(key=key, name="other", allowed_addresses="nowhere")

    assert ApiKey.objects.get().name == "bot"


def test_a_revoked_key_is_not_changed_or_rotated(owner):
    key, _ = issue_key(user=owner, name="bot")
    stale = ApiKey.objects.get()
    revoke_key(key=key)
    before = ApiKey.objects.values().get()

    for deed in (
        lambda: change_key(key=stale, name="other"),
        lambda: rotate_key(key=stale, overlap=timedelta(hours=1)),
    ):
        with pytest.raises(Conflict) as caught:
            deed()
        assert caught.value.code == "key_revoked"
    assert ApiKey.objects.values().get() == before


def test_rotation_keeps_the_key_and_lets_the_old_secret_work_for_the_overlap(owner):
    with time_machine.travel(NOON, tick=False):
        key, old = issue_key(user=owner, name="bot")
        new = rotate_key(key=key, overlap=timedelta(hours=1))
        assert (authenticate(old).pk, authenticate(new).pk) == (key.pk, key.pk)
    with time_machine.travel(NOON + timedelta(minutes=59), tick=False):
        assert authenticate(old).pk == key.pk
    with time_machine.travel(NOON + timedelta(hours=1), tick=False):
        assert refusal(old) == ("api_key_expired", 401)
        assert authenticate(new).pk == key.pk

    row = ApiKey.objects.values().get()
    assert (row["prefix"], row["old_prefix"]) == (new[:9], old[:9])
    assert all(new not in str(value) and old not in str(value) for value in row.values())


def test_rotation_without_overlap_ends_the_old_secret_at_once(owner):
    key, old = issue_key(user=owner, name="bot")
    new = rotate_key(key=key, overlap=timedelta(0))

    assert refusal(old) == ("api_key_expired", 401)
    assert authenticate(new).pk == key.pk


def test_rotating_twice_ends_the_first_secret(owner):
    key, first = issue_key(user=owner, name="bot")
    second = rotate_key(key=key, overlap=timedelta(hours=1))
    third = rotate_key(key=key, overlap=timedelta(hours=1))

    assert refusal(first) == ("invalid_api_key", 401)
    assert {authenticate(second).pk, authenticate(third).pk} == {key.pk}


def test_two_rotations_at_once_show_one_secret(owner):
    key, _ = issue_key(user=owner, name="bot")
    stale = ApiKey.objects.get()
    new = rotate_key(key=key, overlap=timedelta(hours=1))

    with pytest.raises(Conflict) as caught:
        rotate_key(key=stale, overlap=timedelta(hours=1))

    assert caught.value.code == "key_changed"
    assert authenticate(new).pk == key.pk


def test_rotation_can_be_undone_while_the_old_secret_works(owner):
    key, old = issue_key(user=owner, name="bot")
    new = rotate_key(key=key, overlap=timedelta(hours=1))
    undo_rotation(key=key)

    assert authenticate(old).pk == key.pk
    assert refusal(new) == ("invalid_api_key", 401)
    with pytest.raises(Conflict):
        undo_rotation(key=key)


def test_the_overlap_can_be_ended_and_then_not_undone(owner):
    key, old = issue_key(user=owner, name="bot")
    new = rotate_key(key=key, overlap=timedelta(hours=1))
    end_overlap(key=key)
    end_overlap(key=key)

    assert refusal(old) == ("api_key_expired", 401)
    assert authenticate(new).pk == key.pk
    with pytest.raises(Conflict) as caught:
        undo_rotation(key=key)
    assert caught.value.code == "overlap_ended"


@pytest.mark.parametrize("overlap", [timedelta(days=8), timedelta(seconds=-1)])
def test_an_overlap_is_a_week_at_most(owner, overlap):
    key, secret = issue_key(user=owner, name="bot")
    with pytest.raises(Invalid):
        rotate_key(key=key, overlap=overlap)

    assert authenticate(secret).pk == key.pk


def test_an_expired_key_is_not_rotated(owner):
    with time_machine.travel(NOON, tick=False):
        key, _ = issue_key(user=owner, name="bot", expires_at=NOON + timedelta(hours=1))
    with pytest.raises(Conflict) as caught:
        rotate_key(key=key, overlap=timedelta(0))

    assert caught.value.code == "api_key_expired"


def test_rotation_reads_the_new_secret_with_one_query(owner, django_assert_num_queries):
    key, old = issue_key(user=owner, name="bot")
    new = rotate_key(key=key, overlap=timedelta(hours=1))
    authenticate(old)

    with django_assert_num_queries(1):
        assert authenticate(new).pk == key.pk
    with django_assert_num_queries(2):
        assert authenticate(old).pk == key.pk


def test_secrets_are_compared_in_constant_time(owner, monkeypatch):
    import hmac

    key, old = issue_key(user=owner, name="bot")
    rotate_key(key=key, overlap=timedelta(hours=1))
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(
        hmac, "compare_digest", lambda a, b: (compared.append((a, b)), compare(a, b))[1]
    )

    authenticate(old)

    assert compared == [(digest_of(old), key.digest)]
