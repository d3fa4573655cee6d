"""What Stripe tells: each message counts once, in whatever order they come."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import checkout, purchases
from billing.models import Account, PaymentEvent, Plan, Purchase, Subscription
from billing.plans import give_monthly

log = structlog.get_logger(__name__)
_PAID: Final = ("paid", "no_payment_required")
_GRACE: Final = timedelta(days=1)
# Two messages may be of the same second: then the one further on in a subscription's life counts.
_STAGES: Final = {
    "incomplete": 0,
    "trialing": 1,
    "active": 1,
    "past_due": 2,
    "paused": 2,
    "unpaid": 3,
    "canceled": 4,
    "incomplete_expired": 4,
}
_OVER: Final = 4


def take_in(body: bytes, signature: str) -> bool:
    """Act on a message. Returns False if it was known or is none of ours. Raises Invalid."""
    event = checkout.read_event(body, signature)
    handle = _HANDLERS.get(str(event.get("type")))
    if handle is None:
        return False
    try:
        with transaction.atomic():
            PaymentEvent.objects.create(uid=event["id"], kind=event["type"])
            handle(event["data"]["object"], int(event["created"]))
    except IntegrityError:
        if PaymentEvent.objects.filter(uid=event["id"]).exists():
            return False
        raise
    return True


def _purchase(thing: dict[str, Any]) -> Purchase | None:
    """The purchase that a session or charge is about; None for what others sold."""
    uid = thing.get("client_reference_id") or (thing.get("metadata") or {}).get("purchase", "")
    found = purchases.lock(uid) if uid else None
    if found is None:
        log.warning("payment_of_unknown_purchase", object=thing.get("id"))
    return found


def _completed(session: dict[str, Any], at: int) -> None:
    """A checkout went through. Slow ways to pay are still unpaid then, and told of later."""
    if session.get("payment_status") in _PAID and (purchase := _purchase(session)):
        purchases.pay(purchase, payment=session.get("payment_intent") or "")


def _failed(session: dict[str, Any], at: int) -> None:
    if purchase := _purchase(session):
        purchases.end(purchase, Purchase.State.FAILED)


def _expired(session: dict[str, Any], at: int) -> None:
    if purchase := _purchase(session):
        purchases.end(purchase, Purchase.State.EXPIRED)


def _refunded(charge: dict[str, Any], at: int) -> None:
    """`amount_refunded` is all that was paid back so far, so only the largest counts."""
    if purchase := _purchase(charge):
        purchases.refunded(purchase, int(charge["amount_refunded"]))


def _subscription(told: dict[str, Any], at: int) -> None:
    name = (told.get("metadata") or {}).get("account", "")
    rows = Account.objects.select_for_update(of=("self",))
    account = rows.filter(pk=name).first() if name.isdecimal() else None
    if account is None:
        log.warning("subscription_of_unknown_account", object=told.get("id"))
        return
    new = _read(told, account, at)
    old = Subscription.objects.filter(uid=new.uid, account=account).first()
    if old is not None and _age(old) >= _age(new):
        return
    new.pk = old.pk if old else None
    new.created_at = old.created_at if old else timezone.now()
    new.save()
    _choose_plan(account, {new.plan_id, old.plan_id if old else None})


def _read(told: dict[str, Any], account: Account, at: int) -> Subscription:
    items = told["items"]["data"]
    ends = [told.get("current_period_end"), *(item.get("current_period_end") for item in items)]
    end = max((int(one) for one in ends if one), default=None)
    price = items[0]["price"]["id"] if items else ""
    return Subscription(
        uid=told["id"],
        account=account,
        plan=Plan.objects.filter(price_id=price).exclude(price_id="").first(),
        customer=told.get("customer") or "",
        status=told["status"],
        until=datetime.fromtimestamp(end, UTC) if end else None,
        told_at=at,
    )


def _age(row: Subscription) -> tuple[bool, int, int, float]:
    """Grows with the life of a subscription. One that is over stays over."""
    stage = _STAGES.get(row.status, 0)
    until = row.until.timestamp() if row.until else 0.0
    return stage == _OVER, row.told_at, stage, until


def _choose_plan(account: Account, touched: set[int | None]) -> None:
    """The best plan that is paid for. A plan that an operator gave stays where none is."""
    live = Subscription.objects.filter(
        account=account, status__in=purchases.LIVE, plan__isnull=False
    )
    best = live.select_related("plan").order_by("-plan__monthly_credits", "-until").first()
    if best is not None:
        account.plan = best.plan
        account.plan_until = best.until + _GRACE if best.until else None
    elif account.plan_id in touched:
        account.plan = account.plan_until = None
    account.save(update_fields=["plan", "plan_until"])
    give_monthly(account.user_id, now=timezone.now())


_HANDLERS: Final[dict[str, Callable[[dict[str, Any], int], None]]] = {
    "checkout.session.completed": _completed,
    "checkout.session.async_payment_succeeded": _completed,
    "checkout.session.async_payment_failed": _failed,
    "checkout.session.expired": _expired,
    "charge.refunded": _refunded,
    "customer.subscription.created": _subscription,
    "customer.subscription.updated": _subscription,
    "customer.subscription.deleted": _subscription,
}
