"""What every ending of a reply leaves in the tables of money, row by row, on every surface."""

import asyncio
import json

import pytest
from django.test import AsyncRequestFactory

from billing.invariants import check
from billing.models import Account, Charge, Hold, LedgerEntry, Usage
from chats import turns
from chats.models import Message, Turn
from chats.opening import hold_for, reply_tokens
from chats.running import drivers
from chats.services import start_chat
from core import http
from engine.providers.openai_like import OpenAILike
from engine.types import Sampling
from llm import registry
from openai_compat import handler
from tests.conftest import settled
from tests.fakes.upstream import DONE, HELLO, chunk, event, running, usage
from tests.web.test_consumers import listen
from web.views import turns as views

pytestmark = pytest.mark.django_db

IN, OUT = 1_500_000, 4_000_000
HI = {"model": "Luna", "messages": [{"role": "user", "content": "Hi"}]}
ONE, TWO, THREE, END = chunk("One"), chunk(" two"), chunk(" three"), chunk(finish="stop")
WORDS = (ONE, TWO, THREE)


@pytest.fixture
async def upstream(model, settings):
    """The server of `model` on a socket: one and a half credits a token in, four a token out."""
    settings.STARTING_GRANT_CREDITS = 100_000
    model.input_multiplier_micro, model.output_multiplier_micro = IN, OUT
    model.save()
    registry.reset()
    async with running() as fake:
        registry.serve_instead("fake", OpenAILike("fake", fake.base))
        yield fake
        await settled()
        await http.aclose()


@pytest.fixture(params=["stream", "whole", "page"])
async def say(request, upstream, wire, luna, owner):
    """Says "Hi" to Luna on one of the surfaces. Returns the usage that the wire told, or None."""
    streaming = request.param == "stream"

    async def on_the_wire():
        response = await wire.post("chat/completions", json={**HI, "stream": streaming})
        if not streaming:
            return response.json().get("usage")
        lines = [line[6:] for line in response.text.split("\n") if line.startswith("data: {")]
        return json.loads(lines[-1]).get("usage") if lines else None

    async def on_the_page():
        chat = start_chat(user=owner, character=luna)
        await post(views.send, owner, chat.uid)

    async def run():
        said = await (on_the_page() if request.param == "page" else on_the_wire())
        await settled()
        return said

    run.surface = "web" if request.param == "page" else "api"
    return run


async def post(view, user, uid):
    headers = {"accept": "application/json"}
    request = AsyncRequestFactory().post("/", {"content": "Hi"}, headers=headers)

    async def auser():
        return user

    request.auser = auser
    return await view(request, uid)


def rows():
    """Everything that was written, without times."""
    key = {"key": f"turn:{Turn.objects.get().uid}"}
    return {
        "holds": list(Hold.objects.filter(**key).values_list("amount_micro", "state")),
        "charges": list(
            Charge.objects.filter(**key).values_list(
                "prompt_tokens", "cached_tokens", "completion_tokens", "input_multiplier_micro",
                "output_multiplier_micro", "amount_micro", "refunded_micro", "estimated",
            )
        ),
        "entries": list(
            LedgerEntry.objects.exclude(kind="grant").values_list("key", "kind", "amount_micro")
        ),
        "usage": list(
            Usage.objects.filter(**key).values_list(
                "surface", "prompt_tokens", "cached_tokens", "completion_tokens", "amount_micro",
                "estimated",
            )
        ),
    }  # fmt: skip


def expected(surface, prompt, completion, *, cached=0, estimated=False):
    """The rows of a reply that was paid for."""
    cost = prompt * IN + completion * OUT
    turn = Turn.objects.get()
    return {
        "holds": [(held(), "settled")],
        "charges": [(prompt, cached, completion, IN, OUT, cost, 0, estimated)],
        "entries": [(f"charge:turn:{turn.uid}", "charge", -cost)],
        "usage": [(surface, prompt, cached, completion, cost, estimated)],
    }


NOTHING = {"charges": [], "entries": [], "usage": []}


def held():
    """What the turn had to set aside, from the size of its prompt."""
    manifest = Turn.objects.values_list("manifest", flat=True).get()
    spec = registry.default_model()
    return hold_for(spec, manifest["total_tokens"], reply_tokens(spec, Sampling()))


