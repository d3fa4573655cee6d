"""The store of this process, and what happens when it does not answer: everything is let through.

Limits are for fairness, credits for money. Whoever is let through uncounted is still charged, and
operators see it in `reverie_limits_uncounted_total`.
"""

import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, TypeVar

import structlog
from django.conf import settings
from redis import RedisError

from billing.limits.memory import MemoryStore
from billing.limits.rules import Rule, Seat, Store, Verdict
from billing.limits.shared import RedisStore
from core import metrics

T = TypeVar("T")
log = structlog.get_logger(__name__)

REST_SECONDS: Final = 1.0
_rests_until = 0.0


@lru_cache(maxsize=1)
def _store(url: str) -> Store:
    return RedisStore(url, settings.REDIS_PREFIX) if url else MemoryStore()


def reset() -> None:
    """Forget what this process counted, and that Redis did not answer."""
    global _rests_until  # noqa: PLW0603 - the process's own
    _rests_until = 0.0
    _store.cache_clear()


def take(rules: Sequence[Rule], seat: Seat | None = None, *, counts: bool = True) -> Verdict | None:
    """Ask the store. None if it does not answer: then nothing is refused."""
    verdict = _ask(lambda store: store.take(rules, seat, counts=counts))
    if verdict is None and counts:
        metrics.limits_uncounted()
    return verdict


def renew(seat: Seat) -> None:
    _ask(lambda store: store.renew(seat))


def release(seat: Seat) -> None:
    _ask(lambda store: store.release(seat))


def _ask(question: Callable[[Store], T]) -> T | None:
    """The answer, or None. A Redis that fails is left alone for a moment: nobody waits for it."""
    global _rests_until  # noqa: PLW0603 - the process's own
    if time.monotonic() < _rests_until:
        return None
    try:
        return question(_store(settings.LIMITS_REDIS_URL))
    except RedisError as error:
        _rests_until = time.monotonic() + REST_SECONDS
        log.warning("limits_not_counted", error=type(error).__name__)
        return None
