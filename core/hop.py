"""The one way from async code to the database: a whole synchronous service in one thread hop.

Threads are few and long-lived, so each keeps its database connection. No connection is ever
held while a reply streams: the hop returns before the stream begins and another one ends it.
"""

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Thread
from typing import Final, ParamSpec, TypeVar

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from core.loop import remember

P = ParamSpec("P")
T = TypeVar("T")

_executor: ThreadPoolExecutor | None = None
_theirs: Final[list[BaseDatabaseWrapper]] = []


def _threads() -> int:
    """One writer suits SQLite; PostgreSQL gains from waiting on several connections at once."""
    return int(settings.DATABASE_THREADS)


def executor() -> ThreadPoolExecutor:
    global _executor  # noqa: PLW0603 - one pool per process, made on first use
    if _executor is None:
        _executor = ThreadPoolExecutor(
            _threads(), thread_name_prefix="db", initializer=_note_connections
        )
    return _executor


def _run(function: Callable[..., T]) -> T:
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
    context = contextvars.copy_context()
    loop = remember()
    return await loop.run_in_executor(executor(), context.run, _run, call)


async def whole_hop(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Like `hop`; who is cancelled while the function runs is so once it has ended.

    Nothing stops a thread, so what it takes and opens must be there for its caller to give back.
    """
    call = partial(function, *args, **kwargs)
    if settings.INLINE_HOPS:
        return call()
    remember()
    work = executor().submit(contextvars.copy_context().run, _run, call)
    ended = asyncio.wrap_future(work)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError:
        if not work.cancel():
            await asyncio.wait({ended})
        raise


def close_pool() -> None:
    """Stop the threads and close their connections. For shutdown and for tests."""
    global _executor
    if _executor is None:
        return
    pool, _executor = _executor, None
    pool.shutdown(wait=True)
    # In a thread: where an event loop runs, Django lets nobody close one.
    closing = Thread(target=_close_theirs)
    closing.start()
    closing.join()


def _close_theirs() -> None:
    """Close the connections of threads that are gone, which are nobody else's now."""
    while _theirs:
        connection = _theirs.pop()
        connection.inc_thread_sharing()
        connection.close()


def _note_connections() -> None:
    """Remember what connections a thread that begins will have."""
    _theirs.extend(connections.all())
