"""The page of credits."""

import pytest
from django.utils import timezone

from billing import ledger, purchases, vouchers
from billing.models import MICRO, Pack, Plan, Purchase, Subscription
from tests.billing.test_ledger import credits_of, hold, settle

pytestmark = pytest.mark.django_db
PATH = "/app/credits"


@pytest.fixture(autouse=True)
def _start(settings):
    settings.STARTING_GRANT_CREDITS = 1000


def keys(response):
    return [line.entry.key for line in response.context["statement"].lines]


def test_only_members_see_it(client):
    for path in (PATH, f"{PATH}/statement.csv", f"{PATH}/purchases/x"):
        assert client.get(path).status_code == 302
    for path in ("redeem", "buy", "subscription"):
        assert client.post(f"{PATH}/{path}").status_code == 302


def test_it_says_what_is_there_held_and_open(browser, owner, stranger):
    hold(owner)
    hold(stranger, key="theirs", amount=300)

    response = browser.get(PATH)

    assert response.context["credit_account"].available_micro == 800 * MICRO
    assert [row.key for row in response.context["holds"]] == ["turn:1"]
    assert "Credits come by voucher" in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_the_statement_is_ones_own_and_can_be_filtered(browser, owner, stranger):
    hold(owner)
    settle(owner)
    ledger.get_account(stranger.pk)

    assert keys(browser.get(PATH)) == ["charge:turn:1", f"start:{owner.pk}"]
    assert keys(browser.get(PATH, {"kind": "grant", "since": "", "until": ""})) == [
        f"start:{owner.pk}"
    ]
    today = timezone.now().date().isoformat()
    assert len(keys(browser.get(PATH, {"since": today, "until": today}))) == 2
    empty = browser.get(PATH, {"until": "2020-01-01"})
    assert "Nothing of that kind happened" in empty.content.decode()


def test_older_entries_come_as_rows(browser, owner):
    for number in range(26):
        ledger.grant(user_id=owner.pk, amount_micro=MICRO, key=str(number))

    page = browser.get(PATH, {"kind": "grant"})
    older = page.context["statement"].older
    rows = browser.get(PATH, {"kind": "grant", "before": older}, headers={"HX-Request": "true"})

    assert f"?kind=grant&amp;before={older}" in page.content.decode()
    assert "<html" not in rows.content.decode()
    assert keys(rows) == ["grant:0", f"start:{owner.pk}"]


@pytest.mark.parametrize("query", ["kind=gift", "since=soon", "before=x", "before=-1"])
def test_an_address_that_means_nothing_shows_everything(browser, owner, query):
    ledger.get_account(owner.pk)

    assert keys(browser.get(f"{PATH}?{query}")) == [f"start:{owner.pk}"]


def test_the_statement_is_downloaded(browser, owner):
    response = browser.get(f"{PATH}/statement.csv", {"kind": "grant", "since": ""})

    assert response["Content-Disposition"] == 'attachment; filename="reverie-credits.csv"'
    assert browser.get(f"{PATH}/statement.csv", {"kind": "gift"}).status_code == 404


def test_a_voucher_is_redeemed(browser, owner):
    _, code = vouchers.make_voucher(amount_micro=50 * MICRO, actor="op")

    response = browser.post(f"{PATH}/redeem", {"code": code}, follow=True)

    assert response.redirect_chain == [(PATH, 302)]
    assert "The voucher gave you 50 credits." in response.content.decode()
    assert credits_of(owner) == (1050, 0)


def test_a_refused_voucher_is_told_beside_the_field(browser, owner):
    _, code = vouchers.make_voucher(amount_micro=50 * MICRO, actor="op")
    vouchers.redeem(user_id=owner.pk, code=code)

    again = browser.post(f"{PATH}/redeem", {"code": code})
    wrong = browser.post(f"{PATH}/redeem", {"code": "ABCD"})
    empty = browser.post(f"{PATH}/redeem", {"code": ""})

    assert {page.status_code for page in (again, wrong, empty)} == {400}
    assert again.context["form"].errors == {"code": ["You have redeemed this voucher before."]}
    assert wrong.context["form"].errors == {"code": ["There is no such voucher. Check the code."]}
    assert credits_of(owner) == (1050, 0)


