"""The server's event loop, so that synchronous code can hand it something to do."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from asgiref.sync import async_to_sync

_loop: asyncio.AbstractEventLoop | None = None
_tasks: set["asyncio.Task[Any]"] = set()


def remember() -> asyncio.AbstractEventLoop:
    """Note the running loop as the one that serves this process."""
    global _loop  # noqa: PLW0603 - a process has one
    _loop = asyncio.get_running_loop()
    return _loop


def spawn(coroutine: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
    """Start a task on the running loop and keep it alive until it ends."""
    task = asyncio.get_running_loop().create_task(coroutine)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return task


def submit(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run a coroutine from anywhere: on this loop, else on the server's, else to its end here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if _loop is not None and _loop.is_running():
            asyncio.run_coroutine_threadsafe(coroutine, _loop)
            return

        async def run() -> None:
            await coroutine

        async_to_sync(run)()
        return
    spawn(coroutine)
