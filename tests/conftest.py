"""The cast and the shared set-up of the suite."""

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from tests.factories import UserFactory


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
    registry.forget()
