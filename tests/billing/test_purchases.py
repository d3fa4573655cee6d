"""Purchases: begun here, paid at Stripe, told of in any order, counted once."""

import pytest
import stripe as library

from billing import checkout, ledger, purchases
from billing.models import MICRO, LedgerEntry, Pack, PaymentEvent, Plan, Purchase, Subscription
from core.errors import Conflict, NotFound, RateLimited, Unavailable
from tests.billing.test_ledger import credits_of, hold
from tests.fakes import stripe

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books")]
HOME = "https://reverie.test/app/credits"
PATH = "/api/payments/stripe"
LATER = 2_000_000_000


@pytest.fixture
def pack():
    return Pack.objects.create(credits=300, price_cents=500, currency="eur")


@pytest.fixture
def plan():
    return Plan.objects.create(
        slug="large", name="Large", monthly_credits=700, price_id="price_large"
    )


@pytest.fixture
def purchase(owner, shop, pack):
    return purchases.buy_pack(user=owner, pack_id=pack.pk, home=HOME)[0]


def state():
    purchase = Purchase.objects.get()
    return purchase.state, purchase.refunded_cents


def test_a_checkout_says_what_is_bought_and_for_whom(owner, shop, pack):
    purchase, url = purchases.buy_pack(user=owner, pack_id=pack.pk, home=HOME)

    assert url == "https://checkout.stripe.com/c/1"
    names = {"purchase": purchase.uid, "account": str(purchase.account_id)}
    assert shop.asked == [
        {
            "params": {
                "client_reference_id": purchase.uid,
                "success_url": f"{HOME}/purchases/{purchase.uid}",
                "cancel_url": HOME,
                "metadata": names,
                "mode": "payment",
                "line_items": [
                    {
                        "price_data": {
                            "currency": "eur",
                            "unit_amount": 500,
                            "product_data": {"name": "300 credits"},
                        },
                        "quantity": 1,
                    }
                ],
                "payment_intent_data": {"metadata": names},
            },
            "options": {"idempotency_key": purchase.uid},
        }
    ]
    row = Purchase.objects.get()
    assert (row.state, row.session, row.credits_micro) == ("open", "cs_1", 300 * MICRO)
    assert credits_of(owner) == (1000, 0)


def test_what_is_not_sold_cannot_be_bought(owner, shop, pack, plan):
    Pack.objects.update(enabled=False)
    Plan.objects.update(enabled=False)

    for buy in (
        lambda: purchases.buy_pack(user=owner, pack_id=pack.pk, home=HOME),
        lambda: purchases.buy_plan(user=owner, slug="large", home=HOME),
    ):
        with pytest.raises(NotFound):
            buy()
    assert (Purchase.objects.count(), shop.asked) == (0, [])


def test_without_settings_nothing_is_sold(owner, client, pack, plan):
    assert (purchases.packs(), purchases.plans_for_sale()) == ([], [])
    with pytest.raises(Unavailable):
        checkout.client()
    message = stripe.signed(stripe.event("charge.refunded", stripe.charge("x", refunded=1)))
    assert client.post(PATH, **message).status_code == 404


def test_a_shop_that_does_not_answer_leaves_a_failed_purchase(owner, shop, pack):
    shop.error = library.APIConnectionError("no route")

    with pytest.raises(Unavailable):
        purchases.buy_pack(user=owner, pack_id=pack.pk, home=HOME)

    assert state() == ("failed", 0)


def test_checkouts_are_not_opened_without_end(owner, shop, pack):
    for _ in range(20):
        purchases.buy_pack(user=owner, pack_id=pack.pk, home=HOME)

    with pytest.raises(RateLimited):
        purchases.buy_pack(user=owner, pack_id=pack.pk, home=HOME)
    assert Purchase.objects.count() == 20


def test_a_paid_checkout_gives_its_credits_once(owner, purchase, tell):
    session = stripe.session(purchase.uid)

    answers = [tell("checkout.session.completed", session, uid="evt_1") for _ in range(3)]
    again = tell("checkout.session.completed", session, uid="evt_2")

    assert [answer["new"] for answer in [*answers, again]] == [True, False, False, True]
    assert credits_of(owner) == (1300, 0)
    entry = LedgerEntry.objects.get(kind="purchase")
    assert (entry.purchase, entry.note) == (purchase, "Bought 300 credits")
    assert Purchase.objects.get().payment == f"pi_{purchase.uid}"
    assert state() == ("paid", 0)


