"""A lean client: sends one streaming request and times what comes back."""

import asyncio
import json
import re
import time
from dataclasses import dataclass, field

LONG = "long"
"""A lane that begins so gets messages of 3.8 KB, which fill a window in a few turns."""
_FILLER = "The lamp swings and the road goes on. " * 100
_STAMP = re.compile(rb"t(\d{6,}) ")


@dataclass
class Reply:
    """One reply: seconds to the first content and to the end, and the lag of stamped chunks."""

    first: float = 0.0
    total: float = 0.0
    lags: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Target:
    """Where requests go. `lane` puts each caller into a chat of its own."""

    name: str
    port: int
    path: str
    model: str
    key: str
    pids: tuple[int, ...] = ()

    def request(self, order: str, lane: str) -> bytes:
        """4 KB: instructions, as tools send them along, and a message; or one long message."""
        told, said = (0, 3800) if lane.startswith(LONG) else (3600, 200)
        messages = [{"role": "user", "content": f"{_FILLER[:said]} {order}"}]
        if told:
            messages.insert(0, {"role": "system", "content": _FILLER[:told]})
        body = json.dumps(
            {"model": self.model, "stream": True, "user": lane, "messages": messages}
        ).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Authorization: Bearer {self.key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection:
    """One kept-alive connection."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.target.port, limit=2**20
        )

    async def ask(self, order: str, lane: str, *, until_first: bool = False) -> Reply:
        if self.writer is None or self.writer.is_closing():
            await self.open()
        assert self.reader is not None
        assert self.writer is not None
        reply = Reply()
        started = time.monotonic()
        self.writer.write(self.target.request(order, lane))
        buffer = b""
        while True:
            piece = await self.reader.read(65536)
            now = time.monotonic_ns()
            if not piece:
                raise ConnectionError(f"{self.target.name} hung up: {buffer[-300:]!r}")
            for stamp in _STAMP.findall(piece):
                reply.lags.append((now - int(stamp)) / 1e6)
            buffer = buffer[-200:] + piece
            if not reply.first:
                if b"HTTP/1.1 4" in piece or b"HTTP/1.1 5" in piece:
                    raise ConnectionError(f"{self.target.name}: {piece[:600]!r}")
                if b'"tick' in piece or b'"t' in piece or b'"content": "t' in piece:
                    reply.first = time.monotonic() - started
                    if until_first:
                        return reply
            if b"[DONE]" in buffer and buffer.endswith(b"0\r\n\r\n"):
                reply.total = time.monotonic() - started
                return reply

    def close(self) -> None:
        if self.writer is not None:
            self.writer.transport.abort()
