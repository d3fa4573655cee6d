"""The one way from async code to the database: a whole synchronous service in one thread hop.

Threads are few and long-lived, so each keeps its database connection. No connection is ever
held while a reply streams: the hop returns before the stream begins and another one ends it.
The standard library's executor takes three times the work for a call: its futures are made for
threads that wait for each other, with locks of their own.
"""

import asyncio
import atexit
import contextlib
import contextvars
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.connection import here, keep
from core.loop import remember

P = ParamSpec("P")
T = TypeVar("T")

_Outcome = tuple[Callable[["asyncio.Future[Any]", Any], None], Any]
_theirs: Final[list[BaseDatabaseWrapper]] = []


class _Call:
    """A function for a database thread, and the future of what it returns."""

    __slots__ = ("_loop", "_unclaimed", "context", "ended", "function")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._loop = remember()
        self.context = contextvars.copy_context()
        self.function = function
        self._unclaimed = [True]
        self.ended: asyncio.Future[Any] = self._loop.create_future()

    def claim(self) -> bool:
        """Whether nobody had claimed it; from now on it is the caller's, to run or to drop."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return False
        return True

    def tell(self, outcome: _Outcome) -> None:
        """Let who waits know what came of it."""
        settle, value = outcome
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits
            self._loop.call_soon_threadsafe(settle, self.ended, value)


def _outcome_of(context: contextvars.Context, function: Callable[[], Any]) -> _Outcome:
    """How to tell who waits, and what.

    An error leads to its traceback, to the frames there and to their callers: none of them may
    keep the future that has the error.
    """
    try:
        return _settle, context.run(_run, function)
    except BaseException as error:  # noqa: BLE001 - it is for who waits
        return _fail, error


def _run(function: Callable[[], T]) -> T:
    database = here()
    if database.errors_occurred or database.close_at is not None:
        database.close_if_unusable_or_obsolete()
    return function()


def _settle(ended: "asyncio.Future[Any]", result: object) -> None:
    if not ended.cancelled():
        ended.set_result(result)


def _fail(ended: "asyncio.Future[Any]", error: BaseException) -> None:
    if not ended.cancelled():
        ended.set_exception(error)


class _Pool:
    """Threads that run calls in the order they come. One begins where no other is free."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._free: list[bool] = []
        self._threads: list[Thread] = []
        self._lock = Lock()

    def put(self, call: _Call) -> None:
        try:
            self._free.pop()
        except IndexError:
            self._begin()
        self._calls.put(call)

    def stop(self) -> None:
        """Run what was put, and end the threads."""
        for _ in self._threads:
            self._calls.put(None)
        for thread in self._threads:
            thread.join()

    def _begin(self) -> None:
        with self._lock:
            if len(self._threads) < self._most:
                name = f"db_{len(self._threads)}"
                self._threads.append(Thread(target=self._serve, name=name, daemon=True))
                self._threads[-1].start()

    def _serve(self) -> None:
        _theirs.extend(connections.all())
        keep()
        while (call := self._calls.get()) is not None:
            is_ours = not call.ended.cancelled() and call.claim()
            outcome = _outcome_of(call.context, call.function) if is_ours else None
            # Before anybody knows, or who is told would begin another thread for the next call.
            self._free.append(True)
            if outcome is not None:
                call.tell(outcome)
            # Nothing of it waits here for the next one.
            del call, outcome


_pool: _Pool | None = None


def _put(call: _Call) -> _Call:
    global _pool  # noqa: PLW0603 - one pool per process, made on first use
    if _pool is None:
        # One writer suits SQLite; PostgreSQL gains from waiting on several connections at once.
        _pool = _Pool(int(settings.DATABASE_THREADS))
    _pool.put(call)
    return call


async def hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `function` on a database thread and await its result; context variables come along.

    With `settings.INLINE_HOPS` (tests that live inside one transaction) it runs in place.
    """
    call = partial(function, *args, **kwargs)
    if settings.INLINE_HOPS:
        return call()
    return await _put(_Call(call)).ended  # type: ignore[no-any-return]  # what the function returned


async def whole_hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `hop`; who is cancelled while the function runs is so once it has ended.

    Nothing stops a thread, so what it takes and opens must be there for its caller to give back.
    """
    call = partial(function, *args, **kwargs)
    if settings.INLINE_HOPS:
        return call()
    work = _put(_Call(call))
    try:
        return await asyncio.shield(work.ended)
    except asyncio.CancelledError:
        if not work.claim():
            await asyncio.wait({work.ended})
        raise
    finally:
        # Or the traceback of an error would lead to its future, and that to the error.
        del work


def close_pool() -> None:
    """Stop the threads and close their connections. For shutdown and for tests."""
    _stop_pool()
    # In a thread: where an event loop runs, Django lets nobody close one.
    closing = Thread(target=_close_theirs)
    closing.start()
    closing.join()


@atexit.register
def _stop_pool() -> None:
    """Finish what was begun: a process that ends normally breaks off nothing."""
    global _pool
    if _pool is not None:
        pool, _pool = _pool, None
        pool.stop()


def _close_theirs() -> None:
    """Close the connections of threads that are gone, which are nobody else's now."""
    while _theirs:
        connection = _theirs.pop()
        connection.inc_thread_sharing()
        connection.close()
