"""A head start: the model is asked while the turn's opening is still being committed.

What it answers is kept back until then. If the commit fails the request is broken off, and
nothing came of it.
"""

import asyncio

from chats.running import Driver
from chats.values import Opened
from core.loop import spawn


class HeadStart:
    """One opening's. `ready` is called in the database's thread, all else on the event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._opener = asyncio.current_task()
        self._driver: Driver | None = None
        self._is_over = False

    def ready(self, opened: Opened) -> None:
        """The turn is opened but for the commit."""
        self._loop.call_soon_threadsafe(self._ask, opened)

    def take(self, opened: Opened) -> Driver:
        """The driver of this turn, which is committed now; it may have asked already."""
        driver, self._driver = self._driver, None
        self._is_over = True
        if driver is not None and driver.opened.uid == opened.uid:
            return driver
        if driver is not None:
            spawn(driver.drop())
        return Driver(opened)

    def drop(self) -> None:
        """Nothing was opened."""
        self._is_over = True
        if self._driver is not None:
            spawn(self._driver.drop())
            self._driver = None

    def _ask(self, opened: Opened) -> None:
        if self._driver is not None:
            # An opening that met another one was ready before.
            spawn(self._driver.drop())
            self._driver = None
        has_left = self._opener is not None and self._opener.cancelling()
        if not (self._is_over or has_left):
            self._driver = Driver(opened)
            self._driver.ask()
