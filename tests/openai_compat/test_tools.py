"""Tools of clients: calls are handed over, results come back, the conversation goes on."""

import httpx
import openai
import orjson
import pytest

from billing.invariants import check
from chats import services, transcripts
from chats.models import Chat, Message, Turn
from core.errors import Retryable
from engine.events import Finished, TextDelta, ToolCallDelta, UsageReport
from engine.tools import ToolCall
from memory.models import Memory
from openai_compat import handler
from tests.conftest import settled
from tests.fakes.provider import words
from tests.openai_compat.test_chat import events_of

pytestmark = pytest.mark.django_db

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}
HI = {"role": "user", "content": "How is the weather?"}
ASK = {"model": "Luna", "messages": [HI], "tools": [WEATHER]}
CALL = {"id": "w1", "type": "function", "function": {"name": "weather", "arguments": '{"at": 1}'}}
RAIN = {"role": "tool", "tool_call_id": "w1", "content": "Rain."}
OURS = ["save_memory", "update_memory", "delete_memory"]
TOOLS = Finished("tool_calls")


def calls(text: str = "", *, uid: str = "w1") -> list:
    """A round that calls the client's tool."""
    said = [TextDelta(text)] if text else []
    head = ToolCallDelta(0, "", uid, "weather")
    return [*said, head, ToolCallDelta(0, '{"at": 1}'), UsageReport(20, 5), TOOLS]


def called(text: str | None = None, call: dict = CALL) -> dict:
    return {"role": "assistant", "content": text, "tool_calls": [call]}


@pytest.fixture
def skilled(model):
    model.supports_tools = True
    model.save()


def shown() -> list[tuple[str, str]]:
    chat = Chat.objects.latest("uid")
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    return [(m.role, m.content) for m in rows]


async def post(wire, *messages, **more):
    response = await wire.post("chat/completions", json={**ASK, "messages": list(messages), **more})
    await settled()
    return response


async def test_call_is_returned_whole_and_stored(wire, luna, provider):
    provider.says(calls())

    response = await post(wire, HI)

    choice = response.json()["choices"][0]
    assert choice == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [CALL],
        },
        "finish_reason": "tool_calls",
        "logprobs": None,
    }
    reply = Message.objects.get(uid=response.headers["x-reverie-message"])
    assert (reply.content, reply.status, reply.finish_reason) == ("", "complete", "tool_calls")
    assert reply.tool_calls == [
        {"id": "w1", "name": "weather", "arguments": '{"at": 1}', "result": None}
    ]
    assert check() == []


async def test_call_is_streamed_in_the_shape_of_openai(wire, luna, provider):
    provider.says(calls("Let me look."))

    response = await post(wire, HI, stream=True)

    *chunks, done = events_of(response.text)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    function = {"name": "weather", "arguments": ""}
    assert deltas == [
        {"role": "assistant", "content": ""},
        {"content": "Let me look."},
        {"tool_calls": [{"index": 0, "id": "w1", "type": "function", "function": function}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"at": 1}'}}]},
        {},
    ]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "tool_calls"]
    assert done == "[DONE]"


async def test_results_continue_the_turn(wire, luna, provider):
    provider.says(calls("Let me look."), words("It rains."))
    first = await post(wire, HI)

    second = await post(wire, HI, called("Let me look."), RAIN)

    assert second.json()["choices"][0]["message"]["content"] == "It rains."
    assert second.headers["x-reverie-sync"] == "appended"
    assert second.headers["x-reverie-chat"] == first.headers["x-reverie-chat"]
    assert shown() == [
        ("assistant", "Hi, I am Luna."),
        ("user", "How is the weather?"),
        ("assistant", "Let me look."),
        ("assistant", "It rains."),
    ]
    reply = Message.objects.get(uid=first.headers["x-reverie-message"])
    assert reply.tool_calls[0]["result"] == "Rain."
    asked, again = provider.requests
    assert again.messages[: len(asked.messages)] == asked.messages
    call, result = again.messages[len(asked.messages) :]
    assert (call.role, call.content, call.extra) == (
        "assistant",
        "Let me look.",
        {"tool_calls": [CALL]},
    )
    assert (result.role, result.content, result.extra) == ("tool", "Rain.", {"tool_call_id": "w1"})