def adds_up(*, state):
    """The ledger is whole, nothing is held, and the turn says what its rows say."""
    account, turn = Account.objects.get(), Turn.objects.get()
    spent = -sum(LedgerEntry.objects.filter(kind="charge").values_list("amount_micro", flat=True))
    assert check() == []
    assert (account.held_micro, account.balance_micro) == (0, 100_000_000_000 - spent)
    assert (turn.state, turn.amount_micro) == (state, spent)
    assert not Charge.objects.exclude(key=f"turn:{turn.uid}").exists()


def has_spoken():
    return any(driver.turn.text == "One two" for driver in drivers.values())


def ours():
    """What we count for the prompt ourselves."""
    return Turn.objects.values_list("manifest", flat=True).get()["total_tokens"]


async def test_a_whole_reply(say, upstream):
    upstream.script = (*WORDS, END, usage(700, 3), DONE)

    told = await say()

    assert rows() == expected(say.surface, 700, 3)
    if told:
        assert told == {
            "prompt_tokens": 700,
            "completion_tokens": 3,
            "total_tokens": 703,
            "prompt_tokens_details": {"cached_tokens": 0},
        }
    adds_up(state="done")


async def test_cached_tokens_are_told_and_kept(say, upstream):
    counted = {
        "prompt_tokens": 700,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 512},
    }
    upstream.script = (*WORDS, END, event({"choices": [], "usage": counted}), DONE)

    told = await say()

    assert rows() == expected(say.surface, 700, 3, cached=512)
    if told:
        assert told["prompt_tokens_details"] == {"cached_tokens": 512}


async def test_an_upstream_that_dies_after_three_tokens(say, upstream):
    upstream.script, upstream.cuts = WORDS, True

    await say()

    assert rows() == expected(say.surface, ours(), 3, estimated=True)
    assert Message.objects.latest("uid").content == "One two three"
    adds_up(state="partial")


async def test_an_upstream_that_sends_no_usage(say, upstream):
    upstream.script = (*WORDS, END, DONE)

    told = await say()

    assert rows() == expected(say.surface, ours(), 3, estimated=True)
    if told:
        assert told == {
            "prompt_tokens": ours(),
            "completion_tokens": 3,
            "total_tokens": ours() + 3,
            "prompt_tokens_details": {"cached_tokens": 0},
            "estimated": True,
        }
    adds_up(state="done")


@pytest.mark.parametrize(
    ("counts", "counted"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0}, (None, 3, True)),
        ({"prompt_tokens": 700, "completion_tokens": 0}, (700, 3, True)),
        ({"completion_tokens": 5}, (None, 5, True)),
    ],
)
async def test_what_an_upstream_leaves_out_is_counted_and_marked(say, upstream, counts, counted):
    upstream.script = (*WORDS, END, event({"choices": [], "usage": counts}), DONE)

    await say()

    prompt, completion, is_estimated = counted
    assert rows() == expected(say.surface, prompt or ours(), completion, estimated=is_estimated)
    adds_up(state="done")


async def test_an_upstream_that_sends_usage_twice(say, upstream):
    upstream.script = (*WORDS, usage(700, 2), END, usage(700, 3), usage(700, 3), DONE)

    await say()

    assert rows() == expected(say.surface, 700, 3)
    adds_up(state="done")


async def test_an_upstream_that_sends_usage_in_parts(say, upstream):
    sent = event({"choices": [], "usage": {"prompt_tokens": 700}})
    made = event({"choices": [], "usage": {"completion_tokens": 3, "prompt_tokens": None}})
    upstream.script = (sent, *WORDS, END, made, DONE)

    await say()

    assert rows() == expected(say.surface, 700, 3)
    adds_up(state="done")


async def test_an_upstream_that_fails_before_any_output(say, upstream):
    upstream.status = 401

    await say()

    assert rows() == {"holds": [(held(), "voided")], **NOTHING}
    adds_up(state="voided")


async def test_an_upstream_that_counts_more_than_was_set_aside(say, upstream):
    upstream.script = (*WORDS, END, usage(10**12, 3), DONE)

    await say()

    amount = held()
    written = rows()
    assert written["holds"] == [(amount, "settled")]
    assert written["entries"][0][2] == -amount
    assert written["usage"] == [(say.surface, 10**8, 0, 3, amount, False)]
    adds_up(state="done")


async def test_a_client_that_hangs_up(upstream, secret, luna):
    upstream.script, upstream.holds = (ONE, TWO), True

    await hang_up_after(secret, b"two")

    assert rows() == expected("api", ours(), 2, estimated=True)
    await asyncio.wait_for(upstream.dropped.wait(), 5)
    adds_up(state="partial")


