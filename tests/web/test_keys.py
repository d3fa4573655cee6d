"""The page of API keys."""

import re
from datetime import timedelta

import pytest
from django.test import AsyncRequestFactory
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from accounts.keys import authenticate, issue_key, revoke_key, rotate_key
from accounts.models import ApiKey
from billing.models import MICRO, Usage
from chats.models import Chat
from core.errors import Unauthenticated
from tests.billing.test_usage import used
from tests.conftest import settled
from tests.factories import CharacterFactory
from web.views.key_trial import trial

pytestmark = pytest.mark.django_db
PATH = "/app/settings/api-keys"
USUAL = {"scopes": ["chat", "read", "write"]}


def test_new_key_is_shown_once_and_works(browser, owner):
    luna = CharacterFactory(owner=owner, name="Luna")

    response = browser.post(
        PATH, {**USUAL, "name": "bot", "default_character": luna.uid, "expires": "30"}
    )

    [secret] = set(re.findall(r"rk_[0-9A-Za-z]{42}", response.content.decode()))
    key = authenticate(secret)
    assert (key.user, key.name, key.default_character) == (owner, "bot", luna.uid)
    assert (key.expires_at - key.created_at).days in {29, 30}
    assert secret not in browser.get(PATH).content.decode()
    assert "no-store" in response["Cache-Control"]


def test_snippet_carries_this_site_and_the_character(browser, owner):
    CharacterFactory(owner=owner, name="Luna")

    body = browser.post(PATH, {**USUAL, "name": "bot"}).content.decode()

    assert "curl http://testserver/api/device/v1/chat/completions" in body
    assert "&quot;model&quot;: &quot;Luna&quot;" in body or '"model": "Luna"' in body


def test_key_without_name_is_refused_and_none_is_made(browser):
    response = browser.post(PATH, {**USUAL, "name": "", "expires": "7"})

    assert response.status_code == 400
    assert ApiKey.objects.count() == 0
    assert '<option value="7" selected>' in response.content.decode()


def test_character_of_somebody_else_cannot_be_the_default(browser, stranger):
    theirs = CharacterFactory(owner=stranger)

    response = browser.post(PATH, {**USUAL, "name": "bot", "default_character": theirs.uid})

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
        issue_key(
            user=owner, name="k", default_character=luna.uid, budget_day_micro=1,
            budget_month_micro=1,
        )  # fmt: skip
    browser.get(PATH)

    with django_assert_num_queries(11):
        browser.get(PATH)


TERMS = {
    "name": "bot",
    "scopes": ["read", "manage"],
    "budget_day": "2.5",
    "budget_month": "100",
    "requests_per_minute": "30",
    "allowed_addresses": "203.0.113.9\r\n10.0.0.0/8",
    "expires": "7",
}
STORED = {
    "name": "bot",
    "scopes": "read manage",
    "budget_day_micro": 2_500_000,
    "budget_month_micro": 100 * MICRO,
    "requests_per_minute": 30,
    "allowed_addresses": "203.0.113.9\n10.0.0.0/8",
}


def stored() -> dict:
    return ApiKey.objects.values(*STORED).get()


def test_a_key_is_made_with_its_terms(browser):
    browser.post(PATH, TERMS)

    assert stored() == STORED


def test_the_terms_of_a_key_are_shown_and_changed(browser, owner):
    key, secret = issue_key(user=owner, name="old", requests_per_minute=5)
    url = f"{PATH}/{key.uid}"
    response = browser.post(url, TERMS)

    assert (response.status_code, response["Location"]) == (302, url)
    assert stored() == STORED
    page = browser.get(url).content.decode()
    for shown in ('value="2.5"', 'value="100"', 'value="30"', "203.0.113.9"):
        assert shown in page
    assert secret not in page
    assert ApiKey.objects.get().expires_at is not None


def test_saving_what_the_page_shows_changes_nothing(browser, owner):
    luna = CharacterFactory(owner=owner)
    key, _ = issue_key(
        user=owner,
        name="bot",
        default_character=luna.uid,
        budget_day_micro=10 * MICRO,
        budget_month_micro=1,
        allowed_addresses="::1",
    )
    before = ApiKey.objects.values().get()
    url = f"{PATH}/{key.uid}"
    form = browser.get(url).context["form"]

    browser.post(url, {n: v for n, v in form.initial.items() if v is not None})

    assert ApiKey.objects.values().get() == before