async def test_several_calls_in_a_row_are_one_turn_for_the_model(wire, luna, provider):
    provider.says(calls(), calls(uid="w2"), words("Rain and more."))
    second = {**CALL, "id": "w2"}
    await post(wire, HI)
    await post(wire, HI, called(), RAIN)

    await post(wire, HI, called(), RAIN, called(None, second), {**RAIN, "tool_call_id": "w2"})

    assert [role for role, _ in shown()] == ["assistant", "user", *["assistant"] * 3]
    assert [m.role for m in provider.requests[2].messages[-5:]] == [
        "user", "assistant", "tool", "assistant", "tool",
    ]  # fmt: skip


async def test_what_follows_knows_the_words_and_not_the_calls(wire, luna, provider):
    provider.says(calls(), words("It rains."), words("Yes."))
    await post(wire, HI)
    await post(wire, HI, called(), RAIN)
    rains = {"role": "assistant", "content": "It rains."}

    response = await post(wire, HI, called(), RAIN, rains, {"role": "user", "content": "Sure?"})

    assert response.headers["x-reverie-sync"] == "appended"
    said = [(m.role, m.content) for m in provider.requests[2].messages[1:]]
    assert said == [
        ("assistant", "Hi, I am Luna."),
        ("user", "How is the weather?"),
        ("assistant", "It rains."),
        ("user", "Sure?"),
    ]
    assert len(shown()) == 6


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param([called(""), RAIN], id="whole"),
        pytest.param([called(None)], id="without results"),
        pytest.param(
            [
                called(None, {**CALL, "function": {"name": "weather", "arguments": '{"at":1}'}}),
                RAIN,
            ],
            id="JSON written anew",
        ),
        pytest.param([], id="without calls"),
    ],
)
async def test_later_requests_align_whatever_clients_keep(wire, luna, provider, kept):
    provider.says(calls(), words("It rains."), words("Yes."))
    await post(wire, HI)
    await post(wire, HI, called(), RAIN)
    rains = {"role": "assistant", "content": "It rains."}

    response = await post(wire, HI, *kept, rains, {"role": "user", "content": "Sure?"})

    assert response.headers["x-reverie-sync"] == "appended"
    assert [text for _, text in shown()] == [
        "Hi, I am Luna.", "How is the weather?", "", "It rains.", "Sure?", "Yes.",
    ]  # fmt: skip


async def test_results_sent_again_make_another_version(wire, luna, provider):
    provider.says(calls(), words("It rains."), words("It pours."))
    await post(wire, HI)
    first = await post(wire, HI, called(), RAIN)

    second = await post(wire, HI, called(), RAIN)

    assert second.headers["x-reverie-sync"] == "regenerated"
    assert shown()[-1] == ("assistant", "It pours.")
    old = Message.objects.get(uid=first.headers["x-reverie-message"])
    assert (old.active, old.trashed_at) == (False, None)


async def test_other_results_are_a_branch_and_lose_nothing(wire, luna, provider):
    provider.says(calls(), words("It rains."), words("It is dry."))
    await post(wire, HI)
    await post(wire, HI, called(), RAIN)

    response = await post(wire, HI, called(), {**RAIN, "content": "Sun."})

    assert response.headers["x-reverie-sync"] == "branched"
    assert shown()[-1] == ("assistant", "It is dry.")
    results = {
        (m.tool_calls[0]["result"], m.active) for m in Message.objects.exclude(tool_calls=None)
    }
    assert results == {("Rain.", False), ("Sun.", True)}
    assert Message.objects.filter(trashed_at=None, content="It rains.").count() == 1


async def test_failed_answer_is_asked_for_again_without_adding(wire, luna, provider):
    provider.says(calls(), [Retryable("down", retry_after=60)], words("It rains."))
    await post(wire, HI)
    failed = await post(wire, HI, called(), RAIN)

    response = await post(wire, HI, called(), RAIN)

    assert (failed.status_code, response.status_code) == (502, 200)
    assert [role for role, _ in shown()] == ["assistant", "user", "assistant", "assistant"]
    assert provider.requests[-1].messages[-1].content == "Rain."


