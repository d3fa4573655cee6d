"""A program that speaks to the resource API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.fixture
def api(client: Client, secret: str) -> Callable[..., Any]:
    """Ask as `owner`: `api("get", "user/credits")`."""

    def ask(method: str, path: str, body: Any = None) -> Any:
        sent = {} if body is None else {"data": body, "content_type": "application/json"}
        headers = {"Authorization": f"Bearer {secret}"}
        return getattr(client, method)(f"/api/{path}", headers=headers, **sent)

    return ask
