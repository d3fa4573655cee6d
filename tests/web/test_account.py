"""Signing in by link, oneself, and the pages that allauth draws in our frame."""

import pytest

from accounts.links import issue_link
from accounts.models import User

pytestmark = pytest.mark.django_db


def test_link_signs_in_with_one_click(client, owner):
    token = issue_link(owner)

    response = client.get(f"/sign-in/{token}")

    assert (response.status_code, response["Location"]) == (302, "/app")
    assert client.get("/app/settings").context["user"] == owner


def test_used_link_says_so_to_a_guest(client, owner):
    token = issue_link(owner)
    client.get(f"/sign-in/{token}")
    client.logout()

    response = client.get(f"/sign-in/{token}")

    assert response.status_code == 410
    assert "does not work any more" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_used_link_takes_a_member_on(browser, owner):
    token = issue_link(owner)
    browser.get(f"/sign-in/{token}")

    assert browser.get(f"/sign-in/{token}")["Location"] == "/app"


def test_unknown_link_is_refused(client, owner):
    assert client.get("/sign-in/nonsense").status_code == 410


def test_you_saves_name_colours_and_choice(browser, owner):
    browser.post("/app/settings", {"display_name": "Maren", "scheme": "dark", "adult": "on"})

    owner.refresh_from_db()
    assert owner.display_name == "Maren"
    assert owner.preferences == {"scheme": "dark", "timezone": "", "adult": True}
    assert 'data-scheme="dark"' in browser.get("/app/settings").content.decode()


def test_you_refuses_an_unknown_scheme_and_changes_nothing(browser, owner):
    response = browser.post("/app/settings", {"display_name": "Maren", "scheme": "pink"})

    owner.refresh_from_db()
    assert owner.display_name == ""
    assert 'value="Maren"' in response.content.decode()


def test_you_shows_the_balance(browser):
    assert "<strong>1,000,000</strong> credits" in browser.get("/app/settings").content.decode()


def test_sign_up_then_in_with_handle_and_password(client):
    answer = client.post(
        "/accounts/signup/", {"username": "maren", "password1": "lamplight-harbour-7"}
    )
    client.logout()
    again = client.post("/accounts/login/", {"login": "maren", "password": "lamplight-harbour-7"})

    assert (answer.status_code, again.status_code) == (302, 302)
    assert again["Location"] == "/app"
    assert User.objects.get().handle == "maren"


def test_refused_sign_up_keeps_what_was_typed(client):
    response = client.post("/accounts/signup/", {"username": "maren", "password1": "short"})

    assert response.status_code == 200
    assert 'value="maren"' in response.content.decode()
    assert User.objects.count() == 0


def test_wrong_password_says_one_thing_about_both(client, owner):
    response = client.post("/accounts/login/", {"login": "owner", "password": "wrong"})

    assert 'role="alert"' in response.content.decode()
    assert 'value="owner"' in response.content.decode()


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"]
)
def test_account_pages_stand_in_our_frame(client, path):
    body = client.get(path).content.decode()

    assert body.count("<h1>") == 1
    assert 'class="brand"' in body


def test_signing_out_asks_first(browser):
    assert "Sign out?" in browser.get("/accounts/logout/").content.decode()
    assert browser.post("/accounts/logout/")["Location"] == "/"
