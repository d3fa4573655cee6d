"""The page of API keys."""

import re

import pytest

from accounts.keys import authenticate, issue_key, revoke_key
from accounts.models import ApiKey
from core.errors import Unauthenticated
from tests.factories import CharacterFactory

pytestmark = pytest.mark.django_db
PATH = "/app/settings/api-keys"


def test_new_key_is_shown_once_and_works(browser, owner):
    luna = CharacterFactory(owner=owner, name="Luna")

    response = browser.post(PATH, {"name": "bot", "default_character": luna.uid, "expires": "30"})

    [secret] = set(re.findall(r"rk_[0-9A-Za-z]{42}", response.content.decode()))
    key = authenticate(secret)
    assert (key.user, key.name, key.default_character) == (owner, "bot", luna.uid)
    assert (key.expires_at - key.created_at).days in {29, 30}
    assert secret not in browser.get(PATH).content.decode()
    assert "no-store" in response["Cache-Control"]


def test_snippet_carries_this_site_and_the_character(browser, owner):
    CharacterFactory(owner=owner, name="Luna")

    body = browser.post(PATH, {"name": "bot"}).content.decode()

    assert "curl http://testserver/api/device/v1/chat/completions" in body
    assert "&quot;model&quot;: &quot;Luna&quot;" in body or '"model": "Luna"' in body


def test_key_without_name_is_refused_and_none_is_made(browser):
    response = browser.post(PATH, {"name": "", "expires": "7"})

    assert response.status_code == 400
    assert ApiKey.objects.count() == 0
    assert '<option value="7" selected>' in response.content.decode()


def test_character_of_somebody_else_cannot_be_the_default(browser, stranger):
    theirs = CharacterFactory(owner=stranger)

    response = browser.post(PATH, {"name": "bot", "default_character": theirs.uid})

    assert response.status_code == 400
    assert ApiKey.objects.count() == 0


def test_list_shows_live_keys_of_the_owner_only(browser, owner, stranger):
    key, _ = issue_key(user=owner, name="mine")
    revoke_key(key=issue_key(user=owner, name="gone")[0])
    issue_key(user=stranger, name="theirs")

    rows = browser.get(PATH).context["rows"]

    assert [row["key"] for row in rows] == [key]


def test_revoked_key_is_gone_and_refused(browser, owner):
    key, secret = issue_key(user=owner, name="mine")

    response = browser.post(f"{PATH}/{key.uid}/revoke")

    key.refresh_from_db()
    assert (response.status_code, response["Location"]) == (302, PATH)
    assert key.revoked_at is not None
    with pytest.raises(Unauthenticated):
        authenticate(secret)


def test_stranger_cannot_revoke(elsewhere, owner):
    key, _ = issue_key(user=owner, name="mine")

    response = elsewhere.post(f"{PATH}/{key.uid}/revoke")

    key.refresh_from_db()
    assert response.status_code == 404
    assert key.revoked_at is None


def test_question_before_revoking_says_last_use(browser, owner):
    key, _ = issue_key(user=owner, name="mine")

    body = browser.get(PATH).content.decode()

    assert "Last used never" in body
    assert f'popovertarget="revoke-{key.uid}"' in body


@pytest.mark.parametrize("count", [1, 3])
def test_list_asks_as_much_for_three_as_for_one(count, browser, owner, django_assert_num_queries):
    luna = CharacterFactory(owner=owner)
    for _ in range(count):
        issue_key(user=owner, name="k", default_character=luna.uid)
    browser.get(PATH)

    with django_assert_num_queries(7):
        browser.get(PATH)
