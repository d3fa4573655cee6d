"""Connections to an upstream are used again, also when its last bytes come a little late."""

import asyncio

import pytest

from core import http
from engine.events import Finished, TextDelta
from engine.providers.openai_like import OpenAILike
from engine.types import ChatMessage, GenerationRequest

CHUNK = (
    b'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
REQUEST = GenerationRequest(model="m", messages=(ChatMessage("user", "Hi"),))


@pytest.fixture
async def upstream():
    """(address, list with one item for each connection): ends each body 2 ms after [DONE]."""
    connections: list[int] = []

    async def serve(reader, writer) -> None:
        connections.append(1)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                writer.write(
                    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(CHUNK), CHUNK)
                )
                await writer.drain()
                await asyncio.sleep(0.002)
                writer.write(b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    await http.aclose()
    server.close()


async def test_replies_one_after_the_other_share_a_connection(upstream):
    address, connections = upstream
    provider = OpenAILike("mock", address)

    for _ in range(5):
        events = [event async for batch in provider.stream(REQUEST) for event in batch]
        assert events == [TextDelta("Hi"), Finished("stop")]

    assert len(connections) == 1
