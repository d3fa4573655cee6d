"""What every page owes: a frame, a way in, plain words when something is not there."""

import re

import pytest

from tests.factories import CharacterFactory
from web.gate import failure

pytestmark = pytest.mark.django_db

MEMBER_PAGES = [
    "/app/characters",
    "/app/characters/new",
    "/app/characters/import",
    "/app/import",
    "/app/chats",
    "/app/lorebooks",
    "/app/lorebooks/import",
    "/app/labs",
    "/app/labs/models",
    "/app/credits",
    "/app/usage",
    "/app/settings",
    "/app/settings/api-keys",
]


@pytest.mark.parametrize("path", MEMBER_PAGES)
def test_guest_is_asked_to_sign_in_and_comes_back(client, path):
    response = client.get(path)

    assert (response.status_code, response["Location"]) == (302, f"/accounts/login/?next={path}")


@pytest.mark.parametrize("path", ["/", "/app", *MEMBER_PAGES])
def test_page_has_one_h1_one_main_a_title_and_nothing_inline(client, browser, path):
    response = (client if path == "/" else browser).get(path)
    body = response.content.decode()

    assert response.status_code == 200
    assert len(re.findall(r"<h1[ >]", body)) == 1
    assert len(re.findall(r"<main[ >]", body)) == 1
    assert re.search(r"<title>[^<]+</title>", body)
    assert '<html lang="en"' in body
    assert re.search(r'<body data-page="[a-z-]+"', body)
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son[a-z]+=|<style", body)


def test_policy_allows_nothing_but_this_site(client):
    policy = client.get("/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_missing_page_has_a_way_on(browser):
    response = browser.get("/app/nowhere")

    assert response.status_code == 404
    assert "Go to Discover" in response.content.decode()


def test_script_is_told_in_json(browser):
    response = browser.get("/app/chats/nowhere", headers={"accept": "application/json"})

    assert response.status_code == 404
    assert response.json()["error"]["code"] == "chat_not_found"


def test_guest_script_is_told_to_sign_in(client):
    response = client.get("/app/chats", headers={"accept": "application/json"})

    assert (response.status_code, response.json()["error"]["code"]) == (401, "not_signed_in")


def test_pause_says_how_long(rf, owner):
    from core.errors import RateLimited

    request = rf.get("/")
    request.user = owner
    response = failure(request, RateLimited("Too quick.", retry_after=7))

    assert (response.status_code, response["Retry-After"]) == (429, "7")
    assert 'data-countdown="7"' in response.content.decode()


def test_broken_server_page_needs_no_frame(client):
    from django.test import RequestFactory

    from web.views.errors import server_error

    response = server_error(RequestFactory().get("/"))

    assert response.status_code == 500
    assert "Something broke on our side" in response.content.decode()


def test_form_without_token_is_refused_in_words(owner):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)

    response = strict.post("/app/settings", {"display_name": "X"})

    owner.refresh_from_db()
    assert response.status_code == 403
    assert "out of date" in response.content.decode()
    assert owner.display_name == ""


def test_portrait_is_served_for_ever_and_sniffed_never(client, owner):
    from characters.services import create_character
    from core.pictures import avatar_url

    response = client.get(avatar_url(create_character(owner=owner, name="Ada").avatar))

    assert response.status_code == 200
    assert response["Content-Type"] == "image/webp"
    assert response["Cache-Control"] == "public, max-age=31536000, immutable"
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "name", ["../reverie.sqlite3", "x.webp", "a/../../b.webp", "x.svg", "%00.webp"]
)
def test_no_other_file_is_served(client, name):
    assert client.get(f"/media/avatars/{name}").status_code == 404


def test_labs_shows_the_address_and_the_number_of_keys(browser, owner):
    CharacterFactory(owner=owner)

    body = browser.get("/app/labs").content.decode()

    assert "http://testserver/api/device/v1" in body
    assert "Make a key" in body
