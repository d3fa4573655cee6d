"""The stop signal tells the turns at once, and the server still hears it."""

import asyncio
import signal

import pytest

from chats import turns
from jobs.work import stopping
from reverie import draining, lifespan


@pytest.fixture
def heard():
    """What the server's own handler hears; the test's process keeps its real handlers."""
    signals: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda number, _frame: signals.append(number))
    yield signals
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def drained(monkeypatch) -> list[float]:
    """The seconds that each drain was given."""
    calls: list[float] = []

    async def drain(seconds: float) -> None:
        calls.append(seconds)

    monkeypatch.setattr(turns, "drain", drain)
    return calls


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_drains_and_reaches_the_server(heard, drained, settings, number):
    draining.begin_on_signal()

    signal.raise_signal(number)
    await asyncio.sleep(0.01)

    assert heard == [number]
    assert drained == [settings.TURN_DRAIN_SECONDS]


async def test_server_in_another_thread_keeps_its_own_ways(heard, drained):
    handler = signal.getsignal(signal.SIGTERM)

    await asyncio.to_thread(draining.begin_on_signal)

    assert signal.getsignal(signal.SIGTERM) is handler


async def test_jobs_are_told_while_the_loop_still_runs(drained, settings):
    told: list[bool] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.shutdown"}

    async def send(message: dict[str, str]) -> None:
        told.append(stopping.is_set() and message == {"type": "lifespan.shutdown.complete"})

    await lifespan.handle(receive, send)

    assert (told, drained) == ([True], [settings.TURN_DRAIN_SECONDS])