async def test_library_that_tries_again_gets_the_same_calls(wire, luna, provider):
    provider.says(calls())
    first = await post(wire, HI)

    again = await wire.post("chat/completions", json=ASK, headers={"x-stainless-retry-count": "1"})

    assert again.json()["choices"] == first.json()["choices"]
    assert len(provider.requests) == 1


async def test_calls_we_never_made_are_taken_over(wire, luna, provider):
    await post(wire, {"role": "user", "content": "Hello"})

    response = await post(wire, HI, called("Hm."), RAIN)

    assert response.headers["x-reverie-sync"] == "new"
    assert shown() == [("user", HI["content"]), ("assistant", "Hm."), ("assistant", "Hello there.")]
    assert provider.requests[-1].messages[-1].content == "Rain."


async def test_unanswered_call_does_not_reach_the_model(wire, luna, provider, owner):
    provider.says(calls("Let me look."), calls(), words("Never mind."))
    await post(wire, HI)

    await post(wire, {"role": "user", "content": "Forget it."})
    await post(wire, {"role": "user", "content": "Really."})

    said = [(m.role, m.content) for m in provider.requests[2].messages[2:]]
    assert said == [
        ("user", "How is the weather?"),
        ("assistant", "Let me look."),
        ("user", "Forget it."),
        ("user", "Really."),
    ]
    assert all(m.extra is None for m in provider.requests[2].messages)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        pytest.param([HI, {**called(), "tool_calls": [CALL, {**CALL, "id": "w2"}]}, RAIN],
                     "missing_tool_result", id="one result of two"),
        pytest.param([HI, {**called(), "tool_calls": "weather"}, RAIN],
                     "invalid_tool_calls", id="no list"),
        pytest.param([HI, {**called(), "tool_calls": [{"id": "w1"}]}, RAIN],
                     "invalid_tool_calls", id="no function"),
        pytest.param([HI, {**called(), "tool_calls": [CALL] * 129}, RAIN],
                     "invalid_tool_calls", id="too many"),
        pytest.param([HI, called(), {**RAIN, "content": "x" * 200_001}],
                     "message_too_long", id="long result"),
    ],
)  # fmt: skip
async def test_refusals_change_nothing(wire, luna, provider, messages, code):
    response = await post(wire, *messages)

    assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    assert (Message.objects.count(), Turn.objects.count()) == (0, 0)


async def test_without_a_trace_results_are_given_too(wire, luna, provider):
    provider.says(words("It rains."))

    response = await post(wire, HI, called(), RAIN, store=False)

    assert response.json()["choices"][0]["message"]["content"] == "It rains."
    assert [m.role for m in provider.requests[0].messages[-3:]] == ["user", "assistant", "tool"]
    assert Message.objects.count() == 0


def tools_of(request) -> list[str]:
    return [tool["function"]["name"] for tool in request.sampling.extra["tools"]]


def save(index: int = 0, name: str = "save_memory") -> list:
    arguments = orjson.dumps({"text": "Asks about rain."}).decode()
    return [ToolCallDelta(index, "", "m1", name), ToolCallDelta(index, arguments)]


async def test_memory_and_client_tools_in_one_round(wire, luna, provider, skilled):
    theirs = [ToolCallDelta(1, "", "w1", "weather"), ToolCallDelta(1, '{"at": 1}')]
    provider.says([TextDelta("Hm."), *save(), *theirs, TOOLS], words("It rains."))

    response = await post(wire, HI)

    message = response.json()["choices"][0]["message"]
    assert (message["content"], message["tool_calls"]) == ("Hm.", [CALL])
    assert tools_of(provider.requests[0]) == ["weather", *OURS]
    assert Memory.objects.get().text == "Asks about rain."
    assert "memory" not in response.text


async def test_memory_round_before_the_call_is_not_seen(wire, luna, provider, skilled):
    provider.says([TextDelta("Hm."), *save(), TOOLS], calls("Let me look."), words("It rains."))

    response = await post(wire, HI, stream=True)
    second = await post(wire, HI, called("Hm. Let me look."), RAIN)

    assert "memory" not in response.text
    deltas = [chunk["choices"][0]["delta"] for chunk in events_of(response.text)[:-1]]
    heads = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert (heads[0]["index"], heads[0]["id"]) == (0, "w1")
    assert second.json()["choices"][0]["message"]["content"] == "It rains."
    assert [m.role for m in provider.requests[2].messages[-3:]] == ["user", "assistant", "tool"]


