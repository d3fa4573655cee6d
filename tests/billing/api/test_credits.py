"""Credits over REST: what one has, what happened, what one may do about it."""

import asyncio
import csv
import io

import pytest

from billing import corrections, ledger, purchases, vouchers
from billing.models import MICRO, LedgerEntry, Pack, Plan, Purchase
from tests.billing.test_ledger import COST, hold, settle

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


@pytest.mark.parametrize(
    "path",
    ["credits", "credits/holds", "credits/entries", "credits/entries.csv", "credits/packs"],
)
def test_nothing_is_told_to_strangers(client, path):
    assert client.get(f"/api/user/{path}").status_code == 401


def test_credits_say_what_is_there_and_what_is_held(api, owner):
    Plan.objects.create(slug="small", name="Small", monthly_credits=100, is_default=True)
    hold(owner)

    assert api("get", "user/credits").json() == {
        "balance_micro": 1000 * MICRO,
        "held_micro": 200 * MICRO,
        "available_micro": 800 * MICRO,
        "plan": {"slug": "small", "name": "Small", "monthly_credits": 100},
        "plan_until": None,
    }


def test_holds_are_ones_own(api, owner, stranger):
    hold(owner)
    hold(stranger, key="theirs")

    [row] = api("get", "user/credits/holds").json()

    assert (row["reference"], row["amount_micro"]) == ("turn:1", 200 * MICRO)


def test_the_statement_is_paged_and_filtered(api, owner, stranger):
    hold(owner)
    settle(owner)
    ledger.get_account(stranger.pk)

    first = api("get", "user/credits/entries?limit=1").json()
    second = api("get", f"user/credits/entries?limit=1&before={first['older']}").json()
    grants = api("get", "user/credits/entries?kind=grant&since=2026-01-01").json()

    [charge] = first["entries"]
    assert (charge["kind"], charge["amount_micro"], charge["balance_micro"]) == (
        "charge",
        -COST,
        860 * MICRO,
    )
    assert (charge["note"], charge["reference"]) == ("test/model", "charge:turn:1")
    assert [row["reference"] for row in second["entries"]] == [f"start:{owner.pk}"]
    assert (second["older"], grants["entries"]) == (None, second["entries"])


@pytest.mark.parametrize("query", ["kind=gift", "since=soon", "limit=0", "limit=201", "before=x"])
def test_a_statement_that_cannot_be_meant_is_refused(api, owner, query):
    assert api("get", f"user/credits/entries?{query}").status_code == 422


async def _read(response):
    return b"".join([block async for block in response.streaming_content]).decode()


def test_the_statement_comes_as_csv(api, owner):
    hold(owner)
    settle(owner)
    corrections.adjust(
        user_id=owner.pk, amount_micro=-1, key="a", reason='=HYPERLINK("x"), "y"\n', actor="op"
    )

    response = api("get", "user/credits/entries.csv")

    rows = list(csv.reader(io.StringIO(asyncio.run(_read(response)))))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == 'attachment; filename="reverie-credits.csv"'
    assert rows[0] == ["time", "kind", "credits", "balance", "note", "reference"]
    assert [row[1:] for row in rows[1:]] == [
        ["grant", "1000", "1000", "Starting grant", f"start:{owner.pk}"],
        ["charge", "-140", "860", "test/model", "charge:turn:1"],
        ["adjustment", "-0.000001", "859.999999", '\'=HYPERLINK("x"), "y"', "adjust:a"],
    ]


def test_the_csv_of_one_kind_keeps_the_true_balance(api, owner):
    hold(owner)
    settle(owner)

    text = asyncio.run(_read(api("get", "user/credits/entries.csv?kind=charge")))

    assert [line.split(",")[1:4] for line in text.splitlines()[1:]] == [["charge", "-140", "860"]]


def test_a_voucher_is_redeemed_once(api, owner):
    _, code = vouchers.make_voucher(amount_micro=50 * MICRO, actor="op", uses_most=3)

    first = api("post", "user/vouchers", {"code": code})
    second = api("post", "user/vouchers", {"code": code})

    assert first.json() == {"amount_micro": 50 * MICRO, "balance_micro": 1050 * MICRO}
    assert (second.status_code, second.json()["error"]["code"]) == (409, "voucher_redeemed")
    assert ledger.get_account(owner.pk).balance_micro == 1050 * MICRO


def test_a_wrong_code_is_told_and_then_slowed_down(api, owner):
    answers = [api("post", "user/vouchers", {"code": "ABCD"}) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [404] * 10 + [429]
    assert answers[-1]["Retry-After"] == "600"
    assert not LedgerEntry.objects.filter(kind="voucher").exists()


def test_nothing_is_sold_without_stripe(api, owner):
    pack = Pack.objects.create(credits=300, price_cents=500)

    assert api("get", "user/credits/packs").json() == {"packs": []}
    assert api("post", "user/purchases", {"pack": pack.pk}).status_code == 404


def test_a_purchase_is_begun_and_looked_up_by_its_owner(api, owner, stranger, shop):
    pack = Pack.objects.create(credits=300, price_cents=500)

    packs = api("get", "user/credits/packs").json()["packs"]
    begun = api("post", "user/purchases", {"pack": pack.pk}).json()
    looked_up = api("get", f"user/purchases/{begun['purchase']['id']}")
    theirs = purchases.buy_pack(user=stranger, pack_id=pack.pk, home="https://x")[0]

    assert packs == [{"id": pack.pk, "credits": 300, "price_cents": 500, "currency": "usd"}]
    assert begun["url"] == "https://checkout.stripe.com/c/1"
    assert (begun["purchase"]["state"], begun["purchase"]["credits_micro"]) == ("open", 300 * MICRO)
    assert looked_up.json() == begun["purchase"]
    assert shop.asked[0]["params"]["cancel_url"] == "http://testserver/app/credits"
    assert api("get", f"user/purchases/{theirs.uid}").status_code == 404
    assert Purchase.objects.count() == 2
