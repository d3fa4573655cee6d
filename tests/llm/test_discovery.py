"""Finding model servers on loopback, against small servers of our own."""

import asyncio
import time
from contextlib import asynccontextmanager

from core import http
from engine.providers.base import UpstreamModel
from llm.discovery import Found, detect

MODELS = b'{"data": [{"id": "tiny", "context_length": 2048}]}'


@asynccontextmanager
async def server(body: bytes = MODELS, *, status: str = "200 OK", silent: bool = False):
    """A server that says one thing, or listens and says nothing. Yields its port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if silent:
            await reader.read()
        else:
            head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        writer.close()

    running = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield running.sockets[0].getsockname()[1]
    finally:
        await http.aclose()
        running.close()


def place(port: int, slug: str = "local") -> tuple[str, str, int, str]:
    return (slug, slug.title(), port, "/version")


async def closed_port() -> int:
    async with server() as port:
        return port


async def test_a_server_that_answers_is_found_with_its_models():
    async with server() as port:
        found = await detect(places=[place(await closed_port(), "gone"), place(port)])

    models = (UpstreamModel("tiny", 2048),)
    assert found == [Found("local", "Local", f"http://127.0.0.1:{port}", models)]


async def test_what_is_no_model_server_is_passed_over():
    async with server(b"<html>", status="404 Not Found") as other, server(b'{"data": []}') as bare:
        assert await detect(places=[place(other), place(bare)]) == []


async def test_our_own_port_is_not_asked():
    async with server() as port:
        assert await detect(skip_port=port, places=[place(port)]) == []


async def test_silent_servers_cost_the_time_of_one():
    async with server(silent=True) as first, server(silent=True) as second:
        began = time.monotonic()
        found = await detect(seconds=0.3, places=[place(first), place(second)] * 2)

    assert found == []
    assert time.monotonic() - began < 0.9
