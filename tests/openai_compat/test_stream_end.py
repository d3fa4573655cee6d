"""What is handed to the server for a stream: each piece at once, and the end with the last."""

import asyncio

import orjson
import pytest

from chats.turns import Begun
from core.errors import Retryable
from engine.events import Finished, TextDelta, UsageReport
from openai_compat import handler
from openai_compat.encoding import ChunkEncoder

pytestmark = pytest.mark.django_db

BODY = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}], "stream": True}


async def sent_for(secret: str) -> list[dict]:
    """The messages that the server gets for one request."""
    sent: list[dict] = []
    asked = asyncio.Queue()
    asked.put_nowait({"type": "http.request", "body": orjson.dumps(BODY)})

    async def send(message: dict) -> None:
        sent.append(message)

    path = "/api/device/v1/chat/completions"
    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    headers = [(b"authorization", f"Bearer {secret}".encode())]
    await handler.handle({**scope, "headers": headers}, asked.get, send)
    return sent


async def test_the_end_comes_with_the_last_piece(secret, luna, provider):
    provider.says([TextDelta("One"), TextDelta(" two"), UsageReport(3, 2), Finished("stop")])

    head, *pieces, last = await sent_for(secret)

    assert head["type"] == "http.response.start"
    assert all(piece["more_body"] for piece in pieces)
    assert b"".join(piece["body"] for piece in pieces).count(b'"content":"') == 3
    assert last["body"].endswith(b"data: [DONE]\n\n")
    assert last["more_body"] is False


async def test_the_end_comes_with_a_late_error(secret, luna, provider):
    provider.says([TextDelta("One"), Retryable("Gone.")])

    _, *pieces, last = await sent_for(secret)

    assert all(piece["more_body"] for piece in pieces)
    assert last["body"].startswith(b'data: {"error":')
    assert last["more_body"] is False


async def test_a_name_with_percent_signs_stays_as_it_is():
    async def events():
        yield [TextDelta("50%d")]

    ids = dict.fromkeys(("uid", "chat_uid", "reply_uid", "user_message_uid"), "x")
    encoder = ChunkEncoder(Begun(**ids, model="a%d/b%%", created=1), include_usage=None)
    data = b"".join([piece async for piece, _ in encoder.encode(events())])

    lines = [line[6:] for line in data.split(b"\n") if line.startswith(b"data: {")]
    chunks = [orjson.loads(line) for line in lines]
    assert {chunk["model"] for chunk in chunks} == {"a%d/b%%"}
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks] == ["", "50%d", None]