def test_a_slow_payment_gives_credits_when_it_arrives(owner, purchase, tell):
    tell("checkout.session.completed", stripe.session(purchase.uid, status="unpaid"))
    waiting = credits_of(owner), state()
    tell("checkout.session.async_payment_succeeded", stripe.session(purchase.uid))

    assert waiting == ((1000, 0), ("open", 0))
    assert (credits_of(owner), state()) == ((1300, 0), ("paid", 0))


@pytest.mark.parametrize(
    ("kind", "ends"),
    [
        ("checkout.session.expired", "expired"),
        ("checkout.session.async_payment_failed", "failed"),
    ],
)
def test_an_unpaid_purchase_ends_and_a_paid_one_stays(owner, purchase, tell, kind, ends):
    tell(kind, stripe.session(purchase.uid, status="unpaid"))
    ended = state()
    tell("checkout.session.completed", stripe.session(purchase.uid))
    tell(kind, stripe.session(purchase.uid, status="unpaid"), uid="evt_late")

    assert (ended, state()) == ((ends, 0), ("paid", 0))
    assert credits_of(owner) == (1300, 0)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_refunds_take_their_part_back_in_any_order(owner, purchase, tell, order):
    told = [
        ("checkout.session.completed", stripe.session(purchase.uid)),
        ("charge.refunded", stripe.charge(purchase.uid, refunded=100)),
        ("charge.refunded", stripe.charge(purchase.uid, refunded=300)),
    ]

    for number in order:
        tell(*told[number], uid=f"evt_{number}")

    assert (credits_of(owner), state()) == ((1120, 0), ("paid", 300))


def test_a_full_refund_takes_everything_back(owner, purchase, tell):
    tell("charge.refunded", stripe.charge(purchase.uid, refunded=500))
    before = credits_of(owner), state()
    tell("checkout.session.completed", stripe.session(purchase.uid))

    assert before == ((1000, 0), ("open", 500))
    assert (credits_of(owner), state()) == ((1000, 0), ("refunded", 500))


def test_a_payment_that_is_told_again_after_its_refund_changes_nothing(owner, purchase, tell):
    tell("checkout.session.completed", stripe.session(purchase.uid), uid="evt_1")
    paid_at = Purchase.objects.get().paid_at
    tell("charge.refunded", stripe.charge(purchase.uid, refunded=500))

    tell("checkout.session.async_payment_succeeded", stripe.session(purchase.uid), uid="evt_2")

    assert (credits_of(owner), state()) == ((1000, 0), ("refunded", 500))
    assert Purchase.objects.get().paid_at == paid_at


def test_what_was_spent_of_a_purchase_is_not_taken_below_zero(owner, purchase, tell):
    tell("checkout.session.completed", stripe.session(purchase.uid))
    hold(owner, amount=1200)

    tell("charge.refunded", stripe.charge(purchase.uid, refunded=500))

    assert (credits_of(owner), state()) == ((1200, 1200), ("refunded", 500))


@pytest.mark.parametrize(
    "message",
    [
        lambda event: stripe.signed(event, secret="whsec_other"),
        lambda event: stripe.signed(event, at=1_600_000_000),
        lambda event: {**stripe.signed(event), "headers": {}},
        lambda event: {**stripe.signed(event), "headers": {"Stripe-Signature": "t=x,v1=y"}},
        lambda event: {**stripe.signed(event), "data": stripe.signed(event)["data"] + " "},
        lambda event: stripe.signed([event]),
        lambda event: {**stripe.signed(event), "data": b"\xff\xfe"},
        lambda event: stripe.signed({**event, "padding": "x" * 2**20}),
    ],
)
def test_what_is_not_signed_is_refused(owner, purchase, client, message):
    event = stripe.event("checkout.session.completed", stripe.session(purchase.uid))

    response = client.post(PATH, **message(event))

    assert response.status_code == 400
    assert (credits_of(owner), PaymentEvent.objects.count()) == ((1000, 0), 0)


