"""Hops to the database: whoever leaves, whatever fails, and connections that are closed."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress

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


async def test_what_waits_for_a_thread_is_dropped_for_who_left():
    gate, ran = threading.Event(), []
    busy = [asyncio.create_task(whole_hop(gate.wait, 10)) for _ in range(THREADS)]
    waiting = asyncio.create_task(whole_hop(ran.append, 1))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.set()
    await asyncio.gather(*busy)

    assert ran == []


@pytest.mark.parametrize("way", [hop, whole_hop])
async def test_an_error_is_gone_with_whoever_caught_it(way):
    errors = []

    class NotedError(Exception):
        def __init__(self) -> None:
            errors.append(weakref.ref(self))

    def fail() -> None:
        raise NotedError

    gc.disable()
    try:
        # Not `pytest.raises`, which keeps what it caught.
        with suppress(NotedError):
            await way(fail)
        await asyncio.sleep(0.05)
        assert errors[0]() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("way", [hop, whole_hop])
async def test_a_thread_begins_where_no_other_is_free(way):
    gate = threading.Event()

    async def threads_after_calls() -> int:
        for _ in range(THREADS):
            await way(int)
        return sum(thread.name.startswith("db_") for thread in threading.enumerate())

    one_by_one = await threads_after_calls()
    busy = asyncio.create_task(way(gate.wait, 10))
    await asyncio.sleep(0)
    beside = await threads_after_calls()
    is_busy = not busy.done()
    gate.set()
    await busy

    assert (one_by_one, beside, is_busy) == (1, 2, True)


LEAVES = """
import asyncio, time, django
django.setup()
from core.hop import hop

def work():
    time.sleep(0.3)
    print("ended")

async def main():
    asyncio.create_task(hop(work))
    await asyncio.sleep(0.1)

asyncio.run(main())
"""


def test_a_process_that_ends_breaks_off_nothing(tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "reverie.settings",
        "REVERIE_DATA": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-c", LEAVES], env=environment, capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr, done.returncode) == ("ended\n", "", 0)


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
    # A session's process takes a moment to end after its connection.
    async with asyncio.timeout(5):
        while _living(pids):
            await asyncio.sleep(0.01)


def _living(pids: list[int]) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", [pids])
        return cursor.fetchone()[0]
