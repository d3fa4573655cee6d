"""The one way from async code to the database: a whole synchronous service in one thread hop.

Threads are few and long-lived, so each keeps its database connection. No connection is ever
held while a reply streams: the hop returns before the stream begins and another one ends it.
"""

import asyncio
import atexit
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections

from core.loop import remember

P = ParamSpec("P")
T = TypeVar("T")


class _Call(Generic[T]):
    """A function on its way to a thread, and the future of its result.

    Whoever claims it first decides: a thread runs it, or who waited for it has left before.
    """

    def __init__(self, function: Callable[[], T]) -> None:
        self._loop = remember()
        self._function = function
        self._context = contextvars.copy_context()
        self._unclaimed = [True]
        self._is_over = False
        self._over: asyncio.Future[None] | None = None
        self.result: asyncio.Future[T] = self._loop.create_future()

    def claim(self) -> bool:
        try:
            return self._unclaimed.pop()
        except IndexError:
            return False

    def run(self) -> None:
        """On the thread: run the function and tell the loop, if that is still there."""
        try:
            result = self._context.run(_run, self._function)
        except BaseException as error:  # noqa: BLE001 - it is told to who waits
            self._tell(self.result.set_exception, error)
        else:
            self._tell(self.result.set_result, result)

    def _tell(self, how: Callable[[Any], None], what: Any) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end, how, what)

    def _end(self, how: Callable[[Any], None], what: Any) -> None:
        self._is_over = True
        if not self.result.done():
            how(what)
        if self._over is not None and not self._over.done():
            self._over.set_result(None)

    async def over(self) -> None:
        """Wait for the end of a function whose result nobody waits for any more."""
        if not self._is_over:
            self._over = self._loop.create_future()
            await self._over


class _Pool:
    """Threads, started when they are needed.

    The one that was idle last gets the next call: its connection, and what the database keeps
    for that, are the warmest. The others may sleep.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._inboxes: list[SimpleQueue[_Call[Any] | None]] = []
        self._idle: list[SimpleQueue[_Call[Any] | None]] = []
        self._waiting: deque[_Call[Any]] = deque()
        self._threads: list[threading.Thread] = []

    def submit(self, call: _Call[Any]) -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().put(call)
            elif len(self._threads) < self._most:
                self._start(call)
            else:
                self._waiting.append(call)

    def _start(self, call: _Call[Any]) -> None:
        inbox: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        inbox.put(call)
        name = f"db_{len(self._threads)}"
        thread = threading.Thread(target=self._serve, args=(inbox,), name=name, daemon=True)
        self._inboxes.append(inbox)
        self._threads.append(thread)
        thread.start()

    def _serve(self, inbox: "SimpleQueue[_Call[Any] | None]") -> None:
        call = inbox.get()
        while call is not None:
            if call.claim():
                call.run()
            # Not to be kept alive by a thread that sleeps.
            del call
            call = self._next(inbox) or inbox.get()
        connections.close_all()

    def _next(self, inbox: "SimpleQueue[_Call[Any] | None]") -> _Call[Any] | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(inbox)
            return None

    def close(self) -> None:
        """Let what was submitted end, then stop each thread with its connection closed."""
        for inbox in self._inboxes:
            inbox.put(None)
        for thread in self._threads:
            thread.join()


_pool: _Pool | None = None


def _submit(function: Callable[[], T]) -> _Call[T]:
    global _pool  # noqa: PLW0603 - one pool per process, made on first use
    if _pool is None:
        # One writer suits SQLite; PostgreSQL gains from waiting on several connections at once.
        _pool = _Pool(int(settings.DATABASE_THREADS))
    call = _Call(function)
    _pool.submit(call)
    return call


def _run(function: Callable[[], T]) -> T:
    for connection in connections.all(initialized_only=True):
        if connection.errors_occurred or connection.close_at is not None:
            connection.close_if_unusable_or_obsolete()
    return function()


async def hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` on a database thread and await its result; context variables come along.

    With `settings.INLINE_HOPS` (tests that live inside one transaction) it runs in place.
    """
    call = partial(function, *args, **kwargs)
    if settings.INLINE_HOPS:
        return call()
    submitted = _submit(call)
    try:
        return await submitted.result
    except asyncio.CancelledError:
        submitted.claim()
        raise


async def whole_hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `hop`; who is cancelled while the function runs is so once it has ended.

    Nothing stops a thread, so what it takes and opens must be there for its caller to give back.
    """
    call = partial(function, *args, **kwargs)
    if settings.INLINE_HOPS:
        return call()
    submitted = _submit(call)
    try:
        return await submitted.result
    except asyncio.CancelledError:
        if not submitted.claim():
            await submitted.over()
        raise


@atexit.register
def close_pool() -> None:
    """Stop the threads, closing each one's connection. For shutdown and for tests."""
    global _pool
    if _pool is not None:
        pool, _pool = _pool, None
        pool.close()
