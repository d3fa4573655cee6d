"""Ending turns from the moment the stop signal comes, whichever server caught it.

Servers wait for open connections before they run the lifespan's end. A stream is such a
connection, so turns must be told earlier: at the signal itself.
"""

import asyncio
import signal
import threading
from types import FrameType
from typing import Final

from django.conf import settings

from chats import turns
from core.loop import spawn

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def begin_on_signal() -> None:
    """Drain when the process is told to stop, then let the server's own handler do its work."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        _chain(number, loop)


def _chain(number: signal.Signals, loop: asyncio.AbstractEventLoop) -> None:
    servers_own = signal.getsignal(number)

    def handle(signum: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(_begin)
        if callable(servers_own):
            servers_own(signum, frame)

    if callable(servers_own):
        signal.signal(number, handle)


def _begin() -> None:
    if not turns.is_draining():
        spawn(turns.drain(settings.TURN_DRAIN_SECONDS))
