"""Driving a provider: time limits, retries before the first event, exactly one finish."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import msgspec

from core.errors import Retryable, UpstreamTimeout
from engine.events import Batch, Finished
from engine.providers.base import Provider
from engine.types import GenerationRequest

_BACKOFF_SECONDS: Final = 0.25
_RETRY_AFTER_MOST: Final = 5


class Limits(msgspec.Struct, frozen=True):
    """How long an upstream may be silent, before its first event and between two of them."""

    first_token_seconds: float = 120
    idle_seconds: float = 60


async def run(
    provider: Provider,
    request: GenerationRequest,
    *,
    limits: Limits,
    retries: int = 2,
    sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
) -> AsyncGenerator[Batch]:
    """The provider's events. A clean stream ends with one Finished; a broken one raises.

    Failures that another try may not meet are tried again, but never once something came.
    Closing the generator closes the upstream request.
    """
    attempt = 0
    while True:
        started = False
        try:
            async with aclosing(_guarded(provider, request, limits)) as batches:
                async for batch in batches:
                    started = True
                    yield batch
        except Retryable as error:
            if isinstance(error, UpstreamTimeout):
                raise
            wait = max(error.retry_after or 0, _BACKOFF_SECONDS * 2**attempt)
            if started or attempt >= retries or wait > _RETRY_AFTER_MOST:
                raise
            attempt += 1
            await sleep(wait)
        else:
            return


async def _guarded(
    provider: Provider, request: GenerationRequest, limits: Limits
) -> AsyncGenerator[Batch]:
    """One try, under the time limits, ending with a finish whatever the provider forgot."""
    stream = provider.stream(request)
    finished = False
    seconds = limits.first_token_seconds
    try:
        # One timer is moved along instead of one made per read.
        async with asyncio.timeout(seconds) as timer:
            loop = asyncio.get_running_loop()
            async for batch in stream:
                finished = finished or any(type(event) is Finished for event in batch)
                timer.reschedule(None)
                yield batch
                timer.reschedule(loop.time() + limits.idle_seconds)
    except TimeoutError as error:
        raise UpstreamTimeout("The model stopped sending. Please try again.") from error
    finally:
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()
    if not finished:
        yield [Finished("stop")]
