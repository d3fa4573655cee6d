"""Hops to the database: whoever leaves, whatever fails, and connections that are closed."""

import asyncio
import threading
import time

import pytest
from django.db import connection

from core.errors import NotFound
from core.hop import close_pool, hop, whole_hop

THREADS = 4


@pytest.fixture(autouse=True)
def threads(settings):
    """Hops in threads of their own, as in a server."""
    close_pool()
    settings.INLINE_HOPS, settings.DATABASE_THREADS = False, THREADS
    yield
    close_pool()


async def test_who_leaves_while_it_runs_is_told_once_it_has_ended():
    began, gate, ran = threading.Event(), threading.Event(), []

    def work() -> None:
        began.set()
        gate.wait(10)
        ran.append(True)

    task = asyncio.create_task(whole_hop(work))
    await asyncio.to_thread(began.wait)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    gate.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ran == [True]


async def test_who_leaves_as_it_ends_does_not_wait_for_an_end_that_was():
    task = asyncio.create_task(whole_hop(int))
    await asyncio.sleep(0)
    time.sleep(0.1)  # So that the end is the next thing the loop hears of
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(5):
            await task


async def test_the_thread_that_rested_last_is_the_next_to_work():
    together = threading.Barrier(THREADS)
    await asyncio.gather(*(hop(together.wait, 10) for _ in range(THREADS)))
    used = set()
    for _ in range(2 * THREADS):
        await asyncio.sleep(0.02)
        used.add(await hop(threading.get_ident))

    assert len(used) == 1


async def test_what_was_asked_for_before_the_end_is_done():
    gate, ran = threading.Event(), []
    tasks = [asyncio.create_task(hop(gate.wait, 10)) for _ in range(THREADS)]
    tasks.append(asyncio.create_task(hop(ran.append, 1)))
    await asyncio.sleep(0)
    gate.set()
    close_pool()

    assert ran == [1]
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("way", [hop, whole_hop])
async def test_what_waits_for_a_thread_is_dropped_for_who_left(way):
    gate, ran = threading.Event(), []
    busy = [asyncio.create_task(whole_hop(gate.wait, 10)) for _ in range(THREADS)]
    waiting = asyncio.create_task(way(ran.append, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await asyncio.gather(*busy)

    assert ran == []


@pytest.mark.parametrize("way", [hop, whole_hop])
async def test_the_error_of_a_function_goes_to_who_waits(way):
    def fail() -> None:
        raise NotFound("Nothing.")

    with pytest.raises(NotFound):
        await way(fail)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="counts PostgreSQL's sessions")
async def test_every_thread_closes_its_connection():
    together = threading.Barrier(THREADS)

    def look() -> int:
        together.wait(10)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    pids = await asyncio.gather(*(hop(look) for _ in range(THREADS)))
    close_pool()

    assert len(set(pids)) == THREADS
    assert _living(pids) == 0


def _living(pids: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
        return cursor.fetchone()[0]
