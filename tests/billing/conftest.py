"""Stripe's messages, as our webhook gets them."""

from typing import Any

import pytest

from tests.fakes import stripe


@pytest.fixture
def tell(client: Any, shop: Any) -> Any:
    """Post a message of Stripe; returns what our webhook answers."""

    def post(kind: str, thing: dict[str, Any], **options: Any) -> Any:
        message = stripe.signed(stripe.event(kind, thing, **options))
        return client.post("/api/payments/stripe", **message).json()

    return post
