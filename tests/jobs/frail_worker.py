"""A worker in a process of its own that stops where it is told, so that it can be killed there.

Its argument is the place: `asked` while the model answers, `writing` inside the transaction of
the results, `second` while the model answers for the second time. It prints `here` then.
"""

import sys
import threading
from collections.abc import AsyncIterator
from typing import NoReturn

import django

django.setup()

from engine.events import Batch, Finished, TextDelta, UsageReport  # noqa: E402
from jobs import running, work  # noqa: E402
from llm import registry  # noqa: E402
from tests.fakes.provider import FakeProvider  # noqa: E402


def stop_here(*_args: object, **_given: object) -> NoReturn:
    sys.stdout.write("here\n")
    sys.stdout.flush()
    while True:
        threading.Event().wait(60)


class Frail(FakeProvider):
    """Answers, until it is to stop."""

    def __init__(self, good: int) -> None:
        super().__init__()
        self.good = good

    async def stream(self, request) -> AsyncIterator[Batch]:
        if not self.good:
            stop_here()
        self.good -= 1
        yield [TextDelta("They lit the lamp."), UsageReport(100, 10), Finished("stop")]


def main(place: str) -> None:
    registry.serve_instead("fake", Frail({"asked": 0, "second": 1}.get(place, 9)))
    if place == "writing":
        work._step = stop_here  # type: ignore[assignment]
    running.run_due()


if __name__ == "__main__":
    main(sys.argv[1])
