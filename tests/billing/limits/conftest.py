"""Both stores, behind one fixture: Redis where the suite has one."""

import pytest
from django.conf import settings

from billing.limits.memory import MemoryStore
from billing.limits.rules import Store
from billing.limits.shared import RedisStore
from core.ids import new_uid
from tests.real_redis import REDIS_URL, needs_redis


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def memory(clock: Clock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture(params=["memory", pytest.param("redis", marks=needs_redis)])
def store(request: pytest.FixtureRequest) -> Store:
    """A store that runs on real time."""
    if request.param == "memory":
        return MemoryStore()
    request.getfixturevalue("redis")
    return RedisStore(REDIS_URL, settings.REDIS_PREFIX)


@pytest.fixture
def someone() -> str:
    """A name that no other test uses in a shared store."""
    return new_uid()
