"""What happens when a server process starts and stops, whichever server runs it."""

import gc
from typing import Any

from django.conf import settings

from chats import following, turns
from core import http
from core.hop import close_pool
from core.loop import remember
from jobs.work import stopping
from llm import registry
from memory.recall import kin
from reverie import draining


async def handle(receive: Any, send: Any) -> None:
    """The ASGI lifespan protocol: note the loop at the start; end turns and close at the stop."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            remember()
            draining.begin_on_signal()
            following.ensure_listening()
            # Else the first message that calls something to mind waits for these.
            kin.alike()
            kin.members()
            # What was loaded stays: collections need not look through all of it again.
            gc.collect()
            gc.freeze()
            await send({"type": "lifespan.startup.complete"})
        else:
            # Or a job whose request ends with the loop would begin another one on it.
            stopping.set()
            await turns.drain(settings.TURN_DRAIN_SECONDS)
            await registry.close_providers()
            await http.aclose()
            close_pool()
            await send({"type": "lifespan.shutdown.complete"})
            return
