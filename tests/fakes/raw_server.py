"""A server on a real socket that answers with the very bytes it is given."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from typing import Any

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHi"
CLOSE = object()
RESET = object()


class RawServer:
    """Each request is answered with the next of `answers`, the last of them again and again.

    An answer is a list of steps: bytes are written, numbers slept, events waited for, `CLOSE` and
    `RESET` end the connection. `heads` and `bodies` are what was asked, `gone` counts clients that
    hung up.
    """

    def __init__(self) -> None:
        self.answers: list[list[Any]] = [[OK]]
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.written_bytes = 0
        self.gone = asyncio.Semaphore(0)
        self.port = 0
        self.url = ""

    def answer(self, *steps: Any) -> None:
        self.answers = [list(steps)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                steps = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                playing = asyncio.ensure_future(self._play(steps, writer))
                hung_up = asyncio.ensure_future(_end_of(reader))
                await asyncio.wait({playing, hung_up}, return_when="FIRST_COMPLETED")
                hung_up.cancel()
                if not playing.done():
                    playing.cancel()
                    break
                if not await playing:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
        self.gone.release()

    async def _play(self, steps: list[Any], writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
                self.written_bytes += len(step)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif step is RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
                return False
            elif step is CLOSE:
                return False
            else:
                await asyncio.sleep(step)
        return True


async def _end_of(reader: asyncio.StreamReader) -> None:
    """Wait until the client hangs up, without taking anything that it says."""
    while not (reader.at_eof() or reader.exception()):
        await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def serving(
    host: str = "127.0.0.1", *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[RawServer]:
    """A raw server on a free port of this machine."""
    found = RawServer()
    server = await asyncio.start_server(found.serve, host, 0, ssl=tls)
    found.port = server.sockets[0].getsockname()[1]
    name = f"[{host}]" if ":" in host else host
    found.url = f"{'https' if tls else 'http'}://{name}:{found.port}/v1/x"
    try:
        yield found
    finally:
        server.close()
