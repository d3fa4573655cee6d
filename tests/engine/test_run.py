"""Driving a provider: time limits, retries, one finish, clean ends."""

import asyncio

import pytest

from core.errors import Retryable, Terminal, UpstreamTimeout
from engine.events import Finished, TextDelta
from engine.run import Limits, run
from engine.types import ChatMessage, GenerationRequest
from tests.fakes.provider import HELLO, FakeProvider

ASK = GenerationRequest(model="m", messages=(ChatMessage("user", "Hi"),))
HI = TextDelta("Hi")


@pytest.fixture
def fake():
    return FakeProvider()


PATIENT = Limits(5, 5)


async def told(fake, *, limits=PATIENT, waits=None, seen=None) -> list:
    async def sleep(seconds):
        (waits if waits is not None else []).append(seconds)

    seen = [] if seen is None else seen
    async for batch in run(fake, ASK, limits=limits, sleep=sleep):
        seen.extend(batch)
    return seen


async def test_clean_stream_passes_through(fake):
    assert await told(fake) == HELLO
    assert fake.closed == 1


async def test_forgotten_finish_is_added(fake):
    fake.says([HI])

    assert await told(fake) == [HI, Finished("stop")]


async def test_failure_before_the_first_event_is_tried_again(fake):
    fake.says([Retryable("No.")], [Retryable("No.", retry_after=2)], [HI])
    waits = []

    assert await told(fake, waits=waits) == [HI, Finished("stop")]
    assert waits == [0.25, 2]


@pytest.mark.parametrize(
    ("script", "asked"),
    [
        ([Retryable("No.")], 3),
        ([Retryable("No.", retry_after=60)], 1),
        ([Terminal("No.")], 1),
        ([HI, Retryable("No.")], 1),
        ([HI, Terminal("No.")], 1),
    ],
)
async def test_tries_are_bounded(fake, script, asked):
    fake.says(script)

    with pytest.raises(type(script[-1])):
        await told(fake)

    assert (len(fake.requests), fake.closed) == (asked, asked)


@pytest.mark.parametrize(
    ("script", "seen"), [([asyncio.Event()], []), ([HI, asyncio.Event()], [HI])]
)
async def test_silence_is_a_timeout(fake, script, seen):
    fake.says(script)
    got = []

    with pytest.raises(UpstreamTimeout) as raised:
        await told(fake, limits=Limits(0.05, 0.05), seen=got)

    assert (got, raised.value.status, fake.closed) == (seen, 504, 1)


async def test_slow_reader_is_not_silence(fake):
    fake.says([HI, HI])
    seen = []

    async for batch in run(fake, ASK, limits=Limits(0.05, 0.05)):
        await asyncio.sleep(0.08)
        seen.extend(batch)

    assert seen == [HI, HI, Finished("stop")]


async def test_closing_ends_the_provider_before_it_returns(fake):
    fake.says([HI, asyncio.Event()])
    stream = run(fake, ASK, limits=Limits())
    await anext(stream)

    await stream.aclose()

    assert fake.closed == 1
