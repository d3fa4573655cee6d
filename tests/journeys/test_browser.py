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


def test_what_was_remembered_is_noted_and_can_be_taken_back(page, house):
    house.rows(
        "from llm.models import Model; from memory.models import Memory;"
        "Model.objects.update(supports_tools=True); Memory.objects.all().delete()"
    )
    page.wait_for_timeout(1100)  # until the server has read its models again
    start_chat(page, house)

    send(page, "call=save_memory")
    wait_for_end(page, "w4")
    expect(newest(page)).to_contain_text("Remembered: Likes tea.")
    shoot(page, "remembered")

    newest(page).get_by_role("button", name="Undo: Remembered").click()
    expect(newest(page)).to_contain_text("Taken back: Likes tea.")
    shoot(page, "taken-back")
    page.reload()
    expect(newest(page)).to_contain_text("Taken back: Likes tea.")
    newest(page).get_by_role("link", name="Likes tea.").click()
    page.wait_for_url(re.compile(r"/app/memories/[0-9a-z]{24}"))


def test_memory_is_told_forgotten_and_taken_back(page, house):
    chat = start_chat(page, house)
    page.goto(f"{house.url}/app/chats/{chat}/memory")
    told = f"Keeps bees on the roof, {page.width} of them."
    page.get_by_label("Something to remember").fill(told)
    page.get_by_role("button", name="Add", exact=True).click()
    fact = page.locator("li.fact", has_text=told)
    expect(fact).to_contain_text("Written by you")

    fact.get_by_role("button", name="Forget").click()
    expect(fact).to_have_count(0)
    page.locator("#notices").get_by_role("button", name="Undo").click()

    expect(fact).to_have_count(1)
    page.locator('input[type="search"]').fill(told[:10])
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(re.compile(r"\?q=Keeps"))
    expect(fact).to_have_count(1)
    shoot(page, "memory")


def in_zone(page, zone: str) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setTimezoneOverride", {"timezoneId": zone})


def fits(page) -> bool:
    """Nothing makes the page wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth") <= page.width


def test_usage_is_seen_from_the_sum_to_the_message_and_its_receipt(page, house):
    chat = start_chat(page, house)
    send(page, "tokens=7")
    wait_for_end(page, "w6")

    page.goto(f"{house.url}/app/usage?by=character")
    expect(page.locator(".chart-key")).to_contain_text("Luna")
    expect(page.locator(".shares")).to_contain_text("Luna")
    expect(page.locator("svg.chart path[class^=series]").first).to_be_visible()
    assert fits(page)
    shoot(page, "usage")

    page.get_by_role("link", name="By surface").click()
    page.wait_for_url(re.compile("by=surface"))
    page.locator(".shares").get_by_role("link", name="Pages").click()
    page.wait_for_url(re.compile("surface=web"))
    row = page.locator("table.requests tbody tr").first
    expect(row).to_contain_text("Reply, Luna")
    row.get_by_role("link", name="Receipt").click()
    page.wait_for_url(re.compile("/app/usage/receipts/turn:"))
    expect(page.get_by_role("row", name="Output 7 ×1 7")).to_be_visible()
    assert fits(page)
    shoot(page, "receipt")

    page.get_by_role("link", name="To the message").click()
    page.wait_for_url(re.compile(f"/app/chats/{chat}"))
    expect(newest(page)).to_contain_text("w6")
    newest(page).get_by_text("More", exact=True).click()
    newest(page).locator(".menu-list").get_by_role("link", name="Receipt").click()
    page.wait_for_url(re.compile("/app/messages/[0-9a-z]{24}/receipt"))


def test_a_bar_leads_to_its_day_and_the_keyboard_gets_there_too(page, house):
    start_chat(page, house)
    send(page, "tokens=3")
    wait_for_end(page, "w2")

    page.goto(f"{house.url}/app/usage?days=7")
    # The newest day stands at the right, where a narrow box begins.
    page.locator("svg.chart a").last.click()
    page.wait_for_url(re.compile("since=.*until="))
    shown = page.get_by_role("heading", level=2, name=re.compile(r"^\d+ \w+ \d{4}$"))
    expect(shown).to_be_visible()

    page.goto(f"{house.url}/app/usage?days=7")
    page.locator("summary", has_text="The chart as a table").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")  # the box, which scrolls
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("since=.*until="))
    assert fits(page)


def test_the_days_become_those_of_the_browser_by_one_click(page, house):
    house.rows("from accounts.models import User; User.objects.update(preferences={})")
    in_zone(page, "Asia/Tokyo")
    start_chat(page, house)
    page.goto(f"{house.url}/app/usage")
    expect(page.get_by_text("Days and times are UTC.")).to_be_visible()

    page.get_by_role("button", name="Use Asia/Tokyo").click()

    expect(page.get_by_text("Days and times are those of Asia/Tokyo.")).to_be_visible()
    expect(page.get_by_role("button", name="Use Asia/Tokyo")).to_have_count(0)


def test_usage_goes_out_as_a_file_and_older_rows_come_in(page, house):
    house.rows(
        "from accounts.models import User; from billing.models import Usage;"
        "from django.utils import timezone as t;"
        f"u = User.objects.get(handle='owner'); p = 'old{page.width}';"
        "Usage.objects.bulk_create([Usage(key=f'{p}:{n}', user=u, surface='job', model=p,"
        " prompt_tokens=n, completion_tokens=1, amount_micro=n) for n in range(30)])"
    )
    page.goto(fresh_link(house))
    page.goto(f"{house.url}/app/usage?model=old{page.width}")
    rows = page.locator("table.requests tbody tr:not(.more-row)")
    expect(rows).to_have_count(24)

    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(30)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download CSV").click()

    lines = Path(started.value.path()).read_text().splitlines()
    assert len(lines) == 31
    assert started.value.suggested_filename == "reverie-usage.csv"


def test_what_can_be_pressed_on_the_usage_page_is_large_enough(page, house):
    start_chat(page, house)
    send(page, "tokens=3")
    wait_for_end(page, "w2")
    page.goto(f"{house.url}/app/usage")

    small = page.evaluate(
        """() => [...document.querySelectorAll("main :is(a, button, summary, input)")]
        .filter(one => !one.closest("svg, p") && one.offsetHeight && one.offsetHeight < 24)
        .map(one => one.outerHTML.slice(0, 80))"""
    )
    assert small == []
