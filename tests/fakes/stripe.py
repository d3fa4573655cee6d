"""Stripe as the suite sees it: messages signed with our own secret, a client that notes."""

import hashlib
import hmac
import json
import time
from types import SimpleNamespace
from typing import Any

SECRET = "whsec_made_for_tests"


def signed(event: dict[str, Any], *, secret: str = SECRET, at: int | None = None) -> dict[str, Any]:
    """What a test client posts: the body and the signature that Stripe would send with it."""
    body = json.dumps(event)
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return {
        "data": body,
        "content_type": "application/json",
        "headers": {"Stripe-Signature": f"t={at},v1={digest}"},
    }


def event(kind: str, thing: dict[str, Any], *, uid: str = "", at: int = 1_800_000_000) -> dict:
    """A message in Stripe's shape."""
    return {
        "id": uid or f"evt_{kind}_{thing.get('id', '')}_{at}",
        "object": "event",
        "api_version": "2026-09-30",
        "created": at,
        "type": kind,
        "data": {"object": thing},
    }


def session(purchase: str, *, status: str = "paid", mode: str = "payment") -> dict[str, Any]:
    return {
        "id": f"cs_{purchase}",
        "object": "checkout.session",
        "client_reference_id": purchase,
        "mode": mode,
        "payment_status": status,
        "payment_intent": f"pi_{purchase}" if mode == "payment" else None,
        "metadata": {"purchase": purchase},
    }


def charge(purchase: str, *, refunded: int) -> dict[str, Any]:
    return {
        "id": f"ch_{purchase}",
        "object": "charge",
        "amount_refunded": refunded,
        "payment_intent": f"pi_{purchase}",
        "metadata": {"purchase": purchase},
    }


def subscription(
    account: int, *, uid: str = "sub_1", status: str = "active", price: str = "", until: int = 0
) -> dict[str, Any]:
    return {
        "id": uid,
        "object": "subscription",
        "customer": "cus_1",
        "status": status,
        "metadata": {"account": str(account)},
        "items": {"data": [{"price": {"id": price}, "current_period_end": until}]},
    }


class FakeStripe:
    """Notes what it is asked to make and answers with a page; `error` makes it refuse."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.error: Exception | None = None
        page = SimpleNamespace(create=self._create)
        self.v1 = SimpleNamespace(
            checkout=SimpleNamespace(sessions=page),
            billing_portal=SimpleNamespace(sessions=page),
        )

    def _create(self, **asked: Any) -> Any:
        self.asked.append(asked)
        if self.error is not None:
            raise self.error
        number = len(self.asked)
        return SimpleNamespace(id=f"cs_{number}", url=f"https://checkout.stripe.com/c/{number}")