def test_buying_leads_to_stripe_and_back(browser, elsewhere, owner, shop):
    pack = Pack.objects.create(credits=3000, price_cents=550, currency="eur")

    page = browser.get(PATH).content.decode()
    left = browser.post(f"{PATH}/buy", {"pack": pack.pk})
    purchase = Purchase.objects.get()
    waiting = browser.get(f"{PATH}/purchases/{purchase.uid}")

    assert "3,000 credits" in page
    assert "5.50 EUR" in page
    assert left["Refresh"] == "0; url=https://checkout.stripe.com/c/1"
    assert 'href="https://checkout.stripe.com/c/1"' in left.content.decode()
    assert "Waiting for the payment" in waiting.content.decode()
    assert waiting["Refresh"] == "3"
    assert elsewhere.get(f"{PATH}/purchases/{purchase.uid}").status_code == 404


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("paid", "3,000 credits are yours."),
        ("expired", "was left without paying"),
        ("failed", "did not go through"),
        ("refunded", "was refunded"),
    ],
)
def test_a_purchase_that_has_ended_says_how(browser, owner, state, said):
    purchase = Purchase.objects.create(
        account=ledger.get_account(owner.pk), state=state, credits_micro=3000 * MICRO
    )

    page = browser.get(f"{PATH}/purchases/{purchase.uid}")

    assert said in page.content.decode()
    assert "Refresh" not in page


@pytest.mark.parametrize("fields", [{"pack": "7"}, {"pack": "x"}, {}, {"plan": "none"}])
def test_what_is_not_sold_is_not_found(browser, owner, shop, fields):
    assert browser.post(f"{PATH}/buy", fields).status_code == 404
    assert (Purchase.objects.count(), shop.asked) == (0, [])


def test_a_subscription_is_offered_and_then_managed(browser, owner, shop):
    plan = Plan.objects.create(slug="large", name="Large", price_id="price_1", monthly_credits=9000)

    offered = browser.get(PATH).content.decode()
    browser.post(f"{PATH}/buy", {"plan": "large"})
    refused = browser.post(f"{PATH}/subscription").status_code
    Subscription.objects.create(
        account=ledger.get_account(owner.pk), uid="sub_1", plan=plan, status="active",
        customer="cus_1", told_at=1,
    )  # fmt: skip
    subscribed = browser.get(PATH).content.decode()
    left = browser.post(f"{PATH}/subscription")

    assert "9,000 credits a month" in offered
    assert shop.asked[0]["params"]["mode"] == "subscription"
    assert (refused, "You subscribe to Large." in subscribed) == (404, True)
    assert left["Refresh"] == "0; url=https://checkout.stripe.com/c/2"


def test_buying_is_off_without_settings(browser, owner):
    pack = Pack.objects.create(credits=3000, price_cents=550)

    assert "3,000 credits" not in browser.get(PATH).content.decode()
    assert browser.post(f"{PATH}/buy", {"pack": pack.pk}).status_code == 404
    assert purchases.packs() == []


def test_forms_need_their_token(owner):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)

    assert strict.post(f"{PATH}/redeem", {"code": "x"}).status_code == 403
    assert strict.post(f"{PATH}/buy", {"pack": "1"}).status_code == 403


def test_the_page_costs_the_same_for_any_length(browser, owner, django_assert_num_queries):
    ledger.get_account(owner.pk)
    browser.get(PATH)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as first:
        browser.get(PATH)
    for number in range(5):
        hold(owner, key=f"turn:{number}", amount=100)

    with django_assert_num_queries(len(first)):
        browser.get(PATH)
