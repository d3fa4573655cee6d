"""The only module that speaks with Stripe: opening its pages, reading its messages.

`stripe` is an optional library: it is imported where it is used.
"""

import json
from functools import lru_cache
from typing import Any, Final, NamedTuple

from django.conf import settings

from billing.models import Purchase
from core.errors import Invalid, Unavailable

_BODY_BYTES_MOST: Final = 2**20
_SECONDS: Final = 15


class Page(NamedTuple):
    """A page at Stripe that a person is sent to."""

    session: str
    url: str


def is_on() -> bool:
    """Whether anything can be bought here."""
    return bool(settings.STRIPE_SECRET_KEY and settings.STRIPE_WEBHOOK_SECRET)


def client() -> Any:
    """The library's client. Raises Unavailable where purchases are off."""
    if not is_on():
        raise Unavailable("Nothing is sold here.", code="purchases_off")
    return _client(settings.STRIPE_SECRET_KEY)


@lru_cache(maxsize=1)
def _client(secret: str) -> Any:
    import stripe  # noqa: PLC0415 - optional

    http = stripe.RequestsClient(timeout=_SECONDS)
    return stripe.StripeClient(secret, http_client=http, max_network_retries=2)


def open_checkout(purchase: Purchase, *, email: str, paid: str, back: str) -> Page:
    """A checkout for this purchase. `paid` and `back` are where the person comes back to.

    Stripe repeats our names in everything it later says about the purchase.
    """
    names = {"purchase": purchase.uid, "account": str(purchase.account_id)}
    params: dict[str, Any] = {
        "client_reference_id": purchase.uid,
        "success_url": paid,
        "cancel_url": back,
        "metadata": names,
        **({"customer_email": email} if email else {}),
    }
    if purchase.plan is not None:
        params |= {
            "mode": "subscription",
            "line_items": [{"price": purchase.plan.price_id, "quantity": 1}],
            "subscription_data": {"metadata": names},
        }
    else:
        params |= {
            "mode": "payment",
            "line_items": [{"price_data": _price(purchase), "quantity": 1}],
            "payment_intent_data": {"metadata": names},
        }
    session = _call(
        client().v1.checkout.sessions.create,
        params=params,
        options={"idempotency_key": purchase.uid},
    )
    return Page(session.id, session.url)


def _price(purchase: Purchase) -> dict[str, Any]:
    return {
        "currency": purchase.currency,
        "unit_amount": purchase.price_cents,
        "product_data": {"name": f"{purchase.credits_micro // 10**6:,} credits"},
    }


def open_portal(customer: str, *, back: str) -> str:
    """Where a person changes or ends their subscription."""
    create = client().v1.billing_portal.sessions.create
    return str(_call(create, params={"customer": customer, "return_url": back}).url)


def _call(function: Any, **arguments: Any) -> Any:
    import stripe  # noqa: PLC0415 - optional

    try:
        return function(**arguments)
    except stripe.StripeError as error:
        raise Unavailable(
            "The payment page cannot be reached. Nothing was charged; try again in a moment.",
            code="payment_page_unavailable",
        ) from error


def read_event(body: bytes, signature: str) -> dict[str, Any]:
    """A message of Stripe, if its signature is right and fresh. Raises Invalid."""
    import stripe  # noqa: PLC0415 - optional

    if len(body) > _BODY_BYTES_MOST:
        raise Invalid("The message is too large.", code="body_too_large")
    try:
        text = body.decode()
        stripe.WebhookSignature.verify_header(
            text, signature, settings.STRIPE_WEBHOOK_SECRET, stripe.Webhook.DEFAULT_TOLERANCE
        )
        event = json.loads(text)
    except (ValueError, stripe.SignatureVerificationError) as error:
        raise Invalid("The signature is wrong.", code="bad_signature") from error
    if not isinstance(event, dict):
        raise Invalid("This is no message of Stripe.")
    return event
