"""The cast and the shared set-up of the suite."""

import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from django.db import connections

from accounts.keys import issue_key
from accounts.models import User
from llm.models import Model
from tests.factories import CharacterFactory, ModelFactory, UserFactory
from tests.fakes.provider import FakeProvider

# One connection per thread, also while an event loop runs in it: async tests share the
# transaction of their fixtures.
connections._connections = threading.local()


@pytest.fixture
def owner(db: None) -> User:
    return UserFactory(handle="owner")


@pytest.fixture
def friend(db: None) -> User:
    return UserFactory(handle="friend")


@pytest.fixture
def stranger(db: None) -> User:
    return UserFactory(handle="stranger")


@pytest.fixture
def staff(db: None) -> User:
    return UserFactory(handle="staff", is_staff=True, is_superuser=True)


@pytest.fixture(autouse=True)
def _fresh_process_caches(request: Any) -> Iterator[None]:
    """What a process remembers between requests must not leak between tests."""
    yield
    from django.core.cache import cache

    from llm import registry

    cache.clear()
    registry.reset()


@pytest.fixture
def model(db: None) -> Model:
    """The default model: one credit a token, answered by whatever `provider` scripts."""
    return ModelFactory(slug="test/model", provider__slug="fake", is_default=True)


@pytest.fixture
def provider(model: Model) -> FakeProvider:
    """The upstream of `model`. Says "Hello there." until it is given another script."""
    from llm import registry

    fake = FakeProvider()
    registry.serve_instead("fake", fake)
    return fake


@pytest.fixture
def luna(owner: User) -> Any:
    return CharacterFactory(owner=owner, name="Luna", first_mes="Hi, I am Luna.")


@pytest.fixture
def secret(owner: User) -> str:
    """A key of `owner`, as its holder knows it."""
    return issue_key(user=owner, name="test")[1]


@pytest.fixture
async def wire(secret: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the wire protocols that holds `secret`. Streams arrive whole."""
    from openai_compat import handler

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=handler.handle),
        base_url="http://testserver/api/device/v1/",
        headers={"Authorization": f"Bearer {secret}", "Accept": "application/json"},
    ) as client:
        yield client
    await settled()


async def settled() -> None:
    """Wait until every turn of this process has been closed."""
    import asyncio

    from chats.running import drivers

    tasks = [driver.task for driver in drivers.values() if driver.task is not None]
    if tasks:
        await asyncio.wait(tasks, timeout=10)
