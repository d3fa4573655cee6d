"""An OpenAI-style upstream on a real socket that follows a script, faults included."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from itertools import groupby
from typing import Any

from engine.events import Event, TextDelta

STREAM = "text/event-stream"


def chunk(text: str | None = None, *, finish: str | None = None, **delta: Any) -> bytes:
    """One event with a delta."""
    if text is not None:
        delta["content"] = text
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def usage(prompt: int = 7, completion: int = 2) -> bytes:
    return event(
        {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}
    )


def run_together(events: list[Event]) -> list[Event]:
    """The events with neighbouring pieces of text as one, in however many reads they came."""
    joined: list[Event] = []
    for kind, run in groupby(events, type):
        same = list(run)
        joined += [TextDelta("".join(one.text for one in same))] if kind is TextDelta else same
    return joined


DONE = b"data: [DONE]\n\n"
HELLO = (chunk("Hel"), chunk("lo"), chunk(finish="stop"), usage(), DONE)


class Upstream:
    """Answers every request with `script`: bytes are written, numbers slept, events waited for.

    `cuts` breaks the connection after the script instead of ending the body; `holds` keeps it
    open. `requests` are the bodies it was sent; `dropped` is set when a client hangs up.
    """

    def __init__(self) -> None:
        self.script: tuple[bytes | float | asyncio.Event, ...] = HELLO
        self.status = 200
        self.type = STREAM
        self.headers: dict[str, str] = {}
        self.cuts = False
        self.holds = False
        self.paths: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.request_headers: list[dict[str, str]] = []
        self.connections = 0
        self.dropped = asyncio.Event()
        self.base = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.dropped.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self.paths.append(head[0].split(" ")[1])
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        self.request_headers.append(headers)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests.append(json.loads(body or b"{}"))
        lines = [f"HTTP/1.1 {self.status} X", f"Content-Type: {self.type}"]
        lines += ["Transfer-Encoding: chunked", *(f"{k}: {v}" for k, v in self.headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        gone = asyncio.ensure_future(reader.read(1))
        try:
            return await self._play(writer, gone)
        finally:
            gone.cancel()

    async def _play(self, writer: asyncio.StreamWriter, gone: asyncio.Future[bytes]) -> bool:
        for step in self.script:
            if isinstance(step, bytes):
                writer.write(b"%x\r\n%b\r\n" % (len(step), step))
                await writer.drain()
                continue
            wait = step.wait() if isinstance(step, asyncio.Event) else asyncio.sleep(step)
            pause = asyncio.ensure_future(wait)
            await asyncio.wait({pause, gone}, return_when="FIRST_COMPLETED")
            pause.cancel()
            if gone.done():
                self.dropped.set()
                return False
        if self.holds:
            await gone
            self.dropped.set()
            return False
        if not self.cuts:
            writer.write(b"0\r\n\r\n")
            await writer.drain()
        return False


@contextlib.asynccontextmanager
async def running() -> AsyncIterator[Upstream]:
    """An upstream on a free port of this machine."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        server.close()
