"""The official OpenAI libraries against a whole server, as they are shipped."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import httpx
import openai
import pytest

from tests.journeys.house import ROOT

pytestmark = pytest.mark.journey

NODE_SDK = Path(os.environ.get("REVERIE_NODE_SDK", "/nonexistent"))


EMPTY_PURSE = """
from accounts.models import User
from billing import corrections, ledger
account = ledger.get_account(User.objects.get(handle='poor').pk)
corrections.adjust(
    user_id=account.user_id, amount_micro=-account.balance_micro, key='x', reason='x', actor='x'
)
"""


@pytest.fixture
def client(house):
    with openai.OpenAI(api_key=house.key, base_url=f"{house.url}/api/device/v1") as found:
        yield found


def hello(text="tokens=3"):
    return {"model": "Luna", "messages": [{"role": "user", "content": text}]}


def test_quick_start_of_the_seed(client):
    response = client.chat.completions.create(**hello())

    assert response.choices[0].message.content == "w0 w1 w2 "
    assert response.usage.completion_tokens == 3
    assert response.model == "upstream/mock"


def test_models_are_listed_and_each_can_be_looked_up(client):
    client.chat.completions.create(**hello())

    models = list(client.models.list())

    assert models[0].id.startswith("Luna [")
    assert [client.models.retrieve(model.id).id for model in models] == [m.id for m in models]
    assert [m.created for m in client.models.list()] == [m.created for m in models]


def test_streaming(client):
    stream = client.chat.completions.create(
        **hello("tokens=4"), stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)

    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    assert "".join(text or "" for text in texts) == "w0 w1 w2 w3 "
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage.completion_tokens == 4


WITH_TOOLS = "from llm.models import Model; Model.objects.update(supports_tools=True)"
LOOK = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
KNOWN = "from memory.models import *; print(*Memory.objects.values_list('text', 'author'))"


@pytest.mark.parametrize("streaming", [False, True])
def test_client_tools_and_memory_tools_beside_one_another(house, client, streaming):
    house.rows(WITH_TOOLS)
    time.sleep(1.1)  # until the server has read its models again
    messages = [{"role": "user", "content": f"call=look {streaming}"}]
    chat = {"extra_headers": {"X-Reverie-Chat": "new"}}

    message = _reply(client, messages, streaming, **chat)
    [call] = message.tool_calls
    messages += [
        message.model_dump(exclude_none=True, exclude={"parsed"}),
        {"role": "tool", "tool_call_id": call.id, "content": "A lamp."},
    ]
    answer = _reply(client, messages, streaming)
    noted = _reply(client, [{"role": "user", "content": "call=save_memory"}], streaming)

    assert (call.function.name, call.function.arguments) == ("look", '{"text": "Likes tea."}')
    assert answer.content == "w0 w1 w2 w3 w4 "
    assert (noted.content, noted.tool_calls or []) == ("w0 w1 w2 w3 w4 ", [])
    assert house.rows(KNOWN) == "('Likes tea.', 'model')"


def _reply(client, messages: list, streaming: bool, **more):
    asked = {"model": "Luna", "messages": messages, "tools": [LOOK], **more}
    if not streaming:
        return client.chat.completions.create(**asked).choices[0].message
    with client.chat.completions.stream(**asked) as stream:
        return stream.get_final_completion().choices[0].message


async def test_async_client(house):
    async with openai.AsyncOpenAI(api_key=house.key, base_url=f"{house.url}/v1") as client:
        stream = await client.chat.completions.create(**hello(), stream=True)
        texts = [chunk.choices[0].delta.content async for chunk in stream]

    assert "".join(text or "" for text in texts) == "w0 w1 w2 "


def test_errors_are_the_librarys_own(house, client):
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="rk_wrong").chat.completions.create(**hello())
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(**{**hello(), "model": "0" * 24})
    with pytest.raises(openai.BadRequestError) as empty:
        client.chat.completions.create(model="Luna", messages=[])

    codes = [caught.value.code for caught in (refused, unknown, empty)]
    assert codes == ["invalid_api_key", "character_not_found", "missing_user_message"]


def test_no_credits_is_a_rate_limit_error_with_its_code(house):
    house.command("user", "create", "poor")
    secret = house.command("key", "create", "--user", "poor", "--name", "x").stdout.strip()
    house.rows(EMPTY_PURSE)
    client = openai.OpenAI(api_key=secret, base_url=f"{house.url}/api/device/v1")

    with pytest.raises(openai.RateLimitError) as broke:
        client.chat.completions.create(**hello())

    assert (broke.value.code, broke.value.type) == ("insufficient_quota", "insufficient_quota")


def test_leaving_mid_stream_keeps_the_partial_reply_and_charges_it_only(house, mock, client):
    chat = {"X-Reverie-Chat": "new"}
    with client.chat.completions.with_streaming_response.create(
        **hello("tokens=500 delay=0.05"), stream=True, extra_headers=chat
    ) as response:
        turn = response.headers["x-reverie-turn"]
        for index, _line in enumerate(response.iter_lines()):
            if index > 12:
                break

    state = _ended(house, turn)

    assert state["state"] == "partial"
    assert 0 < state["completion_tokens"] < 100
    assert mock.stats()["open"] == 0
    assert (
        house.rows(
            "from billing.models import *; from billing.invariants import check;"
            "print(Hold.objects.filter(state='open').count(), check())"
        )
        == "0 []"
    )


def _ended(house, turn: str) -> dict:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = httpx.get(
            f"{house.url}/api/chat/turns/{turn}", headers={"Authorization": f"Bearer {house.key}"}
        ).json()
        if state["state"] != "running":
            return state
        time.sleep(0.05)
    raise AssertionError("the turn did not end")


def test_broken_stream_goes_on_from_its_last_event(house):
    whole = house.ask("tokens=6", stream=True, headers={"X-Reverie-Chat": "new"})
    turn = whole.headers["x-reverie-turn"]

    rest = httpx.get(
        f"{house.url}/api/chat/turns/{turn}/events",
        headers={"Authorization": f"Bearer {house.key}", "Last-Event-ID": "0.9"},
    )

    assert rest.text.startswith('id: 0.18\nevent: delta\ndata: {"text":"w3 w4 w5 "}')
    assert "event: done" in rest.text


@pytest.mark.node
@pytest.mark.skipif(
    not (NODE_SDK / "node_modules").is_dir() or not shutil.which("node"),
    reason="REVERIE_NODE_SDK names no folder with the openai package from npm",
)
def test_node_library(house):
    script = ROOT / "tests" / "journeys" / "sdk.mjs"
    place = NODE_SDK / "reverie-sdk-test.mjs"
    place.write_text(script.read_text())

    done = subprocess.run(
        ["node", place],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "KEY": house.key, "BASE": f"{house.url}/api/device/v1"},
    )

    assert done.stdout.splitlines() == [
        "whole w0 w1 w2 ",
        "stream w0 w1 w2 ",
        "models true",
        "AuthenticationError invalid_api_key",
        "NotFoundError character_not_found",
        "BadRequestError missing_user_message",
    ], done.stderr
