"""The OpenAI dialect against a real socket, with everything that upstreams get wrong."""

import asyncio
import json

import pytest

from core import http
from core.errors import Retryable, Terminal
from engine.events import Finished, ReasoningDelta, TextDelta, ToolCallDelta, UsageReport
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike, api_base
from engine.run import Limits, run
from engine.types import ChatMessage, GenerationRequest, Sampling
from tests.fakes.upstream import DONE, chunk, event, run_together, running, usage

ASK = GenerationRequest(model="some/model", messages=(ChatMessage("user", "Hi"),))


@pytest.fixture
async def upstream():
    async with running() as fake:
        yield fake
        await http.aclose()


async def told(upstream, seen=None) -> list:
    """All events of one reply. `seen` also holds those before a failure."""
    seen = [] if seen is None else seen
    async for batch in OpenAILike("fake", upstream.base).stream(ASK):
        seen.extend(batch)
    return seen


@pytest.mark.parametrize(
    "given",
    [
        "http://host:1",
        "http://host:1/",
        "http://host:1/v1",
        " http://host:1/v1/ ",
        "http://host:1/v1/chat/completions",
        "http://host:1/chat/completions",
    ],
)
def test_base_address_is_understood_in_every_form(given):
    assert api_base(given) == "http://host:1/v1"


def test_base_address_keeps_its_own_version():
    assert api_base("https://host/api/v3/") == "https://host/api/v3"


async def test_plain_reply(upstream):
    assert run_together(await told(upstream)) == [
        TextDelta("Hello"),
        UsageReport(7, 2),
        Finished("stop"),
    ]
    assert upstream.paths == ["/v1/chat/completions"]


async def test_pieces_that_come_at_once_go_on_as_one(upstream):
    thought = chunk(reasoning_content="hm")
    said = (chunk("One "), chunk("two"), thought, thought, chunk("."), chunk(finish="stop"), DONE)
    upstream.script = (b"".join(said),)

    assert await told(upstream) == [
        TextDelta("One two"),
        ReasoningDelta("hm"),
        ReasoningDelta("hm"),
        TextDelta("."),
        Finished("stop"),
    ]


async def test_pieces_that_come_one_by_one_go_on_so(upstream):
    upstream.script = (chunk("One "), 0.05, chunk("two"), chunk(finish="stop"), DONE)

    assert await told(upstream) == [TextDelta("One "), TextDelta("two"), Finished("stop")]


async def test_request_holds_only_what_was_asked_for(upstream):
    request = GenerationRequest(
        model="m",
        messages=(
            ChatMessage("user", "Hi", name="Ann"),
            ChatMessage("tool", "4", extra={"tool_call_id": "c"}),
        ),
        sampling=Sampling(temperature=0.5, stop=("x",), extra={"min_p": 0.1}),
    )

    async for _ in OpenAILike("fake", upstream.base, api_key="k-1").stream(request):
        pass

    assert upstream.requests == [
        {
            "model": "m",
            "messages": [
                {"role": "user", "content": "Hi", "name": "Ann"},
                {"role": "tool", "content": "4", "tool_call_id": "c"},
            ],
            "stream": True,
            "stream_options": {"include_usage": True},
            "min_p": 0.1,
            "temperature": 0.5,
            "stop": ["x"],
        }
    ]
    assert upstream.request_headers[0]["authorization"] == "bearer k-1"
    assert upstream.request_headers[0]["accept-encoding"] == "identity"


def _calls(*calls: dict) -> bytes:
    return chunk(tool_calls=list(calls))


