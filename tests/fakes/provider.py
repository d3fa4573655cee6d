"""A provider that follows a script, and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator

from engine.events import Batch, Event, Finished, TextDelta, UsageReport
from engine.providers.base import UpstreamModel
from engine.types import GenerationRequest

HELLO: list["Event | Exception | float | asyncio.Event"] = [
    TextDelta("Hello"),
    TextDelta(" there."),
    UsageReport(20, 3),
    Finished("stop"),
]


class FakeProvider:
    """Yields the script's events one by one; raises its exceptions; sleeps its numbers.

    `scripts` are used up one per request; the last one stays. An `asyncio.Event` in a script is
    waited for. `closed` counts streams that ended, for whatever reason.
    """

    name = "fake"

    def __init__(self) -> None:
        self.scripts: list[list[Event | Exception | float | asyncio.Event]] = [HELLO]
        self.requests: list[GenerationRequest] = []
        self.closed = 0

    def says(self, *scripts: list[Event | Exception | float | asyncio.Event]) -> None:
        self.scripts = list(scripts)

    async def stream(self, request: GenerationRequest) -> AsyncIterator[Batch]:
        self.requests.append(request)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield [step]
        finally:
            self.closed += 1

    async def list_models(self) -> list[UpstreamModel]:
        return [UpstreamModel("fake")]

    async def aclose(self) -> None:
        """Nothing to close."""


def words(text: str, *, usage: UsageReport | None = None) -> list[Event]:
    """A script that says `text` word by word and finishes."""
    pieces = [TextDelta(piece) for piece in text.replace(" ", " \x00").split("\x00")]
    tail: list[Event] = [usage] if usage else []
    return [*pieces, *tail, Finished("stop")]