async def test_names_of_the_client_win(wire, luna, provider, skilled):
    own = {"type": "function", "function": {"name": "save_memory"}}
    provider.says([*save(), TOOLS])

    response = await post(wire, HI, tools=[own])

    assert tools_of(provider.requests[0]) == [
        "save_memory", "reverie_save_memory", "update_memory", "delete_memory",
    ]  # fmt: skip
    assert response.json()["choices"][0]["message"]["tool_calls"][0]["id"] == "m1"
    assert Memory.objects.count() == 0


@pytest.mark.parametrize(
    "more",
    [
        {"tool_choice": "none"},
        {"tool_choice": "required"},
        {"tool_choice": {"type": "function", "function": {"name": "weather"}}},
        {"response_format": {"type": "json_object"}},
    ],
)
async def test_choices_of_the_client_are_kept_as_they_are(wire, luna, provider, skilled, more):
    await post(wire, HI, **more)

    extra = provider.requests[0].sampling.extra
    assert extra == {"tools": [WEATHER], **more}


async def test_auto_leaves_room_for_memory(wire, luna, provider, skilled):
    await post(wire, HI, tool_choice="auto")

    assert tools_of(provider.requests[0]) == ["weather", *OURS]


async def test_catalogue_models_are_given_what_was_sent(wire, provider, skilled):
    provider.says(calls())

    response = await post(wire, HI, called(), RAIN, model="test/model")

    assert response.json()["choices"][0]["message"]["tool_calls"] == [CALL]
    assert tools_of(provider.requests[0]) == ["weather"]
    assert [m.role for m in provider.requests[0].messages] == ["user", "assistant", "tool"]


async def test_reply_of_a_page_goes_on_below_the_calls(wire, luna, provider, owner):
    """A version that is asked for on a page is of the answer, and knows the results."""
    from chats import turns
    from chats.turns import TurnRequest

    provider.says(calls(), words("It rains."), words("It pours."))
    await post(wire, HI)
    await post(wire, HI, called(), RAIN)
    chat = Chat.objects.get()

    await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, kind="regenerate"))
    await settled()

    assert shown()[-1] == ("assistant", "It pours.")
    assert provider.requests[2].messages[-1].content == "Rain."
    copy = services.fork_chat(user=owner, message_uid=Message.objects.get(content="It pours.").uid)
    kept = copy.messages.exclude(tool_calls=None).get()
    assert ToolCall(**kept.tool_calls[0]) == ToolCall("w1", "weather", '{"at": 1}', "Rain.")


async def test_calls_go_into_files(wire, luna, provider, owner):
    provider.says(calls())
    await post(wire, HI)
    chat = Chat.objects.get()

    *_, last = [m for batch in transcripts.messages_shown(chat) for m in batch]

    assert (last.content, last.extra["tool_calls"][0]["name"]) == ("", "weather")


@pytest.fixture
async def sdk(secret):
    transport = httpx.ASGITransport(app=handler.handle)
    async with openai.AsyncOpenAI(
        api_key=secret,
        base_url="http://testserver/v1",
        http_client=httpx.AsyncClient(transport=transport),
    ) as client:
        yield client
    await settled()


@pytest.mark.parametrize("streaming", [False, True])
async def test_official_library_runs_a_whole_tool_loop(sdk, luna, provider, skilled, streaming):
    provider.says([*save(), TOOLS], calls("Let me look."), words("It rains."))
    messages = [dict(HI)]

    for _ in range(2):
        if streaming:
            async with sdk.chat.completions.stream(
                model="Luna", messages=messages, tools=[WEATHER]
            ) as stream:
                completion = await stream.get_final_completion()
        else:
            completion = await sdk.chat.completions.create(
                model="Luna", messages=messages, tools=[WEATHER]
            )
        await settled()
        message = completion.choices[0].message
        messages.append(message.model_dump(exclude_none=True, exclude={"parsed"}))
        messages += [
            {"role": "tool", "tool_call_id": call.id, "content": "Rain."}
            for call in message.tool_calls or ()
        ]

    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.content == "It rains."
    assert [text for _, text in shown()][-2:] == ["Let me look.", "It rains."]
    assert Memory.objects.get().text == "Asks about rain."
