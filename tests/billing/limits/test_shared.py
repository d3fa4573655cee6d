"""What only Redis can get wrong: its clock, keys that stay, and processes that share them."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from billing.limits.rules import Rule, Seat
from billing.limits.shared import RedisStore
from tests.real_redis import REDIS_URL, needs_redis

pytestmark = needs_redis
ROOT = Path(__file__).parents[3]
ASKS = """
import sys, time
from billing.limits.rules import Rule
from billing.limits.shared import RedisStore
url, key, limit, seconds, start = sys.argv[1:]
store = RedisStore(url, "tests")
rule = Rule(name="requests", key=key, limit=int(limit), seconds=float(seconds))
store.take([rule], counts=False)
for number in range(300):
    time.sleep(max(0, float(start) + number / 100 - time.time()))
    if not store.take([rule]).refused:
        print(time.time())
"""


def two_processes(someone: str, *, limit: int, seconds: float) -> list[float]:
    """Two processes that ask a hundred times a second each: when they were let through."""
    arguments = [REDIS_URL, f"requests:{someone}", str(limit), str(seconds), str(time.time() + 2)]
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASKS, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0] for process in asking]
    assert [process.returncode for process in asking] == [0, 0]
    return sorted(float(line) for text in said for line in text.split())


def test_two_processes_keep_one_limit(redis, someone):
    assert len(two_processes(someone, limit=120, seconds=60)) == 120


def test_two_processes_go_on_as_the_window_slides(redis, someone):
    """600 tries in three seconds, at a hundred a second for both together."""
    times = two_processes(someone, limit=100, seconds=1)

    seconds = times[-1] - times[0]
    assert 200 <= len(times) <= 100 * (seconds + 1.5)


def test_a_clock_that_was_put_back_locks_nobody_out(redis, someone):
    store, rule = RedisStore(REDIS_URL, "tests"), Rule(name="r", key=someone, limit=1)
    tomorrow = 10**6 * (redis.time()[0] + 86_400)
    redis.lpush(f"tests:limits:{someone}", tomorrow)

    assert store.take([rule]).refused == ""
    assert store.take([rule]).refused == "r"


def test_a_clock_that_was_put_back_keeps_no_seat(redis, someone):
    store, seat = RedisStore(REDIS_URL, "tests"), Seat(key=someone, uid="dead", limit=1, seconds=30)
    store.take([], seat)
    [name] = redis.keys(f"*{someone}")
    redis.zadd(name, {"dead": 10**6 * (redis.time()[0] + 86_400)})

    assert store.take([], replace(seat, uid="a")).refused == ""
    assert store.take([], replace(seat, uid="b")).refused == "seat"


@pytest.mark.parametrize("kind", ["rule", "seat", "site"])
def test_every_key_goes_away_by_itself(redis, someone, kind):
    store = RedisStore(REDIS_URL, "tests")
    rule = Rule(name="r", key=f"rule:{someone}", limit=9, calm=5)
    seat = Seat(key=f"seat:{someone}", uid="a", limit=2, seconds=30)
    store.take([rule], seat)
    store.renew(seat)

    name = "site" if kind == "site" else f"{kind}:{someone}"
    assert 0 < redis.pttl(f"tests:limits:{name}") <= 66_000
