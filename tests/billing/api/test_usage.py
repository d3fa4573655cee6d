"""Usage, receipts and quota over REST."""

import asyncio
import csv
import io
from datetime import UTC, datetime

import pytest
import time_machine

from accounts.keys import change_key
from billing import corrections, ledger
from billing.models import MICRO, Charge, LedgerEntry, Plan
from tests.billing.test_ledger import COST, hold, settle
from tests.billing.test_usage import at, used

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


@pytest.fixture
def march(secret, owner, stranger, luna):
    """Three requests of the owner on two days, one of somebody else, on the last day of March."""
    key = owner.api_keys.get()
    with time_machine.travel(NOW, tick=False):
        used(owner, at("2026-03-30T23:30"), amount=3, character=luna.uid, cached=40)
        used(owner, at("2026-03-31T01:00"), amount=2, api_key=key.uid, surface="api")
        used(owner, at("2026-03-31T02:00"), amount=0, model="free", estimated=True)
        used(stranger, at("2026-03-31T02:00"), amount=1000)
        yield key


@pytest.mark.parametrize(
    "path", ["usage", "usage.csv", "usage/requests", "usage/receipts/turn:0", "quota"]
)
def test_nothing_is_told_to_guests(client, path):
    assert client.get(f"/api/user/{path}").status_code == 401


def test_usage_is_summed_by_day_and_model(api, march):
    body = api("get", "user/usage").json()

    sums = {"requests": 1, "input_tokens": 100, "cached_tokens": 0, "output_tokens": 5}
    assert body == {
        "since": "2026-03-02",
        "until": "2026-03-31",
        "timezone": "UTC",
        "by": "model",
        "totals": {
            "requests": 3, "input_tokens": 300, "cached_tokens": 40, "output_tokens": 15,
            "amount_micro": 5, "estimated": 1,
        },
        "refunded_micro": 0,
        "shares": [
            {
                "requests": 2, "input_tokens": 200, "cached_tokens": 40, "output_tokens": 10,
                "amount_micro": 5, "estimated": 0, "value": "m", "name": "m",
            },
            {**sums, "amount_micro": 0, "estimated": 1, "value": "free", "name": "free"},
        ],
        "others": {**dict.fromkeys(sums, 0), "amount_micro": 0, "estimated": 0},
        "days": [
            {
                **sums, "cached_tokens": 40, "amount_micro": 3, "estimated": 0,
                "day": "2026-03-30", "value": "m",
            },
            {**sums, "amount_micro": 0, "estimated": 1, "day": "2026-03-31", "value": "free"},
            {**sums, "amount_micro": 2, "estimated": 0, "day": "2026-03-31", "value": "m"},
        ],
    }  # fmt: skip


def test_days_are_those_of_the_zone_that_is_asked_or_chosen(api, march, owner):
    asked = api("get", "user/usage?timezone=Europe/Berlin&days=1").json()
    owner.preferences = {"timezone": "Asia/Tokyo"}
    owner.save()
    chosen = api("get", "user/usage?days=1").json()

    assert (asked["timezone"], asked["since"], asked["totals"]["requests"]) == (
        "Europe/Berlin",
        "2026-03-31",
        3,
    )
    assert (chosen["timezone"], chosen["totals"]["requests"]) == ("Asia/Tokyo", 3)
    assert api("get", "user/usage?days=1&timezone=UTC").json()["totals"]["requests"] == 2


def test_shares_are_named(api, march, luna):
    by_key = api("get", "user/usage?by=key").json()["shares"]
    by_character = api("get", "user/usage?by=character").json()["shares"]

    assert {(row["value"], row["name"]) for row in by_key} == {("", ""), (march.uid, "test")}
    assert {(row["value"], row["name"]) for row in by_character} == {("", ""), (luna.uid, "Luna")}


def test_a_private_character_of_somebody_else_has_no_name(api, owner, stranger):
    from tests.factories import CharacterFactory

    theirs = CharacterFactory(owner=stranger, name="Secret")
    used(owner, datetime.now(UTC), character=theirs.uid)

    body = api("get", "user/usage?by=character").json()

    assert [(row["value"], row["name"]) for row in body["shares"]] == [(theirs.uid, theirs.uid)]


