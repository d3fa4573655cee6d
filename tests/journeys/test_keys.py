"""API keys in a real browser: make one, try it, limit it, rotate it, revoke it."""
# ruff: noqa: F811 - fixtures come from beside and are named by their arguments

import re

import httpx
import pytest
from playwright.sync_api import expect

from tests.journeys.test_browser import (  # noqa: F401 - fixtures
    browser,
    fresh_link,
    page,
    pytestmark,
    shoot,
)

LIST = "/app/settings/api-keys"
SECRET = re.compile(r"rk_[0-9A-Za-z]{42}")


@pytest.fixture
def signed_in(page, house):
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(fresh_link(house))
    page.wait_for_url(f"{house.url}/app")
    return page


def new_key(page, house, name: str) -> str:
    """A key by three clicks and a name. Returns its secret."""
    page.goto(house.url + LIST)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="New key").click()
    return SECRET.search(page.locator("#secret").inner_text())[0]


def status_of(house, secret: str, path: str = "/v1/models") -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(house.url + path, headers=headers).status_code


def test_a_key_is_made_tried_and_shown_once(signed_in, house):
    page = signed_in
    secret = new_key(page, house, "Once")
    assert status_of(house, secret) == 200
    assert status_of(house, secret, "/api/user/credits") == 403
    page.get_by_role("button", name="Test it").click()
    expect(page.locator("#trial")).to_contain_text("It works.")
    expect(page.locator("#secret")).to_have_text(secret)
    shoot(page, "key-created")

    page.get_by_role("link", name="Back to your keys").click()
    row = page.locator("tr", has_text="Once").first
    expect(row).to_contain_text(f"{secret[:9]}…")
    assert secret not in page.content()


def test_leaving_before_copying_asks(signed_in, house):
    page = signed_in
    asked = []
    page.on("dialog", lambda dialog: asked.append(dialog.type))
    new_key(page, house, "Uncopied")
    page.get_by_role("link", name="Back to your keys").click()
    page.wait_for_url(house.url + LIST)

    assert asked == ["beforeunload"]


def test_a_key_is_limited_and_says_why_it_is_refused(signed_in, house):
    page = signed_in
    secret = new_key(page, house, "Limited")
    page.get_by_role("link", name="Settings of this key").click()
    page.get_by_label("See and use your account").check()
    page.get_by_label("Credits a day").fill("2.5")
    page.get_by_label("Only from these addresses").fill("203.0.113.0/24")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Limited is saved.")).to_be_visible()
    expect(page.get_by_label("Credits a day")).to_have_value("2.5")
    assert status_of(house, secret) == 403

    page.get_by_role("button", name="Test it").click()
    expect(page.locator("#trial")).to_contain_text("address_not_allowed")
    shoot(page, "key-refused")
    page.get_by_label("Only from these addresses").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Only from these addresses")).to_have_value("")
    assert status_of(house, secret, "/api/user/credits") == 200


def test_a_key_is_rotated_with_the_keyboard_undone_and_rotated_again(signed_in, house):
    page = signed_in
    old = new_key(page, house, "Turning")
    page.get_by_role("link", name="Settings of this key").click()
    page.get_by_role("button", name="Rotate", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("The old secret works on")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_label("The old secret works on")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("The old secret works on")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Turning has its new secret")
    new = SECRET.search(page.locator("#secret").inner_text())[0]
    assert (status_of(house, old), status_of(house, new)) == (200, 200)

    page.get_by_role("link", name="go back to it").click()
    shoot(page, "key-overlap")
    page.get_by_role("button", name="Go back to it").click()
    expect(page.get_by_text("Turning keeps the secret")).to_be_visible()
    assert (status_of(house, old), status_of(house, new)) == (200, 401)

    page.get_by_role("button", name="Rotate", exact=True).click()
    page.get_by_label("The old secret works on").select_option("0")
    page.get_by_role("button", name="Rotate key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Turning has its new secret")
    assert status_of(house, old) == 401


def test_a_key_is_revoked_from_the_list(signed_in, house):
    page = signed_in
    secret = new_key(page, house, f"Leaving {page.width}")
    page.get_by_role("link", name="Back to your keys").click()
    row = page.locator("tr", has_text=f"Leaving {page.width}")
    row.get_by_role("button", name="Revoke", exact=True).click()
    page.get_by_role("button", name="Revoke key").locator("visible=true").click()
    expect(page.get_by_text("is revoked.")).to_be_visible()

    assert row.count() == 0
    assert status_of(house, secret) == 401
