"""Samwise tokens: no more than their key, no longer than it, and nothing that anybody can make."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.core import signing

from accounts import samwise
from accounts.keys import authenticate, change_key, end_overlap, issue_key, revoke_key, rotate_key
from accounts.models import ApiKey, Scope
from core.errors import Forbidden, Invalid, Unauthenticated

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def secret(owner):
    return issue_key(user=owner, name="bot", scopes=["chat", "read"])[1]


@pytest.fixture
def key(secret):
    """The key as a request carries it."""
    return authenticate(secret)


def refusal(token: str) -> tuple[int, str]:
    with pytest.raises((Unauthenticated, Forbidden)) as caught:
        authenticate(token)
    return caught.value.status, caught.value.code


def test_a_token_stands_for_its_key_with_one_query(key, django_assert_num_queries):
    token = samwise.mint(key).token
    authenticate(token)

    with django_assert_num_queries(1):
        found = authenticate(token)
        assert (found.pk, found.user.handle) == (key.pk, "owner")
        assert found.granted == {"chat", "read"}


def test_a_token_may_have_fewer_scopes(key):
    minted = samwise.mint(key, scopes=("chat",), life=HOUR)

    found = authenticate(minted.token, needs=Scope.CHAT)
    with pytest.raises(Forbidden) as caught:
        authenticate(minted.token, needs=Scope.READ)

    assert (minted.scopes, found.granted) == (("chat",), {"chat"})
    assert caught.value.message.startswith("This token lacks the scope `read`.")


@pytest.mark.parametrize("scopes", [("manage",), ("chat", "write"), ("chat", "read", "manage")])
def test_a_token_cannot_have_more_scopes_than_its_key(key, scopes):
    with pytest.raises(Forbidden) as caught:
        samwise.mint(key, scopes=scopes)

    assert caught.value.code == "insufficient_scope"
    assert any(f"`{scope}`" in caught.value.message for scope in set(scopes) - {"chat", "read"})


@pytest.mark.parametrize("scopes", [(), ("admin",), ("chat", "")])
def test_a_token_names_scopes_that_exist(key, scopes):
    with pytest.raises(Invalid) as caught:
        samwise.mint(key, scopes=scopes)

    assert caught.value.param == "scopes"


@pytest.mark.parametrize("life", [timedelta(0), -HOUR, timedelta(hours=24, seconds=1)])
def test_a_token_lives_for_a_day_at_most(key, life):
    with pytest.raises(Invalid) as caught:
        samwise.mint(key, life=life)

    assert caught.value.param == "expires_in"


def test_a_token_mints_no_token(key):
    borrowed = authenticate(samwise.mint(key).token)

    with pytest.raises(Forbidden) as caught:
        samwise.mint(borrowed, scopes=("chat",))

    assert caught.value.code == "token_cannot_mint"


def test_a_token_ends_at_its_time(secret):
    with time_machine.travel(NOON, tick=False):
        minted = samwise.mint(authenticate(secret), life=HOUR)
    with time_machine.travel(NOON + HOUR - timedelta(seconds=1), tick=False):
        assert authenticate(minted.token).name == "bot"
    with time_machine.travel(NOON + HOUR, tick=False):
        assert refusal(minted.token) == (401, "token_expired")

    assert minted.expires_at == NOON + HOUR


def test_a_token_ends_with_its_key(owner):
    with time_machine.travel(NOON, tick=False):
        secret = issue_key(user=owner, name="short", expires_at=NOON + HOUR)[1]
        minted = samwise.mint(authenticate(secret), life=2 * HOUR)

    assert minted.expires_at == NOON + HOUR


def test_a_token_dies_with_its_key_at_once(key, owner):
    token = samwise.mint(key).token
    revoke_key(key=key)

    assert refusal(token) == (401, "invalid_api_key")


def test_a_token_dies_when_its_key_expires_early(key):
    token = samwise.mint(key).token
    ApiKey.objects.update(expires_at=NOON)

    assert refusal(token) == (401, "api_key_expired")


def test_a_token_dies_when_its_person_is_switched_off(key, owner):
    token = samwise.mint(key).token
    owner.is_active = False
    owner.save()

    assert refusal(token) == (403, "account_suspended")


def test_a_token_dies_with_the_secret_that_minted_it(key):
    old = samwise.mint(key).token
    secret = rotate_key(key=key, overlap=HOUR)
    new = samwise.mint(authenticate(secret)).token
    assert (authenticate(old).pk, authenticate(new).pk) == (key.pk, key.pk)

    end_overlap(key=key)

    assert refusal(old) == (401, "api_key_expired")
    assert authenticate(new).pk == key.pk
    rotate_key(key=key, overlap=HOUR)
    assert refusal(old) == (401, "invalid_api_key")


def test_the_old_secret_mints_tokens_that_end_with_it(key, secret):
    rotate_key(key=key, overlap=HOUR)
    token = samwise.mint(authenticate(secret)).token
    assert authenticate(token).pk == key.pk

    end_overlap(key=key)

    assert refusal(token) == (401, "api_key_expired")


def test_a_token_loses_what_its_key_loses(key):
    token = samwise.mint(key).token
    change_key(key=key, scopes=["chat", "write"])

    assert authenticate(token).granted == {"chat"}


def test_a_token_is_held_to_its_keys_addresses(key):
    token = samwise.mint(key).token
    change_key(key=key, allowed_addresses="203.0.113.0/24")

    assert authenticate(token, ip="203.0.113.9").pk == key.pk
    assert refusal(token) == (403, "address_not_allowed")


def forgeries(token: str) -> dict[str, str]:
    payload, stamp, signature = token.removeprefix("sw_").split(":")
    more = signing.dumps(
        {"k": "x" * 24, "m": "0" * 32, "s": ["manage"], "e": 4102444800}, key="guess", salt="x"
    )
    return {
        "another signature": f"sw_{payload}:{stamp}:{'A' * len(signature)}",
        "another payload": f"sw_{more.split(':')[0]}:{stamp}:{signature}",
        "another key": f"sw_{more}",
        "another salt": f"sw_{signing.dumps({'k': 'x'}, salt='django.core.signing')}",
        "no signature": f"sw_{payload}",
        "nothing": "sw_",
        "surrogates": "sw_\ud800:\ud800:\ud800",
        "nul": "sw_\x00:a:b",
        "long": "sw_" + "a:b:" * 100_000,
    }


@pytest.mark.parametrize("kind", list(forgeries("sw_a:b:c")))
def test_a_forged_token_is_refused_without_a_query(key, kind, django_assert_num_queries):
    forged = forgeries(samwise.mint(key).token)[kind]

    with django_assert_num_queries(0):
        assert refusal(forged) == (401, "invalid_api_key")


def test_a_token_of_a_deleted_key_is_refused(key):
    token = samwise.mint(key).token
    ApiKey.objects.all().delete()

    assert refusal(token) == (401, "invalid_api_key")


def test_a_token_tells_neither_the_secret_nor_its_digest(key, secret):
    token = samwise.mint(key).token
    said = str(signing.loads(token.removeprefix("sw_"), salt="reverie samwise"))

    assert secret not in said
    assert key.digest[:12] not in said