@pytest.mark.parametrize(
    "query",
    ["by=moon", "days=0", "days=367", "since=soon", "timezone=Moon/Base", "model=" + "m" * 201],
)
def test_what_means_nothing_is_422(api, query):
    assert api("get", f"user/usage?{query}").status_code == 422


@pytest.mark.parametrize("query", ["before=x", "before=0", f"before={2**63}", "limit=201"])
def test_a_page_that_means_nothing_is_422(api, query):
    assert api("get", f"user/usage/requests?{query}").status_code == 422


def test_requests_are_listed_in_pages(api, march, luna):
    first = api("get", "user/usage/requests?limit=2").json()
    second = api("get", f"user/usage/requests?limit=2&before={first['older']}").json()

    assert [row["reference"] for row in first["requests"]] == ["turn:2", "turn:1"]
    assert second["older"] is None
    (row,) = second["requests"]
    assert row == {
        "id": row["id"], "reference": "turn:0", "created_at": "2026-03-30T23:30:00Z",
        "surface": "web", "model": "m", "character": luna.uid, "character_name": "Luna",
        "key": "", "key_name": "", "input_tokens": 100, "cached_tokens": 40, "output_tokens": 5,
        "amount_micro": 3, "estimated": False,
    }  # fmt: skip
    assert [first["requests"][1][name] for name in ("key", "key_name")] == [march.uid, "test"]


def test_requests_are_those_of_the_days_that_are_asked(api, march):
    def keys(query):
        body = api("get", f"user/usage/requests?{query}").json()
        return [row["reference"] for row in body["requests"]]

    assert keys("days=1") == ["turn:2", "turn:1"]
    assert keys("since=2026-03-30&until=2026-03-30") == ["turn:0"]
    assert keys("surface=api") == ["turn:1"]
    assert keys("until=2026-03-29") == []


@pytest.mark.parametrize("rows", [1, 3])
def test_the_list_takes_the_same_queries_for_any_rows(
    api, owner, luna, rows, django_assert_num_queries
):
    for _ in range(rows):
        used(owner, datetime.now(UTC), character=luna.uid, api_key="k" * 24)

    with django_assert_num_queries(6):  # three of the key: itself, its plan, its last use
        assert len(api("get", "user/usage/requests").json()["requests"]) == rows


async def read(response):
    return [piece async for piece in response.streaming_content]


def rows_of(response):
    text = b"".join(asyncio.run(read(response))).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.django_db(transaction=True)
def test_usage_is_exported_with_names_and_exact_credits(api, march, owner):
    used(owner, at("2026-03-31T03:00"), model="=SUM(A1)", amount=1_500_000)

    response = api("get", "user/usage.csv?timezone=Europe/Berlin")

    rows = rows_of(response)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert [row["time"] for row in rows[:2]] == [
        "2026-03-31T01:30:00+02:00",
        "2026-03-31T03:00:00+02:00",
    ]
    assert [(row["character"], row["key"], row["estimated"]) for row in rows] == [
        ("Luna", "", "no"),
        ("", "test", "no"),
        ("", "", "yes"),
        ("", "", "no"),
    ]
    assert [row["credits"] for row in rows] == ["0.000003", "0.000002", "0", "1.5"]
    assert rows[3]["model"] == "'=SUM(A1)"


def test_a_receipt_is_exact(api, owner, stranger):
    hold(owner)
    settle(owner)
    charge = Charge.objects.get()
    corrections.refund(charge_key="turn:1", key="r", reason="x", actor="op", amount_micro=MICRO)
    entry, refund = LedgerEntry.objects.filter(kind__in=("charge", "refund")).order_by("id")

    body = api("get", "user/usage/receipts/turn:1").json()

    assert body == {
        "reference": "turn:1",
        "model": "test/model",
        "created_at": charge.created_at.isoformat().replace("+00:00", "Z"),
        "input_tokens": 100,
        "cached_tokens": 0,
        "output_tokens": 20,
        "input_multiplier_micro": MICRO,
        "output_multiplier_micro": 2 * MICRO,
        "input_micro": 100 * MICRO,
        "output_micro": 40 * MICRO,
        "price_micro": COST,
        "charged_micro": COST,
        "refunded_micro": MICRO,
        "cost_micro": COST - MICRO,
        "estimated": False,
        "entry": entry.pk,
        "refunds": [refund.pk],
    }


