"""The server's event loop, so that synchronous code can hand it something to do."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from asgiref.sync import async_to_sync

T = TypeVar("T")

TICK_SECONDS: Final = 1.0
_loop: asyncio.AbstractEventLoop | None = None
_tasks: set["asyncio.Task[Any]"] = set()
_own: asyncio.AbstractEventLoop | None = None
_lock = threading.Lock()


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


def wait(coroutine: Coroutine[Any, Any, T], *, tick: Callable[[], None]) -> T:
    """Run a coroutine from a thread and return its result. `tick` is called every second.

    It runs on the server's loop, where the providers are, else on one that this process keeps
    for that. What `tick` raises cancels it. Raises `concurrent.futures.CancelledError` when the
    server stops first.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _elsewhere())
    try:
        while True:
            done, _ = concurrent.futures.wait([future], timeout=TICK_SECONDS)
            if done:
                return future.result()
            tick()
    finally:
        future.cancel()


def _elsewhere() -> asyncio.AbstractEventLoop:
    """A loop that runs in another thread than this one."""
    global _own  # noqa: PLW0603 - a process keeps one
    try:
        here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
    except RuntimeError:
        here = None
    if _loop is not None and _loop is not here and _loop.is_running():
        return _loop
    with _lock:
        if _own is None:
            _own = asyncio.new_event_loop()
            threading.Thread(target=_own.run_forever, name="loop", daemon=True).start()
    return _own
