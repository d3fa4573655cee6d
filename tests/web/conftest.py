"""A browser for the pages: signed in as the owner, as a stranger, or not at all."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import AsyncRequestFactory, Client

from chats.models import Chat
from chats.services import start_chat
from tests.conftest import settled


@pytest.fixture
def browser(owner: Any) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def elsewhere(stranger: Any) -> Client:
    """The browser of somebody else."""
    client = Client()
    client.force_login(stranger)
    return client


@pytest.fixture
def chat(owner: Any, luna: Any) -> Chat:
    """A chat of the owner with Luna, who has greeted."""
    return start_chat(user=owner, character=luna)


@pytest.fixture
async def post(owner: Any) -> Any:
    """Call an asynchronous view as the page's script does, as `owner` unless told otherwise."""

    async def call(
        view: Callable[..., Any], uid: str, *, user: Any = None, plain: bool = False, **fields: str
    ) -> Any:
        headers = {} if plain else {"accept": "application/json"}
        request = AsyncRequestFactory().post("/", fields, headers=headers)

        async def auser() -> Any:
            return user or owner

        request.auser = auser
        return await view(request, uid)

    yield call
    await settled()