HI, END = chunk("Hi"), chunk(finish="stop")
OK = [TextDelta("Hi"), Finished("stop")]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param((HI, END, DONE), OK, id="no usage"),
        pytest.param((HI, END), OK, id="no DONE"),
        pytest.param((HI, DONE), OK, id="no finish"),
        pytest.param((HI, END, END, DONE), OK, id="finish twice"),
        pytest.param((HI, DONE, chunk("late")), OK, id="text after DONE"),
        pytest.param((HI, event({"choices": []}), END, DONE), OK, id="no choices"),
        pytest.param((HI, event({"choices": None}), END, DONE), OK, id="null choices"),
        pytest.param((HI, event({"strange": 1}), END, DONE), OK, id="unknown event"),
        pytest.param((b": wait\n\n", HI, END, DONE), OK, id="comment"),
        pytest.param((chunk(role="assistant", content=None), HI, END, DONE), OK, id="role"),
        pytest.param((HI, chunk(finish=""), END, DONE), OK, id="empty finish"),
        pytest.param((HI, chunk(finish="odd"), DONE), OK, id="unknown finish"),
        pytest.param((chunk("H\x00i"), END, DONE), OK, id="NUL"),
        pytest.param((chunk(content=[{"type": "text", "text": "Hi"}]), END), OK, id="parts"),
        pytest.param((HI, chunk(finish="max_tokens")), [HI, "length"], id="length"),
        pytest.param(
            (HI, usage(1, 1), END, usage(5, 9), DONE),
            [TextDelta("Hi"), UsageReport(5, 9), Finished("stop")],
            id="usage twice: the last counts",
        ),
        pytest.param(
            (event({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 5.0, "completion_tokens": 9,
                              "prompt_tokens_details": {"cached_tokens": 3}}}), DONE),
            [TextDelta("Hi"), UsageReport(5, 9, 3), Finished("stop")],
            id="usage with choices",
        ),
        pytest.param(
            (chunk(reasoning_content="a"), chunk(reasoning="b"), HI, END, DONE),
            [ReasoningDelta("a"), ReasoningDelta("b"), *OK],
            id="reasoning under both names",
        ),
        pytest.param(
            (_calls({"index": 0, "id": "c1", "function": {"name": "f", "arguments": None}}),
             _calls({"index": 0, "function": {"name": None, "arguments": "{"}}),
             _calls({"function": {"arguments": "}"}}), END, DONE),
            [ToolCallDelta(0, "", "c1", "f"), ToolCallDelta(0, "{"), ToolCallDelta(0, "}"),
             Finished("tool_calls")],
            id="tool call, ended with stop",
        ),
    ],
)  # fmt: skip
async def test_liberties_of_upstreams_are_understood(upstream, script, expected):
    upstream.script = script
    if expected[-1] == "length":
        expected = [TextDelta("Hi"), Finished("length")]

    assert await told(upstream) == expected


async def test_characters_cut_between_reads_stay_whole(upstream):
    wire = 'data: {"choices":[{"delta":{"content":"Señora 🌙"}}]}\r\n\r\n'.encode()
    upstream.script = (*(wire[i : i + 1] for i in range(len(wire))), END, DONE)

    assert await told(upstream) == [TextDelta("Señora 🌙"), Finished("stop")]


async def test_whole_answer_to_a_stream_request(upstream):
    upstream.type = "application/json"
    body = {
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2},
    }
    upstream.script = (json.dumps(body).encode(),)

    assert await told(upstream) == [TextDelta("Hi"), UsageReport(1, 2), Finished("stop")]


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        pytest.param((HI,), Retryable, id="ends without a finish"),
        pytest.param((HI, b'data: {"choices": [{"del\n\n'), Retryable, id="half a JSON"),
        pytest.param((HI, b'data: {"choices": [{"del'), Retryable, id="cut inside an event"),
        pytest.param((HI, b"data: \xff\xfe\n\n"), Retryable, id="not UTF-8"),
        pytest.param((HI, event({"error": {"message": "No.", "code": 500}})), Retryable, id="500"),
        pytest.param((HI, event({"error": {"message": "No.", "code": "400"}})), Terminal, id="400"),
        pytest.param((HI, event({"error": "No."})), Retryable, id="error text"),
        pytest.param((HI, chunk(finish="error")), Retryable, id="finish error"),
        pytest.param((HI, b"data: " + b"x" * 5_000_000), Terminal, id="5 MB line"),
        pytest.param(
            (HI + event({"error": {"message": "No.", "type": "invalid_request_error"}}),),
            Terminal,
            id="error in the same read",
        ),
    ],
)
async def test_broken_stream_raises_once_and_keeps_what_came(upstream, script, kind):
    upstream.script = script
    seen = []

    with pytest.raises(kind):
        await told(upstream, seen)

    assert seen == [TextDelta("Hi")]


async def test_broken_connection_keeps_what_came(upstream):
    upstream.script, upstream.cuts = (HI,), True
    seen = []

    with pytest.raises(Retryable):
        await told(upstream, seen)

    assert seen == [TextDelta("Hi")]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Terminal), (401, Terminal), (402, Terminal), (403, Terminal), (404, Terminal),
     (302, Terminal), (408, Retryable), (429, Retryable), (500, Retryable), (503, Retryable)],
)  # fmt: skip
async def test_refusal_by_status(upstream, status, kind):
    upstream.status, upstream.type = status, "text/html"
    upstream.headers = {"Retry-After": "3", "Location": "http://127.0.0.1:9/"}
    upstream.script = (b"<html><h1>Oh no</h1></html>",)

    with pytest.raises(kind) as raised:
        await told(upstream)

    assert raised.value.message == f"The model's server answered {status}."
    assert raised.value.status == 502
    assert raised.value.retry_after == (3 if kind is Retryable else None)
    assert len(upstream.paths) == 1


