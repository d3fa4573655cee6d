"""The in-memory channel layer, made safe to send to from any thread."""

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer, get_channel_layer


class LoopSafeInMemoryChannelLayer(InMemoryChannelLayer):
    """Hands every send to the loop that reads, so that a worker thread wakes it at once.

    The stock layer puts into an `asyncio.Queue` from whatever thread calls it; the reading
    loop then notices only at its next own wake-up.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def receive(self, channel: str) -> Any:
        self._loop = asyncio.get_running_loop()
        return await super().receive(channel)

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._on_reader_loop(super().send, channel, message)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        if group in self.groups:
            await self._on_reader_loop(super().group_send, group, message)

    def has_group(self, group: str) -> bool:
        """Whether anybody listens: all who could are in this process."""
        return group in self.groups

    async def _on_reader_loop(self, call: Any, *args: Any) -> None:
        loop = self._loop
        if loop is None or loop.is_closed() or loop is asyncio.get_running_loop():
            await call(*args)
        else:
            future = asyncio.run_coroutine_threadsafe(call(*args), loop)
            await asyncio.wrap_future(future)


def may_listen(where: Any, group: str) -> bool:
    """Whether somebody may be in a group. Only Redis knows who is in those of other processes."""
    return not isinstance(where, LoopSafeInMemoryChannelLayer) or where.has_group(group)


def layer() -> Any:
    """The configured channel layer; there always is one."""
    return get_channel_layer()
