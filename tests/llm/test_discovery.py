"""Finding model servers on loopback, against small servers of our own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager

from core import http
from engine.providers.base import UpstreamModel
from llm.discovery import Found, detect

MODELS = b'{"data": [{"id": "tiny", "context_length": 2048}]}'


@asynccontextmanager
async def server(
    body: bytes = MODELS,
    *,
    status: str = "200 OK",
    silent: bool = False,
    before: Callable[[], Awaitable[None]] | None = None,
):
    """A server that says one thing, or listens and says nothing. Yields its port.

    `before` is awaited before each answer.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if before is not None:
            await before()
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


async def test_servers_are_asked_all_at_once_and_silent_ones_passed_over():
    """None of these answers before all of them were asked."""
    gate = asyncio.Event()
    asked: list[str] = []

    async def wait_for_the_others() -> None:
        asked.append("")
        if len(asked) == 3:
            gate.set()
        await gate.wait()

    async with server(before=wait_for_the_others) as port, server(silent=True) as silent:
        places = [place(port, slug) for slug in ("a", "b", "c")]
        found = await detect(seconds=2, places=[place(silent, "silent"), *places])

    assert [one.slug for one in found] == ["a", "b", "c"]
