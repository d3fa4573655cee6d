"""The brake counts for each person, forgets in time, and lets through when it cannot count."""

import pytest
import redis
import time_machine
from django.core.cache import cache
from django.utils import timezone

from billing.throttle import count_try
from core.errors import RateLimited


def test_it_stops_one_person_at_one_thing():
    for _ in range(2):
        count_try("a", 1, most=2)

    with pytest.raises(RateLimited) as caught:
        count_try("a", 1, most=2)
    count_try("a", 2, most=2)
    count_try("b", 1, most=2)
    assert caught.value.retry_after == 600


def test_it_forgets_after_ten_minutes():
    count_try("a", 1, most=1)

    with time_machine.travel(timezone.now().timestamp() + 601):
        count_try("a", 1, most=1)


def test_without_redis_everybody_is_let_through(monkeypatch):
    def down(*_):
        raise redis.ConnectionError("no route")

    monkeypatch.setattr(cache, "incr", down)

    for _ in range(5):
        count_try("a", 1, most=1)