async def test_a_pause_that_is_no_number_of_seconds_is_none(upstream):
    upstream.status, upstream.headers = 429, {"Retry-After": "9" * 4400}

    with pytest.raises(Retryable) as raised:
        await told(upstream)

    assert raised.value.retry_after is None


async def test_words_of_a_refused_key_are_not_passed_on(upstream):
    upstream.status, upstream.type = 401, "application/json"
    upstream.script = (b'{"error": {"message": "Incorrect API key provided: k-secret"}}',)

    with pytest.raises(Terminal) as raised:
        await told(upstream)

    assert raised.value.message == "The model's server answered 401."


async def test_error_body_under_200(upstream):
    upstream.type = "application/json"
    upstream.script = (b'{"error": {"message": "Too long.", "code": 400}}',)

    with pytest.raises(Terminal) as raised:
        await told(upstream)

    assert raised.value.message == "Too long."


async def test_page_instead_of_a_stream(upstream):
    upstream.type = "text/html"
    upstream.script = (b"<html>Sign in</html>",)

    with pytest.raises(Retryable):
        await told(upstream)


async def test_nobody_listens():
    provider = OpenAILike("gone", "http://127.0.0.1:9")

    with pytest.raises(Retryable) as raised:
        [batch async for batch in provider.stream(ASK)]

    assert raised.value.message == "The connection to gone failed."
    await http.aclose()


async def test_stream_ends_at_done_though_the_socket_stays_open(upstream):
    upstream.holds = True

    async with asyncio.timeout(2):
        events = await told(upstream)

    assert events[-1] == Finished("stop")


async def test_no_event_waits_for_the_next_one(upstream):
    steps = [asyncio.Event() for _ in "abc"]
    upstream.script = (chunk("a"), steps[0], chunk("b"), steps[1], chunk("c"), steps[2], END, DONE)
    seen = []

    async with asyncio.timeout(3):
        async for batch in OpenAILike("fake", upstream.base).stream(ASK):
            seen.append(batch)
            if len(seen) <= len(steps):
                # The upstream says no more before this: an event held back would never come.
                steps[len(seen) - 1].set()

    assert seen == [[TextDelta("a")], [TextDelta("b")], [TextDelta("c")], [Finished("stop")]]


@pytest.mark.parametrize("through_run", [False, True])
async def test_closing_the_stream_drops_the_upstream_at_once(upstream, through_run):
    upstream.script, upstream.holds = (HI,), True
    provider = OpenAILike("fake", upstream.base)
    stream = run(provider, ASK, limits=Limits()) if through_run else provider.stream(ASK)
    assert await anext(stream) == [TextDelta("Hi")]

    await stream.aclose()

    async with asyncio.timeout(0.5):
        await upstream.dropped.wait()


async def test_cancelling_the_reader_drops_the_upstream_at_once(upstream):
    upstream.script, upstream.holds = (HI,), True
    reading = asyncio.ensure_future(told(upstream, seen := []))
    while not seen:
        await asyncio.sleep(0.01)

    reading.cancel()

    async with asyncio.timeout(0.5):
        await upstream.dropped.wait()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"data": [{"id": "a", "context_length": 9}, {"id": "b"}, {}]}',
         [UpstreamModel("a", 9), UpstreamModel("b")]),
        (b'{"data": [{"id": "a", "meta": {"n_ctx": 5}}]}', [UpstreamModel("a", 5)]),
        (b'{"data": null}', []),
    ],
)  # fmt: skip
async def test_models_are_listed(upstream, body, expected):
    upstream.type, upstream.script = "application/json", (body,)

    assert await OpenAILike("fake", upstream.base).list_models() == expected
    assert upstream.paths == ["/v1/models"]


async def test_a_list_without_an_end_is_not_read_to_it(upstream):
    upstream.type, upstream.holds = "application/json", True
    upstream.script = (b'{"data": [', *[b'{"id": "a"},' * 2**16] * 16)

    with pytest.raises(Terminal):
        await OpenAILike("fake", upstream.base).list_models()


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"models": []}', b'{"data": [1]}'])
async def test_other_lists_are_refused(upstream, body):
    upstream.type, upstream.script = "application/json", (body,)

    with pytest.raises(Terminal):
        await OpenAILike("fake", upstream.base).list_models()
