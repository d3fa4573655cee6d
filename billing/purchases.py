"""Buying credits and plans: what happens to a purchase, whatever order Stripe tells it in."""

from typing import Final

import structlog
from django.utils import timezone

from accounts.models import User
from billing import checkout, ledger
from billing.models import MICRO, LedgerEntry, Pack, Plan, Purchase, Subscription
from billing.throttle import count_try
from core.errors import Conflict, NotFound, Unavailable

log = structlog.get_logger(__name__)
_TRIES: Final = 20
LIVE: Final = ("trialing", "active", "past_due")
_State = Purchase.State


def packs() -> list[Pack]:
    """What credits can be bought, or nothing where purchases are off."""
    return list(Pack.objects.filter(enabled=True)) if checkout.is_on() else []


def plans_for_sale() -> list[Plan]:
    return list(Plan.objects.filter(enabled=True).exclude(price_id="")) if checkout.is_on() else []


def buy_pack(*, user: User, pack_id: int, home: str) -> tuple[Purchase, str]:
    """Begin to buy credits. Returns the purchase and the address of Stripe's page.

    `home` is the absolute address of the credits page.
    """
    pack = next((pack for pack in packs() if pack.pk == pack_id), None)
    if pack is None:
        raise NotFound("This pack is not sold.", code="pack_not_found")
    purchase = Purchase(
        account=ledger.get_account(user.pk),
        credits_micro=pack.credits * MICRO,
        currency=pack.currency,
        price_cents=pack.price_cents,
    )
    return _begin(user, purchase, home)


def buy_plan(*, user: User, slug: str, home: str) -> tuple[Purchase, str]:
    """Begin to subscribe to a plan. Who has a subscription changes it in the portal."""
    plan = next((plan for plan in plans_for_sale() if plan.slug == slug), None)
    if plan is None:
        raise NotFound("This plan is not sold.", code="plan_not_found")
    if subscription_of(user.pk) is not None:
        raise Conflict("You have a subscription. Change it there.", code="already_subscribed")
    return _begin(user, Purchase(account=ledger.get_account(user.pk), plan=plan), home)


def _begin(user: User, purchase: Purchase, home: str) -> tuple[Purchase, str]:
    """Our row comes first: a payment is never about something that we do not know."""
    count_try("checkout", user.pk, most=_TRIES)
    purchase.save(force_insert=True)
    try:
        page = checkout.open_checkout(
            purchase, email=user.email or "", paid=f"{home}/purchases/{purchase.uid}", back=home
        )
    except Unavailable:
        Purchase.objects.filter(pk=purchase.pk, state=_State.OPEN).update(state=_State.FAILED)
        raise
    Purchase.objects.filter(pk=purchase.pk).update(session=page.session)
    return purchase, page.url


def get_purchase(user_id: int, uid: str) -> Purchase:
    found = Purchase.objects.filter(account__user_id=user_id, uid=uid).first()
    if found is None:
        raise NotFound("There is no such purchase.", code="purchase_not_found")
    return found


def subscription_of(user_id: int) -> Subscription | None:
    """The subscription that this person pays for now, if any."""
    live = Subscription.objects.filter(account__user_id=user_id, status__in=LIVE)
    return live.select_related("plan").first()


def manage(*, user_id: int, back: str) -> str:
    """The address where a person changes or ends their subscription."""
    subscription = subscription_of(user_id)
    if subscription is None:
        raise NotFound("You have no subscription.", code="subscription_not_found")
    return checkout.open_portal(subscription.customer, back=back)


def lock(uid: str) -> Purchase | None:
    """The purchase, locked until the caller's transaction ends."""
    rows = Purchase.objects.select_for_update(of=("self",)).select_related("account")
    return rows.filter(uid=uid).first()


def pay(purchase: Purchase, *, payment: str) -> None:
    """It was paid: give the credits, once. The caller has locked the purchase."""
    if purchase.paid_at is not None:
        return
    purchase.payment = payment
    purchase.paid_at = timezone.now()
    purchase.state = _State.PAID
    purchase.save(update_fields=["payment", "paid_at", "state"])
    if purchase.credits_micro:
        entry = LedgerEntry(
            account=purchase.account,
            key=f"purchase:{purchase.uid}",
            kind=LedgerEntry.Kind.PURCHASE,
            amount_micro=purchase.credits_micro,
            purchase=purchase,
            note=f"Bought {purchase.credits_micro // MICRO:,} credits",
        )
        ledger.book(entry)
    _take_back(purchase, already=0)


def end(purchase: Purchase, state: str) -> None:
    """It expired or failed. What has been paid stays paid."""
    if purchase.state == _State.OPEN:
        purchase.state = state
        purchase.save(update_fields=["state"])


def refunded(purchase: Purchase, cents: int) -> None:
    """So much of the price has been paid back in all. Takes back that part of the credits."""
    already = purchase.refunded_cents
    if cents <= already:
        return
    purchase.refunded_cents = cents
    purchase.save(update_fields=["refunded_cents"])
    if purchase.paid_at is not None:
        _take_back(purchase, already=already)


def _take_back(purchase: Purchase, *, already: int) -> None:
    """Take back the credits of what was refunded since `already`, as far as they are there."""
    total = min(purchase.refunded_cents, purchase.price_cents)
    if total <= already:
        return
    whole, price = purchase.credits_micro, purchase.price_cents
    owed = whole * total // price - whole * already // price
    account = ledger.lock_account(purchase.account.user_id)
    taken = min(owed, account.available_micro)
    if taken:
        entry = LedgerEntry(
            account=account,
            key=f"payback:{purchase.uid}:{total}",
            kind=LedgerEntry.Kind.ADJUSTMENT,
            amount_micro=-taken,
            purchase=purchase,
            note="Payment refunded",
        )
        ledger.book(entry)
    if taken < owed:
        log.warning("refund_not_covered", purchase=purchase.uid, missing_micro=owed - taken)
    if total == price:
        purchase.state = _State.REFUNDED
        purchase.save(update_fields=["state"])