def test_an_expiry_is_kept_unless_another_is_chosen(browser, owner):
    browser.post(PATH, TERMS)
    key = ApiKey.objects.get()
    url = f"{PATH}/{key.uid}"

    browser.post(url, {**TERMS, "expires": "keep"})
    kept = ApiKey.objects.get().expires_at
    browser.post(url, {**TERMS, "expires": ""})

    assert (kept, ApiKey.objects.get().expires_at) == (key.expires_at, None)


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"name": " "}, "name", "required"),
        ({"scopes": []}, "scopes", "Choose at least one"),
        ({"scopes": ["root"]}, "scopes", "root"),
        ({"budget_day": "-1"}, "budget_day", "greater than or equal to 0"),
        ({"budget_month": "0.0000001"}, "budget_month", "decimal places"),
        ({"requests_per_minute": "0"}, "requests_per_minute", "greater than or equal to 1"),
        ({"allowed_addresses": "10.0.0.5/8"}, "allowed_addresses", "the range is 10.0.0.0/8"),
        ({"expires": "soon"}, "expires", "valid choice"),
    ],
)
def test_a_wrong_term_is_told_beside_its_field_and_changes_nothing(
    browser, owner, wrong, field, words
):
    key, _ = issue_key(user=owner, name="old")
    before = ApiKey.objects.values().get()

    for url in (PATH, f"{PATH}/{key.uid}"):
        response = browser.post(url, {**TERMS, **wrong})

        errors = response.context["form"].errors
        assert (response.status_code, list(errors)) == (400, [field])
        assert words in errors[field][0]
    assert ApiKey.objects.values().get() == before


def test_folded_terms_open_when_one_is_wrong(browser):
    closed = browser.get(PATH).content.decode()
    opened = browser.post(PATH, {**TERMS, "allowed_addresses": "x"}).content.decode()

    assert '<details class="optional">' in closed
    assert '<details class="optional" open>' in opened


def test_rotation_shows_the_new_secret_once_and_keeps_the_key(browser, owner):
    key, old = issue_key(user=owner, name="bot")

    response = browser.post(f"{PATH}/{key.uid}/rotate", {"overlap": "24"})

    [new] = set(re.findall(r"rk_[0-9A-Za-z]{42}", response.content.decode()))
    assert "no-store" in response["Cache-Control"]
    assert (authenticate(new).pk, authenticate(old).pk) == (key.pk, key.pk)
    assert new not in browser.get(f"{PATH}/{key.uid}").content.decode()
    left = ApiKey.objects.get().old_expires_at - key.created_at
    assert timedelta(hours=24) <= left < timedelta(hours=24, minutes=5)


def test_rotation_without_overlap_stops_the_old_secret(browser, owner):
    key, old = issue_key(user=owner, name="bot")
    browser.post(f"{PATH}/{key.uid}/rotate", {"overlap": "0"})

    with pytest.raises(Unauthenticated):
        authenticate(old)


@pytest.mark.parametrize("overlap", ["", "2", "-1", "1e9"])
def test_an_overlap_that_is_not_offered_rotates_nothing(browser, owner, overlap):
    key, secret = issue_key(user=owner, name="bot")
    response = browser.post(f"{PATH}/{key.uid}/rotate", {"overlap": overlap})

    assert response.status_code == 400
    assert authenticate(secret).digest == key.digest


def test_rotation_is_undone_or_its_overlap_ended_from_the_page(browser, owner):
    key, old = issue_key(user=owner, name="bot")
    url = f"{PATH}/{key.uid}"
    rotate_key(key=key, overlap=timedelta(hours=1))
    browser.post(f"{url}/rotate/undo")
    assert authenticate(old).pk == key.pk

    new = rotate_key(key=ApiKey.objects.get(), overlap=timedelta(hours=1))
    assert f"{old[:9]}…" in browser.get(url).content.decode()
    browser.post(f"{url}/rotate/end")

    assert authenticate(new).pk == key.pk
    with pytest.raises(Unauthenticated):
        authenticate(old)
    assert browser.post(f"{url}/rotate/undo").status_code == 409


def test_a_stranger_reaches_no_page_and_no_deed_of_a_key(elsewhere, owner):
    key, _ = issue_key(user=owner, name="mine")
    rotate_key(key=key, overlap=timedelta(hours=1))
    before = ApiKey.objects.values().get()
    url = f"{PATH}/{key.uid}"

    assert elsewhere.get(url).status_code == 404
    for path in ("", "/rotate", "/rotate/undo", "/rotate/end", "/revoke"):
        assert elsewhere.post(url + path, {**TERMS, "overlap": "0"}).status_code == 404
    assert ApiKey.objects.values().get() == before


