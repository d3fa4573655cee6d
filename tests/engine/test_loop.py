"""A reply in rounds: one stream for the caller, whatever was run between."""

import asyncio
from itertools import count

import pytest

from core.errors import Retryable
from engine.events import Finished, ReasoningDelta, TextDelta, ToolCallDelta, UsageReport
from engine.loop import ROUNDS_MOST, Loop
from engine.run import Limits
from engine.tokens import LengthCounter
from engine.types import ChatMessage, GenerationRequest, Sampling
from tests.fakes.provider import FakeProvider

OURS, THEIRS = {"type": "function", "function": {"name": "note"}}, {"type": "function"}
ASK = GenerationRequest(
    model="m",
    messages=(ChatMessage("system", "Be."), ChatMessage("user", "Hi")),
    sampling=Sampling(max_tokens=200, extra={"tools": [OURS], "min_p": 0.1}),
)
TOOLS = Finished("tool_calls")
STOP = Finished("stop")
ids = count()


def call(name="note", arguments="{}", *, index=0, uid="") -> list[ToolCallDelta]:
    head = ToolCallDelta(index, "", uid or f"c{next(ids)}", name)
    return [head, ToolCallDelta(index, arguments)]


class Notes:
    """Takes notes, and says so."""

    def __init__(self):
        self.seen = []

    def owns(self, name):
        return name == "note"

    def run(self, name, arguments):
        self.seen.append(arguments)
        return f"noted {len(self.seen)}"


@pytest.fixture
def fake():
    return FakeProvider()


@pytest.fixture
def notes():
    return Notes()


def loop_of(fake, notes, request=ASK) -> Loop:
    return Loop(
        fake, request, notes, limits=Limits(5, 5), counter=LengthCounter(), prompt_tokens=10
    )


async def told(loop) -> list:
    return [event async for batch in loop.events() for event in batch]


async def test_reply_without_calls_is_one_round(fake, notes):
    fake.says([TextDelta("Hello."), UsageReport(20, 3, 5), STOP])

    loop = loop_of(fake, notes)

    assert await told(loop) == [TextDelta("Hello."), UsageReport(20, 3, 5), STOP]
    assert (fake.requests, loop.rounds) == ([ASK], [UsageReport(20, 3, 5)])


async def test_own_calls_are_run_and_the_model_goes_on(fake, notes):
    fake.says(
        [TextDelta("I see."), *call(arguments='{"a":1}', uid="x"), UsageReport(20, 9, 4), TOOLS],
        [TextDelta("Tea?"), UsageReport(30, 2, 20), STOP],
    )

    loop = loop_of(fake, notes)

    assert await told(loop) == [
        TextDelta("I see."),
        TextDelta(" Tea?"),
        UsageReport(50, 11, 24),
        STOP,
    ]
    assert notes.seen == ['{"a":1}']
    wire = {"id": "x", "type": "function", "function": {"name": "note", "arguments": '{"a":1}'}}
    assert fake.requests[1].messages == (
        *ASK.messages,
        ChatMessage("assistant", "I see.", extra={"tool_calls": [wire]}),
        ChatMessage("tool", "noted 1", extra={"tool_call_id": "x"}),
    )
    assert fake.requests[1].sampling.extra == ASK.sampling.extra
    # What the first round used, and the result (2 tokens and 4 around it), are gone.
    assert fake.requests[1].sampling.max_tokens == 200 - 9 - 6
    assert loop.rounds == [UsageReport(20, 9, 4), UsageReport(30, 2, 20)]


@pytest.mark.parametrize(
    ("first", "second", "whole"),
    [
        ("One.", "Two.", "One. Two."),
        ("One. ", "Two.", "One. Two."),
        ("One.", "\n\nTwo.", "One.\n\nTwo."),
        ("One", ", two.", "One, two."),
        ("", "Two.", "Two."),
        ("\n", "Two.", "\nTwo."),
    ],
)
async def test_text_of_rounds_joins(fake, notes, first, second, whole):
    fake.says([TextDelta(first), *call(), TOOLS], [TextDelta(second), STOP])

    events = await told(loop_of(fake, notes))

    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == whole


async def test_calls_of_the_client_are_passed_on_and_end_the_reply(fake, notes):
    fake.says(
        [
            *call(index=0),
            ToolCallDelta(1, "", "w", "weather"),
            ToolCallDelta(2, "", "t", "time"),
            ToolCallDelta(1, "{"),
            ToolCallDelta(2, "[]"),
            ToolCallDelta(1, "}"),
            UsageReport(20, 9),
            TOOLS,
        ]
    )

    assert await told(loop_of(fake, notes)) == [
        ToolCallDelta(0, "", "w", "weather"),
        ToolCallDelta(1, "", "t", "time"),
        ToolCallDelta(0, "{"),
        ToolCallDelta(1, "[]"),
        ToolCallDelta(0, "}"),
        UsageReport(20, 9),
        TOOLS,
    ]
    assert (notes.seen, len(fake.requests)) == (["{}"], 1)


