"""Chat completions on the wire: the shapes, the stream, and what is left behind."""

import orjson
import pytest

from billing.invariants import check
from billing.models import Charge, Hold
from chats.models import Chat, Message, Turn
from core.errors import Retryable
from engine.events import Finished, TextDelta, UsageReport

pytestmark = pytest.mark.django_db

HI = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}


def events_of(text: str) -> list:
    """The data of a stream's events, decoded, with the terminator as it is."""
    found = []
    for block in text.split("\n\n"):
        data = [line[6:] for line in block.split("\n") if line.startswith("data: ")]
        found += [line if line == "[DONE]" else orjson.loads(line) for line in data]
    return found


async def test_completion_has_the_shape_of_the_seed(wire, luna, provider):
    response = await wire.post("chat/completions", json=HI)

    body = response.json()
    turn = Turn.objects.get()
    assert response.status_code == 200
    assert body == {
        "id": f"chatcmpl-{turn.uid}",
        "object": "chat.completion",
        "created": body["created"],
        "model": "test/model",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there.", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 20,
            "completion_tokens": 3,
            "total_tokens": 23,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        "system_fingerprint": None,
    }
    assert response.headers["x-reverie-resolved"] == "model"
    assert response.headers["x-reverie-sync"] == "new"
    assert response.headers["x-reverie-turn"] == turn.uid


async def test_turn_is_saved_and_charged_once(wire, luna, provider):
    await wire.post("chat/completions", json=HI)

    chat = Chat.objects.get()
    shown = [(m.role, m.content) for m in Message.objects.filter(chat=chat, active=True)]
    charge = Charge.objects.get()
    assert shown == [("assistant", "Hi, I am Luna."), ("user", "Hi"), ("assistant", "Hello there.")]
    assert (charge.amount_micro, charge.prompt_tokens, charge.completion_tokens) == (
        23_000_000,
        20,
        3,
    )
    assert (chat.turn, chat.lease_expires_at) == ("", None)
    assert Hold.objects.filter(state="open").count() == 0
    assert check() == []


async def test_stream_has_role_first_finish_last_and_done(wire, luna, provider):
    response = await wire.post("chat/completions", json={**HI, "stream": True})

    *chunks, done = events_of(response.text)
    choices = [chunk["choices"][0] for chunk in chunks]
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert done == "[DONE]"
    assert [(c["delta"], c["finish_reason"]) for c in choices] == [
        ({"role": "assistant", "content": ""}, None),
        ({"content": "Hello"}, None),
        ({"content": " there."}, None),
        ({}, "stop"),
    ]
    assert len({(c["id"], c["created"], c["model"]) for c in chunks}) == 1
    assert ["usage" in chunk for chunk in chunks] == [False, False, False, True]
    assert chunks[-1]["usage"]["total_tokens"] == 23


async def test_stream_ends_with_usage_when_asked(wire, luna, provider):
    body = {**HI, "stream": True, "stream_options": {"include_usage": True}}

    response = await wire.post("chat/completions", json=body)

    *chunks, usage, _done = events_of(response.text)
    assert (usage["choices"], usage["usage"]["total_tokens"]) == ([], 23)
    assert [chunk["usage"] for chunk in chunks] == [None] * len(chunks)


async def test_stream_has_no_usage_when_it_is_not_wanted(wire, luna, provider):
    body = {**HI, "stream": True, "stream_options": {"include_usage": False}}

    response = await wire.post("chat/completions", json=body)

    assert '"usage"' not in response.text


async def test_upstream_failure_before_a_token_costs_nothing(wire, luna, provider):
    provider.says([Retryable("down")])

    response = await wire.post("chat/completions", json={**HI, "stream": True})

    assert response.status_code == 502
    assert response.json() == {
        "error": {
            "message": "down",
            "type": "server_error",
            "param": None,
            "code": "upstream_error",
        }
    }
    assert Charge.objects.count() == 0
    assert Message.objects.filter(role="user").count() == 1
    assert Turn.objects.get().state == "voided"
    assert check() == []


