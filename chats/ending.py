"""Ending turns by order of an operator: those of a person, a key, a provider or a model.

An order reaches every process. It may come between the moment when a turn's opening read that all
was well and its start, so orders are kept for a while; and one may be lost on its way, so each
heartbeat of a turn looks at the rows.
"""

import time
from collections import deque
from typing import Any, Final, NamedTuple

from accounts import suspension
from chats import running
from core.errors import ReverieError, Unavailable

_KEPT: Final = 256


class Ending(NamedTuple):
    """An order to end turns, and when this process heard of it."""

    at: float
    whose: str
    which: str


_recent: deque[Ending] = deque(maxlen=_KEPT)


def obey(order: dict[str, Any]) -> None:
    """End the turns of this process that an order is about, and remember it."""
    ending = Ending(time.monotonic(), order["whose"], order["which"])
    _recent.append(ending)
    for driver in list(running.drivers.values()):
        _end_if_meant(driver, ending)


def catch_up(driver: running.Driver, since: float) -> None:
    """End a turn that an order came for while it was being opened."""
    for ending in _recent:
        if ending.at >= since:
            _end_if_meant(driver, ending)


def _end_if_meant(driver: running.Driver, ending: Ending) -> None:
    opened = driver.opened
    belongs = {
        "user": str(opened.user_id),
        "key": opened.api_key_uid,
        "provider": opened.spec.provider_slug,
        "model": opened.spec.slug,
    }
    if belongs[ending.whose] == ending.which:
        driver.stop("ended", error_of(ending.whose))


def error_of(whose: str) -> ReverieError:
    """What the caller of a turn is told that was ended."""
    if whose == "user":
        return suspension.refused("account_suspended")
    if whose == "key":
        return suspension.refused("key_suspended")
    return Unavailable(
        "This model was switched off by whoever runs this server.", code="model_switched_off"
    )


def forget() -> None:
    """Forget the orders that were kept. For tests."""
    _recent.clear()