def test_messages_about_other_things_change_nothing(owner, purchase, tell):
    answers = [
        tell("invoice.paid", {"id": "in_1"}),
        tell("checkout.session.completed", stripe.session("somebody-elses")),
        tell("charge.refunded", stripe.charge("", refunded=5)),
        tell("customer.subscription.created", stripe.subscription(10**6)),
    ]

    assert [answer["new"] for answer in answers] == [False, True, True, True]
    assert (credits_of(owner), state()) == ((1000, 0), ("open", 0))


def test_a_crash_while_taking_in_leaves_nothing_and_the_next_try_works(
    owner, purchase, tell, monkeypatch
):
    book = ledger.book
    monkeypatch.setattr(ledger, "book", lambda entry: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        tell("checkout.session.completed", stripe.session(purchase.uid))
    left = state(), PaymentEvent.objects.count()
    monkeypatch.setattr(ledger, "book", book)

    assert tell("checkout.session.completed", stripe.session(purchase.uid))["new"] is True

    assert (left, credits_of(owner)) == ((("open", 0), 0), (1300, 0))


def test_purchases_are_ones_own(owner, stranger, purchase):
    assert purchases.get_purchase(owner.pk, purchase.uid) == purchase
    with pytest.raises(NotFound):
        purchases.get_purchase(stranger.pk, purchase.uid)


# Plans


def plan_now(user):
    account = ledger.get_account(user.pk)
    return account.plan.slug if account.plan else None


def test_a_subscription_sets_the_plan_and_gives_its_credits(owner, shop, plan, tell):
    purchase, _ = purchases.buy_plan(user=owner, slug="large", home=HOME)
    account = ledger.get_account(owner.pk)

    told = stripe.subscription(account.pk, price="price_large", until=LATER)
    tell("customer.subscription.created", told)
    tell("checkout.session.completed", stripe.session(purchase.uid, mode="subscription"))

    asked = shop.asked[0]["params"]
    assert asked["line_items"] == [{"price": "price_large", "quantity": 1}]
    assert asked["subscription_data"] == {
        "metadata": {"purchase": purchase.uid, "account": str(account.pk)}
    }
    account.refresh_from_db()
    assert (plan_now(owner), int(account.plan_until.timestamp())) == ("large", LATER + 86400)
    assert (credits_of(owner), state()) == ((1700, 0), ("paid", 0))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_an_ended_subscription_stays_ended_in_any_order(owner, shop, plan, tell, order):
    account = ledger.get_account(owner.pk)
    told = [
        ("customer.subscription.created", "incomplete", 100),
        ("customer.subscription.updated", "active", 100),
        ("customer.subscription.deleted", "canceled", 300),
    ]

    for number in order:
        kind, status, at = told[number]
        thing = stripe.subscription(account.pk, status=status, price="price_large", until=LATER)
        tell(kind, thing, at=at)

    assert (plan_now(owner), Subscription.objects.get().status) == (None, "canceled")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newer_word_counts(owner, shop, plan, tell, order):
    account = ledger.get_account(owner.pk)
    for number in order:
        thing = stripe.subscription(
            account.pk,
            status=("active", "unpaid")[number],
            price="price_large",
            until=LATER,
        )
        tell("customer.subscription.updated", thing, at=100 + number)

    assert plan_now(owner) is None


def test_the_end_of_a_subscription_leaves_a_plan_that_was_given(owner, shop, plan, tell):
    gift = Plan.objects.create(slug="gift", name="Gift")
    account = ledger.get_account(owner.pk)
    account.plan = gift
    account.save()

    thing = stripe.subscription(account.pk, status="canceled", price="price_large", until=LATER)
    tell("customer.subscription.deleted", thing)

    assert plan_now(owner) == "gift"


def test_who_subscribes_changes_it_in_the_portal(owner, stranger, shop, plan, tell):
    account = ledger.get_account(owner.pk)
    thing = stripe.subscription(account.pk, price="price_large", until=LATER)
    tell("customer.subscription.created", thing)

    with pytest.raises(Conflict):
        purchases.buy_plan(user=owner, slug="large", home=HOME)
    with pytest.raises(NotFound):
        purchases.manage(user_id=stranger.pk, back=HOME)

    assert purchases.manage(user_id=owner.pk, back=HOME) == "https://checkout.stripe.com/c/1"
    assert shop.asked == [{"params": {"customer": "cus_1", "return_url": HOME}}]