async def test_upstream_failure_mid_stream_is_told_and_kept(wire, luna, provider):
    provider.says([TextDelta("Once"), Retryable("cut")])

    response = await wire.post("chat/completions", json={**HI, "stream": True})

    events = events_of(response.text)
    reply = Message.objects.filter(role="assistant").order_by("-position").first()
    assert events[-1]["error"]["code"] == "upstream_error"
    assert (reply.content, reply.status) == ("Once", "partial")
    assert check() == []


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": "Luna", "messages": []}, 400, "missing_user_message", "messages"),
        ({"model": "Luna"}, 400, "invalid_value", "messages"),
        (
            {"model": "Luna", "messages": [{"role": "system", "content": "x"}]},
            400,
            "missing_user_message",
            "messages",
        ),
        ({**HI, "temperature": 3}, 400, "invalid_value", "temperature"),
        (
            {"model": "Luna", "messages": [{"role": "king", "content": "x"}]},
            400,
            "invalid_value",
            "messages.0.role",
        ),
        ({**HI, "model": "Lunna"}, 404, "character_not_found", "model"),
        ({**HI, "model": "Luna [zzzzzzzz]"}, 404, "character_not_found", "model"),
        ({**HI, "model": "0" * 24}, 404, "character_not_found", "model"),
        ({**HI, "model": "gpt-4o"}, 404, "no_chat_history", "model"),
        ({"messages": HI["messages"]}, 404, "no_chat_history", "model"),
    ],
)
async def test_refusal_names_what_is_wrong_and_changes_nothing(
    wire, luna, provider, body, status, code, param
):
    response = await wire.post("chat/completions", json=body)

    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, code, param)
    assert sorted(error) == ["code", "message", "param", "type"]
    assert Turn.objects.count() == 0


async def test_bad_key_is_401(wire, luna, provider):
    for header in ("", "Bearer rk_nope", "Bearer " + "rk_" + "a" * 42):
        response = await wire.post("chat/completions", json=HI, headers={"Authorization": header})
        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_without_credits_is_429_and_says_not_to_retry(wire, luna, provider, settings):
    settings.STARTING_GRANT_CREDITS = 1

    response = await wire.post("chat/completions", json=HI)

    error = response.json()["error"]
    assert (response.status_code, error["type"], error["code"]) == (
        429,
        "insufficient_quota",
        "insufficient_quota",
    )
    assert response.headers["x-should-retry"] == "false"
    assert Message.objects.filter(role="user").count() == 0
    assert check() == []


async def test_sampling_reaches_the_upstream(wire, luna, provider):
    body = {**HI, "temperature": 0.3, "top_p": 0.9, "max_tokens": 7, "stop": "END"}

    await wire.post("chat/completions", json=body)

    sampling = provider.requests[0].sampling
    assert (sampling.temperature, sampling.top_p, sampling.max_tokens, sampling.stop) == (
        0.3,
        0.9,
        7,
        ("END",),
    )


async def test_history_of_the_server_is_what_the_model_sees(wire, luna, provider):
    await wire.post("chat/completions", json=HI)

    await wire.post(
        "chat/completions",
        json={"model": "Luna", "messages": [{"role": "user", "content": "And?"}]},
    )

    sent = [(m.role, m.content) for m in provider.requests[1].messages[1:]]
    assert sent == [
        ("assistant", "Hi, I am Luna."),
        ("user", "Hi"),
        ("assistant", "Hello there."),
        ("user", "And?"),
    ]


async def test_store_false_leaves_no_trace_but_usage(wire, luna, provider):
    response = await wire.post("chat/completions", json={**HI, "store": False})

    assert response.json()["choices"][0]["message"]["content"] == "Hello there."
    assert "x-reverie-chat" not in response.headers
    assert (Chat.objects.count(), Turn.objects.count()) == (0, 0)
    assert Charge.objects.get().amount_micro == 23_000_000


async def test_catalogue_model_answers_what_was_sent(wire, provider):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

    response = await wire.post(
        "chat/completions", json={"model": "test/model", "messages": messages}
    )

    assert response.status_code == 200
    assert [(m.role, m.content) for m in provider.requests[0].messages] == [
        ("system", "Be brief."),
        ("user", "Hi"),
    ]
    assert Chat.objects.count() == 0


async def test_finish_reason_and_usage_may_come_late_or_never(wire, luna, provider):
    provider.says([TextDelta("Hm"), Finished("length")])

    response = await wire.post("chat/completions", json=HI)

    body = response.json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 1
    assert Turn.objects.get().estimated is True


async def test_usage_sent_twice_is_charged_once(wire, luna, provider):
    provider.says([TextDelta("Hm"), UsageReport(5, 1), UsageReport(5, 1), Finished("stop")])

    await wire.post("chat/completions", json=HI)

    assert Charge.objects.get().amount_micro == 6_000_000
