"""Small tools for byte and event streams: priming, keep-alives, server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, TypeVar

T = TypeVar("T")

KEEP_ALIVE: Final = b": keep-alive\n\n"
STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


async def prime(stream: AsyncIterator[T], *, patience_seconds: float) -> AsyncIterator[T]:
    """Wait for the first item, so that an early failure still has a status to be told with.

    Raises what the stream raises before its first item. After `patience_seconds` without one
    it gives up waiting and returns: failures then travel inside the stream.
    """
    first: asyncio.Task[T] = asyncio.ensure_future(anext(stream))  # type: ignore[arg-type]
    try:
        await asyncio.wait({first}, timeout=patience_seconds)
    except asyncio.CancelledError:
        first.cancel()
        raise
    if first.done() and (error := first.exception()) is not None:
        if not isinstance(error, StopAsyncIteration):
            raise error
    return _resume(first, stream)


async def _resume(first: "asyncio.Task[T]", stream: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        try:
            yield await first
        except StopAsyncIteration:
            return
        async for item in stream:
            yield item
    finally:
        first.cancel()
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()


async def heartbeat(stream: AsyncIterator[bytes], *, every_seconds: float) -> AsyncIterator[bytes]:
    """Pass a byte stream on, adding an SSE comment whenever it is silent for too long."""
    pending: asyncio.Task[bytes] | None = None
    try:
        while True:
            pending = asyncio.ensure_future(anext(stream))  # type: ignore[arg-type]
            while not pending.done():
                done, _ = await asyncio.wait({pending}, timeout=every_seconds)
                if not done:
                    yield KEEP_ALIVE
            try:
                item = pending.result()
            except StopAsyncIteration:
                return
            yield item
    finally:
        if pending is not None and not pending.done():
            pending.cancel()
        if (close := getattr(stream, "aclose", None)) is not None:
            await close()
