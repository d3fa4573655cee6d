"""What a turn asks, as a vector, made before the turn opens.

A model may take its time and a transaction must not, so the question is embedded first, for a
moment at most. A turn goes on without: then it recalls by words. Where no embedder is in use
none of this costs anything but a look every few seconds.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from django.conf import settings

from core import metrics
from core.errors import InsufficientCredits, ProviderError
from core.hop import hop, whole_hop
from memory import embedders, metering, vectors
from memory.embedders import Description
from memory.metering import Hold
from memory.vectors import Question, Row

log = structlog.get_logger(__name__)

QUESTION_CHARS: Final = 4000
LOOK_SECONDS: Final = 10.0
REST_SECONDS: Final = 30.0
_KEPT_MOST: Final = 512


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks what. Made by the caller's own check of who that is."""

    user_id: int
    text: str
    surface: str


@dataclass(frozen=True, slots=True)
class _Ready:
    """Everything that was read and reserved for one question."""

    asked: Asked
    used: Description
    hold: Hold | None


_kept: OrderedDict[tuple[str, str], Row] = OrderedDict()
_off_until: float = 0.0
_resting: dict[str, float] = {}


def reset() -> None:
    """Forget what this process knows."""
    global _off_until  # noqa: PLW0603 - the process's own
    _off_until = 0.0
    _kept.clear()
    _resting.clear()


async def ask(find: Callable[[], Asked | None]) -> Question | None:
    """The question that `find` reads in a database hop, embedded; None if that cannot be had.

    `find` raises the errors of whoever may not ask; only for others is a model called.
    """
    if time.monotonic() < _off_until:
        return None
    ready = await whole_hop(_prepare, find)
    if ready is None:
        return None
    key = (ready.used.model, ready.asked.text)
    vector = _kept.get(key)
    if vector is None:
        vector = await _embedded(ready)
        if vector is None:
            return None
        _kept[key] = vector
        if len(_kept) > _KEPT_MOST:
            _kept.popitem(last=False)
    return Question(ready.asked.text, ready.used.model, vector)


def _prepare(find: Callable[[], Asked | None]) -> _Ready | None:
    """Whether there is a model, a question, something to compare it with, and the credit for it."""
    global _off_until  # noqa: PLW0603 - the process's own
    used = embedders.in_use()
    if not used.is_on:
        _off_until = time.monotonic() + LOOK_SECONDS
        return None
    if time.monotonic() < _resting.get(used.model, 0.0):
        return None
    asked = find()
    if asked is None or not asked.text.strip() or not vectors.exist(asked.user_id, used.model):
        return None
    asked = Asked(asked.user_id, asked.text[:QUESTION_CHARS], asked.surface)
    if (used.model, asked.text) in _kept:
        return _Ready(asked, used, None)
    try:
        return _Ready(asked, used, metering.reserve(asked.user_id, used.spec, [asked.text]))
    except InsufficientCredits:
        return None


async def _embedded(ready: _Ready) -> Row | None:
    used = ready.used
    try:
        async with asyncio.timeout(settings.QUESTION_EMBEDDING_SECONDS):
            result = await embedders.embed(used, [ready.asked.text])
    except (ProviderError, TimeoutError) as error:
        metrics.question_not_embedded(type(error).__name__)
        log.info("question_not_embedded", model=used.model, error=str(error))
        if used.way == "provider":
            _resting[used.model] = time.monotonic() + REST_SECONDS
        if ready.hold is not None:
            await hop(metering.void, ready.hold)
        return None
    if ready.hold is not None:
        await hop(metering.settle, ready.hold, result, surface=ready.asked.surface)
    vector: Row = result.vectors[0]
    return vector
