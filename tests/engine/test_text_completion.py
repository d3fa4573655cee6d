"""Replies by text completion, for models that want an instruct template."""

import msgspec
import pytest

from core import http
from core.errors import Retryable, Terminal
from engine.events import Finished, TextDelta, UsageReport
from engine.providers.openai_like import OpenAILike
from engine.types import ChatMessage, GenerationRequest, Sampling
from tests.fakes.upstream import DONE, event, run_together, running, usage

ASK = GenerationRequest(
    model="some/model",
    messages=(ChatMessage("system", "You are Mira."), ChatMessage("user", "Hi", name="Tom")),
    template="chatml",
    reply_name="Mira",
)
GO_ON = msgspec.structs.replace(ASK, messages=(*ASK.messages, ChatMessage("assistant", "*She")))
PROMPT = (
    "<|im_start|>system\nYou are Mira.<|im_end|>\n<|im_start|>user\nTom: Hi<|im_end|>\n"
    "<|im_start|>assistant\nMira:"
)


def piece(text: str | None, finish: str | None = None) -> bytes:
    """One event of a text completion."""
    return event({"choices": [{"index": 0, "text": text, "finish_reason": finish}]})


@pytest.fixture
async def upstream():
    async with running() as fake:
        fake.script = (piece(" Hel"), piece("lo"), piece("", "stop"), usage(), DONE)
        yield fake
        await http.aclose()


async def told(upstream, request=ASK) -> list:
    stream = OpenAILike("fake", upstream.base).stream(request)
    return [event async for batch in stream for event in batch]


async def test_text_comes_as_the_same_events(upstream):
    assert run_together(await told(upstream)) == [
        TextDelta("Hello"),
        UsageReport(7, 2),
        Finished("stop"),
    ]
    assert upstream.paths == ["/v1/completions"]


async def test_request_holds_the_prompt_and_its_stops(upstream):
    sampling = Sampling(
        temperature=0.5,
        max_tokens=9,
        stop=("END", "<|im_end|>"),
        extra={"min_p": 0.1, "tools": [{}], "tool_choice": "auto", "response_format": {}},
    )

    await told(upstream, msgspec.structs.replace(ASK, sampling=sampling))

    assert upstream.requests == [
        {
            "model": "some/model",
            "prompt": PROMPT,
            "stream": True,
            "stream_options": {"include_usage": True},
            "min_p": 0.1,
            "temperature": 0.5,
            "max_tokens": 9,
            "stop": ["<|im_end|>", "<|im_start|>", "\nTom:", "END"],
        }
    ]


async def test_a_reply_that_goes_on_keeps_its_space(upstream):
    events = await told(upstream, GO_ON)

    assert run_together(events)[0] == TextDelta(" Hello")
    assert upstream.requests[0]["prompt"] == f"{PROMPT} *She"


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param((piece(" "), piece("\n Hi "), piece(" x", "length")),
                     [TextDelta("Hi  x"), Finished("length")], id="space first"),
        pytest.param((piece(None), piece("H\x00i"), piece(None, "stop")),
                     [TextDelta("Hi"), Finished("stop")], id="no text, NUL"),
        pytest.param((piece("", "stop"), DONE), [Finished("stop")], id="nothing said"),
    ],
)  # fmt: skip
async def test_what_servers_send(upstream, script, expected):
    upstream.script = script

    assert run_together(await told(upstream)) == expected


async def test_one_whole_object_is_understood(upstream):
    upstream.type = "application/json"
    upstream.script = (
        b'{"choices": [{"text": " Hi", "finish_reason": "stop"}],'
        b' "usage": {"prompt_tokens": 3, "completion_tokens": 1}}',
    )

    assert await told(upstream) == [TextDelta("Hi"), UsageReport(3, 1), Finished("stop")]


async def test_a_broken_reply_is_not_a_finished_one(upstream):
    upstream.script = (piece("Hi"),)

    with pytest.raises(Retryable):
        await told(upstream)


async def test_an_unknown_template_asks_nobody(upstream):
    with pytest.raises(Terminal) as refused:
        await told(upstream, msgspec.structs.replace(ASK, template="vicuna"))

    assert refused.value.message.startswith("There is no instruct template 'vicuna'.")
    assert upstream.requests == []