def test_a_revoked_key_has_no_page(browser, owner):
    key, _ = issue_key(user=owner, name="gone")
    revoke_key(key=key)

    assert browser.get(f"{PATH}/{key.uid}").status_code == 404
    assert browser.post(f"{PATH}/{key.uid}/rotate", {"overlap": "0"}).status_code == 404


def test_pages_of_keys_want_somebody_signed_in(client, owner):
    key, _ = issue_key(user=owner, name="mine")

    for path in ("", f"/{key.uid}"):
        assert "/login" in client.get(PATH + path)["Location"]


def test_what_a_key_spent_lately_is_shown(browser, owner):
    key, _ = issue_key(user=owner, name="bot")
    for name, age in (("new", 1), ("old", 31)):
        use = Usage.objects.create(
            key=name,
            user=owner,
            api_key=key.uid,
            surface="api",
            model="m",
            prompt_tokens=1,
            completion_tokens=1,
            amount_micro=1234 * MICRO,
        )
        Usage.objects.filter(pk=use.pk).update(created_at=key.created_at - timedelta(days=age))

    assert browser.get(PATH).context["rows"][0]["spent_micro"] == 1234 * MICRO
    assert "1,234 credits" in browser.get(f"{PATH}/{key.uid}").content.decode()


def test_the_budgets_of_keys_are_shown_as_they_stand(browser, owner):
    for name, day in (("bot", 20), ("other", 30), ("free", None)):
        key, _ = issue_key(user=owner, name=name, budget_day_micro=day and day * MICRO)
        used(owner, timezone.now(), key=name, amount=12 * MICRO, api_key=key.uid)
    bot = owner.api_keys.get(name="bot")
    browser.get(PATH)

    page = browser.get(PATH).content.decode()
    own = browser.get(f"{PATH}/{bot.uid}").content.decode()

    assert re.findall(r"[0-9]+ of [0-9]+ today", page) == ["12 of 30 today", "12 of 20 today"]
    assert "12 of 20 credits spent, 8 left until" in own
    assert f'href="/app/usage?key={bot.uid}"' in page
    assert f'href="/app/usage?key={bot.uid}"' in own
    rows = browser.get(f"/app/usage?key={bot.uid}").context["rows"]
    assert [row.usage.key for row in rows] == ["bot"]


async def try_out(user, key, **headers):
    """What the button on the page brings, for this person."""
    request = AsyncRequestFactory().post("/", headers={"HX-Request": "true", **headers})
    request.htmx = HtmxDetails(request)

    async def auser():
        return user

    request.auser = auser
    response = await trial(request, key.uid)
    await settled()
    return response.status_code, response.content.decode()


async def test_trying_a_key_shows_the_answer_and_keeps_nothing(owner, luna, provider):
    key, _ = issue_key(user=owner, name="bot")

    status, page = await try_out(owner, key)

    assert status == 200
    assert "Hello there." in page
    assert "Answered by test/model" in page
    assert Chat.objects.count() == 0
    assert Usage.objects.get().api_key == key.uid
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        ({"scopes": ["read"]}, ["403", "insufficient_scope", "`chat`"]),
        ({"allowed_addresses": "203.0.113.9"}, ["403", "address_not_allowed", "127.0.0.1"]),
    ],
)
async def test_trying_a_key_shows_why_it_is_refused(owner, luna, provider, terms, words):
    key, _ = issue_key(user=owner, name="bot", **terms)

    status, page = await try_out(owner, key)

    assert status == 200
    assert [word for word in words if word not in page] == []
    assert provider.requests == []


async def test_trying_a_key_shows_what_the_model_said_wrong(owner, luna, provider):
    from core.errors import Terminal

    provider.says([Terminal("The upstream is down.")])
    key, _ = issue_key(user=owner, name="bot")

    status, page = await try_out(owner, key)

    assert status == 200
    assert "502" in page
    assert "upstream_error" in page


async def test_a_stranger_tries_no_key_of_mine(owner, stranger, luna, provider):
    key, _ = issue_key(user=owner, name="bot")

    status, page = await try_out(stranger, key, Accept="application/json")

    assert (status, "key_not_found" in page) == (404, True)
    assert provider.requests == []
