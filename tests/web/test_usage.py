"""The usage page: what it shows, where it leads, and whom it refuses."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.keys import change_key
from accounts.zones import set_zone
from billing.limits.admission import Admission
from billing.limits.changes import set_budgets
from billing.models import MICRO
from chats.models import Message
from tests.billing.api.test_usage import rows_of
from tests.billing.test_ledger import hold, settle
from tests.billing.test_usage import at, used
from tests.chats.talking import say
from tests.factories import UserFactory
from web.charts import WIDTH

pytestmark = pytest.mark.django_db
PATH = "/app/usage"
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture
def march(owner, stranger, luna, secret):
    """Three requests of the owner on two days, one of somebody else, on the last day of March."""
    with time_machine.travel(NOW, tick=False):
        key = owner.api_keys.get()
        used(owner, at("2026-03-30T23:30"), amount=1_500_000, character=luna.uid, cached=40)
        used(owner, at("2026-03-31T01:00"), amount=MICRO, api_key=key.uid, surface="api")
        used(owner, at("2026-03-31T02:00"), amount=0, model="free", estimated=True)
        used(stranger, at("2026-03-31T02:00"), amount=1000, model="theirs")
        yield key


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def names(view):
    return [(share.name, share.sums.amount_micro) for share in view.shares]


def test_only_members_see_it(client):
    for path in ("", "/requests.csv", "/receipts/turn:1"):
        assert client.get(f"{PATH}{path}").status_code == 302
    assert client.get("/app/messages/x/receipt").status_code == 302
    assert client.post(f"{PATH}/zone", {"timezone": "UTC"}).status_code == 302


def test_it_says_how_the_limits_stand(browser, march, owner):
    change_key(key=march, requests_per_minute=9, budget_day_micro=5 * MICRO)
    set_budgets(user_id=owner.pk, day_micro=None, month_micro=4 * MICRO, reason="r", actor="op")
    Admission().enter(owner, for_turn=True)

    set_zone(owner, "America/New_York")  # where a month of UTC ends on the day before

    page = text(browser.get(PATH))
    of_key = text(browser.get(PATH, {"key": march.uid}))

    for shown in (
        "Requests a minute 599 of 600 left, all again in ",
        "Replies at the same time 1 of 64 running",
        "Messages to free models a minute 60 of 60 left",
        "Budget this month 2.5 of 4 credits spent, 1.5 left until 1 Apr UTC",
    ):
        assert shown in page
        assert shown in of_key
    for shown in (
        "Requests a minute of this key 9 of 9 left",
        "Budget of this key today 1 of 5 credits spent, 4 left until 1 Apr UTC",
    ):
        assert shown not in page
        assert shown in of_key


def test_limits_of_a_key_of_somebody_else_are_not_told(elsewhere, march):
    change_key(key=march, requests_per_minute=9)

    assert "of this key" not in text(elsewhere.get(PATH, {"key": march.uid}))


def test_it_says_that_the_site_is_busy(browser, march, stranger, settings):
    settings.FREE_TURNS, settings.FREE_SITE_TURNS = 6, 2
    for _ in range(4):
        Admission().begin(stranger, free=True)

    assert "a minute 3 of 3 left; the site is busy, usually 6" in text(browser.get(PATH))


def test_it_says_what_is_not_known(browser, march, settings):
    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"

    page = text(browser.get(PATH))

    assert "Requests a minute 600; how many are left is not known now" in page
    assert "Replies at the same time 64; how many run is not known now" in page


def test_it_sums_what_is_ones_own(browser, march):
    response = browser.get(PATH)

    view = response.context["view"]
    assert (view.totals.requests, view.totals.amount_micro, view.totals.cached_tokens) == (
        3,
        2_500_000,
        40,
    )
    assert names(view) == [("m", 2_500_000), ("free", 0)]
    shown = text(response)
    assert "2.5 credits" in shown
    assert "1 estimated" in shown
    assert "theirs" not in shown
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("model", ["m", "free"]),
        ("character", ["Luna", "No character"]),
        ("key", ["No key", "test"]),
        ("surface", ["Pages", "API"]),
    ],
)
def test_it_is_split_by_what_is_chosen(browser, march, by, expected):
    view = browser.get(PATH, {"by": by}).context["view"]

    assert [share.name for share in view.shares] == expected
    assert sum(share.sums.amount_micro for share in view.shares) == 2_500_000


def test_a_share_leads_to_its_requests(browser, march):
    by_key = browser.get(PATH, {"by": "key"}).context["view"]
    hrefs = {share.name: share.href for share in by_key.shares}

    only = browser.get(PATH + hrefs["test"])
    none = browser.get(PATH + hrefs["No key"])

    assert [row.usage.key for row in only.context["rows"]] == ["turn:1"]
    assert [row.usage.key for row in none.context["rows"]] == ["turn:2", "turn:0"]
    (taken_out,) = only.context["view"].filters
    assert taken_out[:2] == ("API key", "test")
    assert len(browser.get(PATH + taken_out[2]).context["rows"]) == 3


def test_a_bar_leads_to_its_day(browser, march):
    columns = browser.get(PATH).context["view"].chart.columns

    yesterday = browser.get(PATH + columns[-2].href)

    assert columns[-2].title == "30 March 2026: 1.5 credits, 105 tokens"
    assert [row.usage.key for row in yesterday.context["rows"]] == ["turn:0"]
    assert yesterday.context["span"] == "30 March 2026"
    assert 'href="?by=' not in yesterday.content.decode().split('id="requests"')[1]


def test_the_table_says_what_the_chart_says(browser, march):
    response = browser.get(PATH)

    days = response.context["view"].days
    assert [(day.first.isoformat(), day.sums.amount_micro) for day in days] == [
        ("2026-03-30", 1_500_000),
        ("2026-03-31", MICRO),
    ]
    assert [[part.requests for part in day.shown] for day in days] == [[1, 0], [1, 1]]
    table = response.content.decode().split('<table class="day-table">')[1].split("</table>")[0]
    assert re.findall(r'scope="row"><a href="[^"]+">([^<]+)', table) == [
        "30 Mar 2026",
        "31 Mar 2026",
    ]


def test_days_are_utc_until_a_zone_is_chosen(browser, owner, march):
    before = browser.get(PATH)
    chosen = browser.post(f"{PATH}/zone", {"timezone": "Europe/Berlin"})
    after = browser.get(PATH)

    assert "Days and times are UTC." in text(before)
    assert (chosen.status_code, chosen["Location"]) == (302, PATH)
    assert "Days and times are those of Europe/Berlin." in text(after)
    assert [(d.first.isoformat(), d.sums.requests) for d in after.context["view"].days] == [
        ("2026-03-31", 3)
    ]
    assert "31 Mar 2026, 01:30" in text(after)


@pytest.mark.parametrize("zone", ["Moon/Base", "../etc/passwd"])
def test_a_zone_that_is_none_is_refused(browser, owner, zone):
    assert browser.post(f"{PATH}/zone", {"timezone": zone}).status_code == 400
    owner.refresh_from_db()
    assert owner.preferences == {}


def test_a_zone_can_be_set_among_the_settings(browser, owner):
    wrong = browser.post("/app/settings", {"timezone": "Moon/Base"})
    right = browser.post("/app/settings", {"timezone": "Asia/Tokyo"})

    assert "There is no such time zone." in text(wrong)
    owner.refresh_from_db()
    assert (right.status_code, owner.preferences["timezone"]) == (302, "Asia/Tokyo")


@pytest.mark.parametrize(
    "query", ["by=moon", "days=x", "since=soon", "days=0", "before=x", "before=-1", "days=400"]
)
def test_an_address_that_means_nothing_shows_everything(browser, march, query):
    response = browser.get(f"{PATH}?{query}")

    assert response.status_code == 200
    assert len(response.context["rows"]) == 3


def test_a_year_is_drawn_in_weeks(browser, owner):
    now = datetime.now(UTC)
    for days in (0, 3, 200):
        used(owner, now - timedelta(days=days))

    view = browser.get(PATH, {"days": 365}).context["view"]

    assert view.is_weekly
    assert len(view.chart.columns) == 53
    assert view.totals.requests == sum(day.sums.requests for day in view.days) == 3


def test_more_shares_than_fit_are_others(browser, owner):
    for number in range(15):
        used(owner, datetime.now(UTC), model=f"m{number}", amount=number + 1)

    response = browser.get(PATH)

    view = response.context["view"]
    assert [share.name for share in view.drawn] == ["m14", "m13", "m12", "m11", "Others"]
    assert [share.number for share in view.drawn] == [0, 1, 2, 3, 4]
    assert names(view)[-1] == ("Others", 1 + 2 + 3)
    assert sum(amount for _name, amount in names(view)) == view.totals.amount_micro == 120
    assert {series.number for series in view.chart.panels[0].series} == {0, 1, 2, 3, 4}
    assert f'viewBox="0 0 {WIDTH}' in response.content.decode()


def test_it_says_how_long_credits_last(browser, owner, settings):
    settings.STARTING_GRANT_CREDITS = 1000
    used(owner, datetime.now(UTC), amount=200 * MICRO)
    used(owner, datetime.now(UTC) - timedelta(days=1), amount=200 * MICRO)

    response = browser.get(PATH)

    assert response.context["view"].days_left == 5
    assert "about 5 days at this rate" in text(response)
    assert browser.get(PATH, {"by": "key", "key": "-"}).context["view"].days_left is None


def test_what_was_given_back_is_told(browser, owner, settings):
    from billing import corrections

    settings.STARTING_GRANT_CREDITS = 1000
    hold(owner)
    settle(owner)
    corrections.refund(charge_key="turn:1", key="r", reason="x", actor="op", amount_micro=MICRO)

    response = browser.get(PATH)

    assert response.context["view"].refunded_micro == MICRO
    assert "Given back 1 credits" in text(response)


def test_nothing_yet_says_what_things_cost(browser, owner, model):
    response = browser.get(PATH)

    assert "Nothing was used in these days." in text(response)
    assert "test/model: ×1" in text(response)
    assert "Download CSV" not in text(response)


def test_nothing_of_a_kind_leads_back(browser, march):
    response = browser.get(PATH, {"model": "none"})

    assert "Nothing of that kind was used in these days." in text(response)
    assert f'href="{PATH}">Show everything' in response.content.decode()


def test_older_requests_come_as_rows(browser, owner):
    now = datetime.now(UTC)
    for number in range(26):
        used(owner, now - timedelta(minutes=number))

    page = browser.get(PATH, {"by": "surface"})
    older = page.context["older"]
    rows = browser.get(PATH, {"by": "surface", "before": older}, headers={"HX-Request": "true"})

    assert f"?by=surface&amp;before={older}" in page.content.decode()
    assert "<html" not in rows.content.decode()
    assert [row.usage.key for row in rows.context["rows"]] == ["turn:24", "turn:25"]


def test_a_request_leads_to_its_message_and_receipt(browser, owner, luna, provider):
    from chats.services import start_chat

    chat = start_chat(user=owner, character=luna)
    _, reply = say(chat)

    response = browser.get(PATH)
    (row,) = response.context["rows"]

    assert (row.work, row.character, row.message) == ("Reply", "Luna", reply.uid)
    html = response.content.decode()
    assert f'href="/app/messages/{reply.uid}"' in html
    assert f'href="/app/usage/receipts/{row.usage.key}"' in html
    receipt = browser.get(f"/app/usage/receipts/{row.usage.key}")
    assert "Input 10 ×1 10" in text(receipt)
    assert "Output 2 ×1 2" in text(receipt)
    assert "Price 12" in text(receipt)
    assert f'href="/app/messages/{reply.uid}"' in receipt.content.decode()


def test_a_reply_in_the_chat_leads_to_its_receipt(browser, elsewhere, owner, luna, provider):
    from chats.services import start_chat

    chat = start_chat(user=owner, character=luna)
    _, reply = say(chat)
    greeting = Message.objects.get(position=0)

    page = browser.get(f"/app/chats/{chat.uid}").content.decode()
    receipt = browser.get(f"/app/messages/{reply.uid}/receipt")

    assert page.count(f'href="/app/messages/{reply.uid}/receipt"') == 2
    assert f"/app/messages/{greeting.uid}/receipt" not in page
    assert "Price 12" in text(receipt)
    assert elsewhere.get(f"/app/messages/{reply.uid}/receipt").status_code == 404
    assert browser.get(f"/app/messages/{greeting.uid}/receipt").status_code == 404


def test_receipts_of_others_are_not_found(elsewhere, owner, settings):
    settings.STARTING_GRANT_CREDITS = 1000
    hold(owner)
    settle(owner)

    assert elsewhere.get(f"{PATH}/receipts/turn:1").status_code == 404


def test_a_receipt_says_what_was_estimated_capped_and_free(browser, owner, settings):
    from dataclasses import replace

    from tests.billing.test_ledger import WORK

    settings.STARTING_GRANT_CREDITS = 1000
    hold(owner, amount=100)
    settle(owner, usage=replace(WORK, estimated=True, cached_tokens=60))
    used(owner, datetime.now(UTC), key="job:1", amount=0)

    capped = text(browser.get(f"{PATH}/receipts/turn:1"))
    free = text(browser.get(f"{PATH}/receipts/job:1"))

    assert "Estimated:" in capped
    assert "60 of it cached" in capped
    assert "Price 140" in capped
    assert "Charged no more than was set aside 100" in capped
    assert "Free: there is no entry in your statement." in free
    assert "To the message" not in free


@pytest.mark.django_db(transaction=True)
def test_the_requests_are_downloaded(browser, march):
    response = browser.get(f"{PATH}/requests.csv", {"by": "key", "surface": "web"})

    assert response["Content-Disposition"] == 'attachment; filename="reverie-usage.csv"'
    assert [row["character"] for row in rows_of(response)] == ["Luna", ""]


@pytest.mark.parametrize("rows", [1, 3])
def test_the_page_takes_the_same_queries_for_any_rows(
    browser, owner, luna, rows, django_assert_num_queries
):
    browser.get(PATH)
    for number in range(rows):
        used(owner, datetime.now(UTC), character=luna.uid, api_key="k" * 24, model=f"m{number}")

    with django_assert_num_queries(14):
        assert len(browser.get(PATH).context["rows"]) == rows


def test_it_is_quiet_about_other_people(browser, owner):
    other = UserFactory()
    used(other, datetime.now(UTC), model="theirs")

    assert browser.get(PATH).context["view"].totals.requests == 0
