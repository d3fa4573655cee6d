"""What is measured, on one target at a time."""

import asyncio
import json
import statistics
import sys
import time
import urllib.request

from bench.client import Connection, Reply, Target
from bench.processes import cpu_seconds, resident_kib

LANES = 50
CLIENTS = 8
SPREAD = LANES // CLIENTS
"""For CPU each client goes round so many lanes: long replies must not fill a chat's window."""
OPEN_SECONDS = 60
SETTLE_SECONDS = 120
QUIET_SECONDS = 20
"""Jobs that nobody waits for begin within 15 s."""
IDLE_CPU_SECONDS = 0.05
REST_SECONDS, REST_MOST = 3, 60


async def _loop(target: Target, order: str, lanes: list[str], times: int) -> list[Reply]:
    connection = Connection(target)
    try:
        return [await connection.ask(order, lanes[i % len(lanes)]) for i in range(times)]
    finally:
        connection.close()


async def rest(targets: list[Target]) -> None:
    """Wait until nobody does anything any more: jobs that earlier measures left are not this one's.

    They count where `cpu_with_jobs` measures.
    """
    await _quiet(targets, REST_SECONDS, most=REST_MOST)


async def _quiet(targets: list[Target], seconds: int, *, most: int) -> float:
    """Wait until nobody has worked for so long: the CPU seconds that they have had by then."""
    quiet, last = 0, _busy_seconds(targets)
    for _ in range(most):
        await asyncio.sleep(1)
        now = _busy_seconds(targets)
        quiet = quiet + 1 if now - last < IDLE_CPU_SECONDS else 0
        last = now
        if quiet == seconds:
            return last
    print("still busy", file=sys.stderr)
    return last


def _busy_seconds(targets: list[Target]) -> float:
    return sum(cpu_seconds(target) for target in targets)


async def warm_up(target: Target) -> None:
    """One request in every lane: no measure meets a chat, or a server, for the first time."""
    await sequential(target, "chunks=1", LANES)


async def sequential(target: Target, order: str, times: int) -> list[Reply]:
    """One client, one request after the other, each in the next lane."""
    return await _loop(target, order, [f"lane{i}" for i in range(LANES)], times)


async def together(
    target: Target, order: str, clients: int, times: int, *, lanes: str = "lane", spread: int = 1
) -> list[Reply]:
    """So many clients at once, each in lanes of its own."""
    named = [[f"{lanes}{i + clients * k}" for k in range(spread)] for i in range(clients)]
    loops = [_loop(target, order, names, times) for names in named]
    return [reply for replies in await asyncio.gather(*loops) for reply in replies]


def first_ms(replies: list[Reply]) -> float:
    return statistics.median(reply.first for reply in replies) * 1000


async def ttft(target: Target, clients: int) -> float:
    """Median time to first content, ms, with a paced reply of 10 chunks in 0.4 s."""
    if clients == 1:
        return first_ms(await sequential(target, "chunks=1", 40))
    return first_ms(await together(target, "chunks=10 every=0.04", clients, 6))


async def cpu(
    target: Target, order: str, times: int, *, lanes: str = "lane", spread: int = SPREAD
) -> float:
    """CPU milliseconds of the target for one request."""
    await sequential(target, order, 5)
    before = cpu_seconds(target)
    await together(target, order, CLIENTS, times // CLIENTS, lanes=lanes, spread=spread)
    return (cpu_seconds(target) - before) * 1000 / (times // CLIENTS * CLIENTS)


async def cpu_with_jobs(target: Target, times: int, *, lanes: str) -> float:
    """The same with all that requests leave to be done later; what an idle target does besides
    is in it."""
    before = cpu_seconds(target)
    await together(target, "chunks=1", CLIENTS, times // CLIENTS, lanes=lanes)
    after = await _quiet([target], QUIET_SECONDS, most=SETTLE_SECONDS)
    return (after - before) * 1000 / (times // CLIENTS * CLIENTS)


async def lag(target: Target) -> tuple[float, float]:
    """Median and 99th percentile of the lag per chunk, ms, on ten paced streams."""
    replies = await together(target, "chunks=50 every=0.04", 10, 1)
    lags = sorted(lag for reply in replies for lag in reply.lags)
    return statistics.median(lags), lags[int(len(lags) * 0.99) - 1]


async def memory(target: Target, upstream: Target, streams: int) -> tuple[float, int]:
    """KiB per open stream, and upstream streams still open 4 s after all clients vanished.

    A target that cannot hold so many is measured by those it held after a minute.
    """
    before = resident_kib(target)
    connections = [Connection(target) for _ in range(streams)]
    gate = asyncio.Semaphore(40)

    async def hold(number: int) -> None:
        async with gate:
            await connections[number].ask(
                "chunks=1 hold", f"hold{streams}-{number}", until_first=True
            )

    tasks = [asyncio.create_task(hold(number)) for number in range(streams)]
    done, stuck = await asyncio.wait(tasks, timeout=OPEN_SECONDS)
    for task in stuck:
        task.cancel()
    await asyncio.sleep(1)
    grown = resident_kib(target) - before
    held = sum(1 for task in done if task.exception() is None)
    if held < streams:
        print(f"{target.name} held {held} of {streams} streams", file=sys.stderr)
    for connection in connections:
        connection.close()
    started = time.monotonic()
    await asyncio.sleep(4)
    left = _open_streams(upstream)
    while _open_streams(upstream) and time.monotonic() - started < 15:
        await asyncio.sleep(0.5)
    return grown / max(1, held), left


def _open_streams(upstream: Target) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{upstream.port}/stats") as answer:
        return int(json.load(answer)["open"])
