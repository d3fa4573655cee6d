"""The newcomer's path in a real browser, from the printed link to a reply, and what may happen
to a page on the way. Set REVERIE_SHOTS to a folder to keep pictures of each stop."""

import os
import re
import shutil
from pathlib import Path

import openai
import pytest
from playwright.sync_api import expect, sync_playwright

from tests.journeys.house import House

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.journey,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request, browser):
    context = browser.new_context(viewport=request.param)
    found = context.new_page()
    found.set_default_timeout(15_000)
    expect.set_options(timeout=15_000)
    problems: list[str] = []
    found.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.width = request.param["width"]
    yield found
    context.close()
    assert problems == []


def shoot(page, name: str) -> None:
    if folder := os.environ.get("REVERIE_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}-{page.width}.png")


def fresh_link(house: House) -> str:
    token = house.rows(
        "from accounts.links import issue_link; from accounts.models import User;"
        "print(issue_link(User.objects.get(handle='owner')))"
    )
    return f"{house.url}/sign-in/{token}"


def start_chat(page, house: House) -> str:
    """From the link to Luna's open chat. Returns the chat's id."""
    page.goto(fresh_link(house))
    page.wait_for_url(f"{house.url}/app")
    shoot(page, "discover")
    card = page.locator("article, li", has_text="Luna").filter(
        has=page.get_by_role("button", name=re.compile("^Chat"))
    )
    card.first.get_by_role("button", name=re.compile("^Chat")).first.click()
    page.wait_for_url(re.compile(r"/app/chats/[0-9a-z]{24}"))
    return re.search(r"/app/chats/([0-9a-z]{24})", page.url)[1]


def send(page, text: str) -> None:
    page.get_by_role("textbox", name="Message Luna").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def newest(page):
    return page.locator('article[data-role="assistant"]').last


def busy(page):
    return page.locator('article[aria-busy="true"]')


def wait_for_end(page, last_word: str) -> None:
    expect(newest(page)).to_contain_text(last_word)
    expect(busy(page)).to_have_count(0)


def test_newcomer_reaches_a_streamed_reply(page, house):
    start_chat(page, house)
    shoot(page, "greeting")

    send(page, "tokens=30 delay=0.03")
    expect(busy(page)).to_contain_text("w3")
    shoot(page, "streaming")
    wait_for_end(page, "w29")

    assert "w0 w1 w2" in newest(page).inner_text()
    shoot(page, "reply")


def test_reload_in_the_middle_loses_nothing(page, house):
    start_chat(page, house)
    send(page, "tokens=60 delay=0.05")
    expect(busy(page)).to_contain_text("w5")

    page.reload()
    expect(busy(page)).to_contain_text("w5 w6")
    wait_for_end(page, "w59")

    words = re.findall(r"w\d+", newest(page).inner_text())
    assert words == [f"w{number}" for number in range(60)]
    users = page.locator('article[data-role="user"]')
    assert users.count() == 1


def test_turn_of_the_sdk_appears_on_the_open_page(page, house):
    chat = start_chat(page, house)
    send(page, "tokens=2")
    wait_for_end(page, "w1")

    client = openai.OpenAI(api_key=house.key, base_url=f"{house.url}/api/device/v1")
    stream = client.chat.completions.create(
        model="Luna",
        messages=[{"role": "user", "content": "tokens=12 delay=0.1"}],
        stream=True,
        extra_headers={"X-Reverie-Chat": chat},
    )
    for chunk in stream:
        if "w4" in (chunk.choices[0].delta.content or ""):
            break
    expect(busy(page)).to_contain_text("w3")
    for _ in stream:
        pass
    wait_for_end(page, "w11")

    assert page.locator('article[data-role="user"]').last.inner_text().count("tokens=12") == 1
    shoot(page, "sdk-turn")


def test_stop_keeps_what_was_written(page, house):
    start_chat(page, house)
    send(page, "tokens=400 delay=0.05")
    expect(busy(page)).to_contain_text("w5")

    page.get_by_role("button", name="Stop", exact=True).click()
    wait_for_end(page, "w5")
    before = re.findall(r"w\d+", newest(page).inner_text())
    page.reload()

    assert re.findall(r"w\d+", newest(page).inner_text()) == before
    assert 5 < len(before) < 300