async def test_rounds_are_bounded(fake, notes):
    fake.says([TextDelta("a "), *call(), UsageReport(9, 1), TOOLS])

    events = await told(loop_of(fake, notes))

    assert (len(fake.requests), len(notes.seen)) == (ROUNDS_MOST, ROUNDS_MOST)
    assert events[-2:] == [UsageReport(9 * ROUNDS_MOST, ROUNDS_MOST), STOP]


async def test_silent_model_is_asked_once_more_without_tools(fake, notes):
    fake.says(*[[*call(), TOOLS]] * ROUNDS_MOST, [TextDelta("Hello."), STOP])

    events = await told(loop_of(fake, notes))

    last = fake.requests[-1]
    assert len(fake.requests) == ROUNDS_MOST + 1
    assert (last.messages, last.sampling.extra) == (ASK.messages, {"min_p": 0.1})
    assert last.sampling.max_tokens == 200
    assert [e for e in events if isinstance(e, TextDelta)] == [TextDelta("Hello.")]


async def test_nothing_at_all_is_asked_for_once_more(fake, notes):
    fake.says([STOP], [TextDelta("Yes?"), STOP])

    assert (await told(loop_of(fake, notes)))[0] == TextDelta("Yes?")
    assert len(fake.requests) == 2


@pytest.mark.parametrize("reason", ["content_filter", "length"])
async def test_refusal_is_not_asked_again(fake, notes, reason):
    fake.says([ReasoningDelta("Hm"), Finished(reason)])

    assert (await told(loop_of(fake, notes)))[-1] == Finished(reason)
    assert len(fake.requests) == 1


async def test_used_up_reply_ends(fake, notes):
    fake.says([TextDelta("Long."), *call(), UsageReport(9, 190), TOOLS])

    assert (await told(loop_of(fake, notes)))[-1] == Finished("length")
    assert (len(fake.requests), notes.seen) == (1, ["{}"])


@pytest.mark.parametrize("arguments", ["no JSON", "[1]", '"x"', "", '{"a":"' + "x" * 5000 + '"}'])
async def test_broken_arguments_are_not_said_again(fake, notes, arguments):
    fake.says([TextDelta("a"), *call(arguments=arguments), TOOLS], [STOP])

    await told(loop_of(fake, notes, GenerationRequest(model="m", messages=ASK.messages)))

    again = fake.requests[1].messages[-2].extra["tool_calls"][0]["function"]["arguments"]
    assert (notes.seen, again) == ([arguments], "{}")


async def test_reply_that_goes_on_stays_one_message(fake, notes):
    request = GenerationRequest(
        model="m", messages=(ChatMessage("user", "Hi"), ChatMessage("assistant", "Once"))
    )
    fake.says([TextDelta(" upon"), *call(), TOOLS], [TextDelta(" a time."), STOP])

    await told(loop_of(fake, notes, request))

    roles = [(m.role, m.content) for m in fake.requests[1].messages]
    assert roles == [("user", "Hi"), ("assistant", "Once upon"), ("tool", "noted 1")]


async def test_thoughts_are_said_again_with_the_call(fake, notes):
    fake.says([ReasoningDelta("Hm."), *call(), TOOLS], [TextDelta("Yes."), STOP])

    events = await told(loop_of(fake, notes))

    assert fake.requests[1].messages[-2].extra["reasoning_content"] == "Hm."
    assert events[0] == ReasoningDelta("Hm.")


async def test_usage_is_estimated_where_it_is_missing(fake, notes):
    fake.says([TextDelta("Hello you."), *call(), TOOLS], [TextDelta("Yes."), UsageReport(30, 2)])

    loop = loop_of(fake, notes)
    events = await told(loop)

    # "Hello you." is 3 tokens by length, `note{}` is 2.
    assert loop.rounds == [UsageReport(10, 5, estimated=True), UsageReport(30, 2)]
    assert events[-2] == UsageReport(40, 7, estimated=True)


async def test_break_in_a_later_round_keeps_what_was_used(fake, notes):
    fake.says(
        [TextDelta("One."), *call(), UsageReport(20, 9), TOOLS],
        [TextDelta("Two"), Retryable("cut")],
    )
    loop = loop_of(fake, notes)
    seen = []

    async def read() -> None:
        async for batch in loop.events():
            seen.extend(batch)

    with pytest.raises(Retryable):
        await read()

    assert seen == [TextDelta("One."), TextDelta(" Two")]
    assert loop.rounds[0] == UsageReport(20, 9)
    assert loop.usage().completion_tokens == 9 + 1


async def test_closing_in_any_round_closes_the_upstream(fake, notes):
    fake.says([TextDelta("One."), *call(), TOOLS], [TextDelta("Two."), asyncio.Event()])
    events = loop_of(fake, notes).events()
    await anext(events)
    await anext(events)

    await events.aclose()

    assert fake.closed == 2


async def test_later_rounds_are_tried_again_before_their_first_token(fake, notes):
    fake.says([TextDelta("One."), *call(), TOOLS], [Retryable("down")], [TextDelta("Two."), STOP])

    events = await told(loop_of(fake, notes))

    assert [e.text for e in events if isinstance(e, TextDelta)] == ["One.", " Two."]
    assert len(fake.requests) == 3