async def test_a_client_that_hangs_up_before_any_output(upstream, secret, luna):
    upstream.script, upstream.holds = (), True

    await hang_up_after(secret, None, when=lambda: upstream.requests)

    assert rows() == {"holds": [(held(), "voided")], **NOTHING}
    adds_up(state="voided")


async def test_a_client_that_hangs_up_and_lets_the_reply_go_on(upstream, secret, luna):
    gate = asyncio.Event()
    upstream.script = (ONE, gate, TWO, THREE, END, usage(700, 3), DONE)

    await hang_up_after(secret, b"One", reverie={"detach": True}, then=gate.set)

    assert rows() == expected("api", 700, 3)
    adds_up(state="done")


async def test_a_client_that_waits_for_the_whole_and_hangs_up(upstream, secret, luna, monkeypatch):
    monkeypatch.setattr("chats.turns.RETRY_GRACE_SECONDS", 0.05)
    upstream.script, upstream.holds = (ONE, TWO), True

    await hang_up_after(secret, None, when=has_spoken, stream=False)

    assert rows() == expected("api", ours(), 2, estimated=True)
    adds_up(state="partial")


async def test_a_page_that_is_closed_is_answered_to_the_end(upstream, owner, luna):
    gate = asyncio.Event()
    upstream.script = (ONE, gate, TWO, THREE, END, usage(700, 3), DONE)
    chat = start_chat(user=owner, character=luna)
    socket = listen(chat.uid, owner)
    await socket.connect()
    await post(views.send, owner, chat.uid)
    while (await socket.receive_json_from(timeout=3))["type"] != "delta":
        pass

    await socket.disconnect()
    gate.set()
    await settled()

    assert rows() == expected("web", 700, 3)
    adds_up(state="done")


async def test_a_page_that_stops_the_reply(upstream, owner, luna):
    upstream.script, upstream.holds = (ONE, TWO), True
    chat = start_chat(user=owner, character=luna)
    await post(views.send, owner, chat.uid)
    while not has_spoken():
        await asyncio.sleep(0.01)

    await turns.stop(user_id=owner.pk, chat_uid=chat.uid)
    await settled()

    assert rows() == expected("web", ours(), 2, estimated=True)
    adds_up(state="partial")


async def test_a_free_reply_is_counted_and_costs_nothing(say, upstream, model):
    model.free = True
    model.save()
    registry.forget()
    counted = {
        "prompt_tokens": 700,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 600},
    }
    upstream.script = (*WORDS, END, event({"choices": [], "usage": counted}), DONE)

    await say()

    assert rows() == {
        "holds": [],
        "charges": [],
        "entries": [],
        "usage": [(say.surface, 700, 600, 3, 0, False)],
    }


async def test_a_reply_that_is_told_again_has_the_same_usage(upstream, wire, luna):
    counted = {
        "prompt_tokens": 700,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 512},
    }
    upstream.script = (*WORDS, END, event({"choices": [], "usage": counted}), DONE)
    headers = {"Idempotency-Key": "k"}

    first = await wire.post("chat/completions", json=HI, headers=headers)
    upstream.script = HELLO
    again = await wire.post("chat/completions", json=HI, headers=headers)

    assert first.json()["usage"] == again.json()["usage"]
    assert again.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 512}
    assert rows() == expected("api", 700, 3, cached=512)


async def hang_up_after(secret, seen, *, when=None, then=None, **body):
    """Ask over the wire and leave once `seen` was sent, or once `when` is true."""
    asked = json.dumps({**HI, "stream": True, **body}).encode()
    gone, started = asyncio.Event(), False

    async def receive():
        nonlocal started
        if not started:
            started = True
            return {"type": "http.request", "body": asked, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if seen and seen in message.get("body", b""):
            gone.set()

    scope = {
        "type": "http", "method": "POST", "path": "/api/device/v1/chat/completions",
        "raw_path": b"", "query_string": b"", "root_path": "", "scheme": "http",
        "server": ("testserver", 80), "client": ("127.0.0.1", 1), "http_version": "1.1",
        "headers": [
            (b"authorization", f"Bearer {secret}".encode()),
            (b"content-type", b"application/json"),
        ],
    }  # fmt: skip
    serving = asyncio.create_task(handler.handle(scope, receive, send))
    while when and not when():
        await asyncio.sleep(0.01)
    if when:
        gone.set()
    await serving
    if then:
        then()
    await settled()
    for _ in range(20):
        if Turn.objects.get().state != "running":
            break
        await asyncio.sleep(0.05)