def test_receipts_of_others_are_not_found(api, stranger):
    hold(stranger)
    settle(stranger)

    for reference in ("turn:1", "turn:2"):
        response = api("get", f"user/usage/receipts/{reference}")
        assert (response.status_code, response.json()["error"]["code"]) == (
            404,
            "receipt_not_found",
        )


def test_the_quota_says_what_this_month_cost(api, owner):
    Plan.objects.create(slug="small", name="Small", monthly_credits=100, is_default=True)
    with time_machine.travel("2026-12-31T23:00:00Z", tick=False):
        hold(owner, key="turn:1")
        settle(owner)
        hold(owner, key="turn:2", amount=50)
        used(owner, at("2026-11-30T23:59:59"), key="turn:0", amount=7)

        body = api("get", "user/quota").json()

    assert body == {
        "plan": {"slug": "small", "name": "Small"},
        "plan_until": None,
        "monthly_micro": 100 * MICRO,
        "renews_at": "2027-01-01T00:00:00Z",
        "spent_this_month_micro": COST,
        "balance_micro": 860 * MICRO,
        "held_micro": 50 * MICRO,
        "available_micro": 810 * MICRO,
        "limits": {
            "is_known": True,
            "requests_per_minute": limit(600, left=599, reset_seconds=SOON),
            "key_requests_per_minute": None,
            "free_turns_per_minute": limit(60, left=60, reset_seconds=0),
            "concurrency": 64,
            "running": 0,
            "budgets": [],
        },
    }


class _Soon:
    """Equal to any number of seconds within a minute."""

    def __eq__(self, other):
        return 0 < other <= 60

    __hash__ = None


SOON = _Soon()


def limit(most, *, left, reset_seconds):
    return {"limit": most, "usual": most, "left": left, "reset_seconds": reset_seconds}


@pytest.fixture
def tight(secret, owner):
    """The owner's key, with limits and budgets of its own."""
    key = owner.api_keys.get()
    change_key(key=key, requests_per_minute=9, budget_day_micro=5 * MICRO)
    return key


def test_the_quota_of_a_key_is_told_to_that_key_and_to_who_asks_about_it(api, owner, tight, client):
    client.force_login(owner)
    with time_machine.travel(NOW, tick=False):
        used(owner, at("2026-03-31T01:00"), amount=2 * MICRO, api_key=tight.uid)
        told = [
            api("get", "user/quota").json()["limits"],
            client.get(f"/api/user/quota?key={tight.uid}").json()["limits"],
        ]
        silent = client.get("/api/user/quota").json()["limits"]

    for found in told:
        assert found["key_requests_per_minute"] == limit(9, left=8, reset_seconds=SOON)
        assert found["budgets"] == [
            {
                "of": "key", "period": "day", "limit_micro": 5 * MICRO, "spent_micro": 2 * MICRO,
                "held_micro": 0, "left_micro": 3 * MICRO, "resets_at": "2026-04-01T00:00:00Z",
            }
        ]  # fmt: skip
    assert (silent["key_requests_per_minute"], silent["budgets"]) == (None, [])


def test_the_quota_of_somebody_elses_key_is_not_told(api, tight, stranger, client):
    client.force_login(stranger)

    for uid in (tight.uid, "nothing"):
        response = client.get(f"/api/user/quota?key={uid}")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "key_not_found")


def test_while_redis_is_down_the_quota_says_what_it_does_not_know(api, secret, settings):
    settings.LIMITS_REDIS_URL = "redis://127.0.0.1:1/0"

    limits = api("get", "user/quota").json()["limits"]

    assert (limits["is_known"], limits["concurrency"], limits["running"]) == (False, 64, None)
    assert limits["requests_per_minute"] == limit(600, left=None, reset_seconds=None)


def test_the_quota_names_a_plan_of_ones_own_and_its_end(api, owner):
    from billing.plans import set_plan

    plan = Plan.objects.create(slug="large", name="Large", monthly_credits=9)
    ledger.get_account(owner.pk)
    with time_machine.travel(NOW, tick=False):
        set_plan(user_id=owner.pk, plan=plan, until=at("2026-04-30"), reason="asked", actor="op")
        body = api("get", "user/quota").json()

    assert (body["plan"]["slug"], body["plan_until"]) == ("large", "2026-04-30T00:00:00Z")
