"""What a program is told that may not go on: before its first byte, and in the middle."""

import asyncio

import orjson
import pytest

from accounts import operators
from accounts.models import ApiKey
from billing.invariants import check
from chats.models import Message, Turn
from engine.events import TextDelta
from tests.chats.test_ending import listening
from tests.fakes.provider import FakeProvider
from tests.openai_compat.test_chat import HI, events_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def suspend(owner, staff, secret, django_capture_on_commit_callbacks):
    """Suspend the person or the key, and what follows the commit."""

    def do(what: str) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            if what == "account":
                operators.suspend_user(user=owner, by=staff, reason="spam")
            else:
                operators.suspend_key(key=ApiKey.objects.get(), by=staff, reason="spam")

    return do


@pytest.mark.parametrize("what", ["account", "key"])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_suspended_caller_is_refused_in_the_envelope(
    wire, luna, provider, suspend, what, stream
):
    suspend(what)

    chat = await wire.post("chat/completions", json={**HI, "stream": stream})
    models = await wire.get("models")

    name = {"account": "account", "key": "API key"}[what]
    told = {
        "error": {
            "message": f"This {name} is suspended. Ask whoever runs this server.",
            "type": "invalid_request_error",
            "param": None,
            "code": f"{what}_suspended",
        }
    }
    assert (chat.status_code, chat.json()) == (403, told)
    assert (models.status_code, models.json()) == (403, told)
    assert (provider.requests, Turn.objects.count()) == ([], 0)


@pytest.mark.parametrize("what", ["account", "key"])
async def test_a_stream_that_runs_ends_with_an_error_event(wire, luna, provider, suspend, what):
    provider.says([TextDelta("So far "), asyncio.Event()])
    asked = asyncio.create_task(wire.post("chat/completions", json={**HI, "stream": True}))
    await _said_something(provider)

    suspend(what)
    answer = await asked

    *chunks, last = events_of(answer.text)
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert (answer.status_code, said) == (200, "So far ")
    assert last["error"]["code"] == f"{what}_suspended"
    assert "[DONE]" not in answer.text
    assert Message.objects.get(pk=Turn.objects.get().reply).content == "So far "
    assert check() == []


async def test_a_caller_who_waits_for_the_whole_is_told_too(wire, luna, provider, suspend):
    provider.says([TextDelta("So far "), asyncio.Event()])
    asked = asyncio.create_task(wire.post("chat/completions", json={**HI, "stream": False}))
    await _said_something(provider)

    suspend("account")
    answer = await asked

    body = orjson.loads(answer.content)
    assert (answer.status_code, body["error"]["code"]) == (403, "account_suspended")


async def _said_something(provider: FakeProvider) -> None:
    """Until the first piece of a running reply is there."""
    from chats.running import drivers

    await listening()
    while not any(driver.turn.has_output for driver in drivers.values()):
        await asyncio.sleep(0.01)
