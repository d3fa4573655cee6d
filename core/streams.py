"""Small tools for byte streams: priming and the headers of server-sent events."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

T = TypeVar("T")

KEEP_ALIVE: Final = b": keep-alive\n\n"
STREAM_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


async def prime(stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """Wait for the first item, so that an early failure still has a status to be told with.

    Raises what the stream raises before its first item. Streams that send keep-alives bound
    the wait themselves: the first comment counts as an item.
    """
    try:
        first = await anext(stream)
    except StopAsyncIteration:
        return stream
    return _with_first(first, stream)


async def _with_first(first: T, stream: AsyncGenerator[T]) -> AsyncGenerator[T]:
    async with aclosing(stream):
        yield first
        async for item in stream:
            yield item
