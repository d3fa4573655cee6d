"""A turn from a page: its kinds, its events, stopping, and what a dead process leaves."""

import asyncio
from datetime import timedelta

import pytest
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.utils import timezone
from redis import ConnectionError as RedisConnectionError

from billing import ledger
from billing.invariants import check
from billing.models import Charge, Hold
from chats import following, live, recovery, services, turns
from chats.models import Chat, Message, Turn
from chats.positions import Position
from chats.turns import TurnRequest
from core.errors import InsufficientCredits, Invalid, NotFound, Retryable
from engine.events import Finished, ReasoningDelta, TextDelta, UsageReport
from llm import registry
from llm.models import UNIT, Model
from tests.chats.talking import opened
from tests.conftest import settled
from tests.fakes.provider import words

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


def shown(chat) -> list[str]:
    return [m.content for m in chat.messages.filter(active=True).order_by("position")]


async def go(chat, **request):
    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, **request))
    await settled()
    return begun


async def text_of(begun) -> str:
    parts = [e.text async for b in begun.events() for e in b if isinstance(e, TextDelta)]
    return "".join(parts)


async def test_reply_is_saved_under_the_message(chat):
    begun = await go(chat, content="One")

    assert shown(chat) == ["Hi, I am Luna.", "One", "Hello there."]
    reply = Message.objects.get(pk=begun.reply_uid)
    assert (reply.parent_id, reply.status, reply.turn) == (
        begun.user_message_uid,
        "complete",
        begun.uid,
    )


class Down(InMemoryChannelLayer):
    """A layer whose Redis refuses, or does not answer at all."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self.hangs = hangs
        self.tries = 0

    async def group_send(self, group, message):
        self.tries += 1
        if self.hangs:
            await asyncio.sleep(60)
        raise RedisConnectionError("refused")


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_turn_goes_on_while_redis_is_down(chat, monkeypatch, hangs):
    down = Down(hangs=hangs)
    monkeypatch.setattr(live, "layer", lambda: down)
    monkeypatch.setattr(live, "PUBLISH_SECONDS", 0.05)
    monkeypatch.setattr(live, "REST_SECONDS", 60.0)
    monkeypatch.setattr(live, "_silent_until", 0.0)

    begun = await go(chat, content="One")

    assert shown(chat) == ["Hi, I am Luna.", "One", "Hello there."]
    assert Message.objects.get(pk=begun.reply_uid).status == "complete"
    assert (down.tries, Charge.objects.count(), check()) == (1, 1, [])


async def test_regenerate_adds_a_version(chat, provider):
    await go(chat, content="One")
    provider.says(words("Again."))

    begun = await go(chat, kind="regenerate")

    assert shown(chat) == ["Hi, I am Luna.", "One", "Again."]
    versions = chat.messages.filter(parent=Message.objects.get(pk=begun.reply_uid).parent_id)
    assert sorted(versions.values_list("content", "active")) == [
        ("Again.", True),
        ("Hello there.", False),
    ]
    assert [m.content for m in provider.requests[1].messages[1:]] == ["Hi, I am Luna.", "One"]


async def test_continue_goes_on_in_the_same_message(chat, provider):
    first = await go(chat, content="One")
    provider.says(words(" And more."))

    begun = await go(chat, kind="continue")

    assert begun.reply_uid == first.reply_uid
    assert shown(chat) == ["Hi, I am Luna.", "One", "Hello there. And more."]
    last = provider.requests[1].messages[-1]
    assert (last.role, last.content) == ("assistant", "Hello there.")
    assert Charge.objects.count() == 2


async def test_failed_regenerate_keeps_the_old_reply(chat, provider):
    await go(chat, content="One")
    provider.says([Retryable("down", retry_after=60)])

    await go(chat, kind="regenerate")

    assert shown(chat) == ["Hi, I am Luna.", "One", "Hello there."]


@pytest.mark.parametrize("request_", [{"content": " "}, {"kind": "regenerate"}])
async def test_refusals_change_nothing(chat, request_):
    with pytest.raises(Invalid):
        await go(chat, **request_)

    assert shown(chat) == ["Hi, I am Luna."]
    assert (Turn.objects.count(), Chat.objects.get().turn) == (0, "")


async def test_stranger_cannot_speak_in_the_chat(chat, stranger):
    with pytest.raises(NotFound):
        await turns.start(TurnRequest(user_id=stranger.pk, chat_uid=chat.uid, content="Hi"))

    assert await turns.stop(user_id=stranger.pk, chat_uid=chat.uid) is False
    assert shown(chat) == ["Hi, I am Luna."]


async def test_without_credits_nothing_is_said(chat, settings):
    settings.STARTING_GRANT_CREDITS = 1

    with pytest.raises(InsufficientCredits):
        await go(chat, content="One")

    chat.refresh_from_db()
    assert (shown(chat), chat.turn) == (["Hi, I am Luna."], "")


async def test_same_key_from_a_page_is_one_message(chat):
    one = await go(chat, content="One", idempotency_key="k")
    two = await go(chat, content="One", idempotency_key="k")

    assert one.uid == two.uid
    assert await text_of(two) == "Hello there."
    assert shown(chat) == ["Hi, I am Luna.", "One", "Hello there."]


async def test_failed_message_sent_again_is_not_added_twice(chat, provider):
    provider.says([Retryable("down", retry_after=60)], words("Now."))
    await go(chat, content="One", idempotency_key="k")

    await go(chat, content="One", idempotency_key="k")

    assert shown(chat) == ["Hi, I am Luna.", "One", "Now."]


async def test_stop_keeps_the_text_and_charges_for_it(chat, provider):
    provider.says([TextDelta("So far "), asyncio.Event()])
    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="One"))
    stream = begun.events()
    await anext(stream)

    assert await turns.stop(user_id=chat.user_id, chat_uid=chat.uid) is True
    rest = [event async for batch in stream for event in batch]
    await settled()

    turn = Turn.objects.get()
    assert (turn.state, turn.finish_reason, turn.estimated) == ("partial", "stopped", True)
    assert rest[-1] == Finished("stop")
    assert shown(chat) == ["Hi, I am Luna.", "One", "So far "]
    assert Charge.objects.get().completion_tokens == turn.completion_tokens > 0
    assert provider.closed == 1
    assert check() == []


async def test_stop_before_a_word_costs_nothing(chat, provider):
    provider.says([asyncio.Event()])
    await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="One"))
    while not provider.requests:
        await asyncio.sleep(0.01)

    await turns.stop(user_id=chat.user_id, chat_uid=chat.uid)
    await settled()

    assert (Turn.objects.get().state, Charge.objects.count()) == ("voided", 0)
    assert shown(chat) == ["Hi, I am Luna.", "One"]
    assert check() == []


async def test_watchers_hear_opened_deltas_and_closed(chat, provider):
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(live.group_of(chat.uid), channel)
    provider.says([TextDelta("One "), 0.1, TextDelta("two."), Finished("stop")])

    begun = await go(chat, content="Hi")
    heard = []
    while not heard or heard[-1]["event"] != "closed":
        heard.append((await layer.receive(channel))["event"])

    assert [event["event"] for event in heard] == ["opened", "delta", "delta", "closed"]
    assert {event["turn"] for event in heard} == {begun.uid}
    pieces = [(e["at"], e["text"]) for e in heard if e["event"] == "delta"]
    assert pieces == [(0, "One "), (4, "two.")]
    assert (heard[0]["user_message"], heard[-1]["state"]) == (begun.user_message_uid, "done")


async def test_late_listener_gets_everything_from_its_place(chat, provider):
    gate = asyncio.Event()
    provider.says(
        [ReasoningDelta("hm"), TextDelta("One "), gate, TextDelta("two."), Finished("stop")]
    )
    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="Hi"))
    early = begun.events()
    first, _ = await anext(early), await anext(early)
    snapshot = await turns.snapshot(chat.uid)
    stream = begun.events(Position(2, 2))
    gate.set()

    rest = [event async for batch in stream for event in batch]
    await settled()

    assert first[0] == ReasoningDelta("hm")
    assert (snapshot["text"], snapshot["reasoning"]) == ("One ", "hm")
    assert "".join(e.text for e in rest if isinstance(e, TextDelta)) == "e two."
    assert isinstance(rest[-2], UsageReport)
    assert rest[-1] == Finished("stop")


async def test_silence_is_told_by_empty_batches(chat, provider):
    provider.says([0.1, *words("Hi.")])
    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="Hi"))
    turn = live.running[begun.uid]

    batches = [batch async for batch in turn.events(idle_seconds=0.03)]
    await settled()

    assert batches[0] == []
    assert batches[-1][-1] == Finished("stop")


async def test_turn_of_another_process_is_followed_through_the_channel_layer(chat, provider):
    turn = Turn.objects.create(
        chat=chat,
        user=chat.user,
        surface="api",
        reply="r" * 24,
        model="m",
        node="elsewhere",
        lease_expires_at=timezone.now(),
        partial="One ",
    )
    heard: list = []

    async def follow() -> None:
        async for batch in following.follow(turn.uid):
            heard.extend(batch)

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.05)
    common = {"turn": turn.uid, "reasoning": ""}
    await live.publish(chat.uid, {**common, "event": "delta", "at": 4, "text": "lost "})
    await live.publish(chat.uid, {**common, "event": "snapshot", "text": "One lost "})
    await live.publish(chat.uid, {**common, "event": "delta", "at": 9, "text": "two "})
    Turn.objects.filter(pk=turn.pk).update(state="done", finish_reason="stop")
    Message.objects.create(
        uid=turn.reply,
        chat=chat,
        position=1,
        role="assistant",
        content="One lost two three.",
        turn=turn.uid,
    )
    await live.publish(chat.uid, {**common, "event": "closed"})
    await task

    assert "".join(e.text for e in heard if isinstance(e, TextDelta)) == "One lost two three."
    assert heard[-1] == Finished("stop")


# What a dead process leaves


def running(chat, *, partial: str = "", kind: str = "reply", reply: str = "") -> Turn:
    """A turn whose process was killed after its opening."""
    parent = chat.messages.filter(active=True).order_by("-position").first()
    if kind == "reply":
        parent = Message.objects.create(
            chat=chat, parent=parent, position=parent.position + 1, role="user", content="One"
        )
    turn = Turn.objects.create(
        chat=chat,
        user=chat.user,
        surface="web",
        kind=kind,
        parent=parent,
        reply=reply or "r" * 24,
        model="test/model",
        node="gone",
        prompt_tokens=10,
        partial=partial,
        lease_expires_at=timezone.now(),
    )
    Chat.objects.filter(pk=chat.pk).update(turn=turn.uid, lease_expires_at=timezone.now())
    ledger.reserve(user_id=chat.user_id, key=f"turn:{turn.uid}", amount_micro=10**9, seconds=600)
    return turn


def test_turn_without_a_word_is_voided(chat):
    turn = running(chat)

    assert (recovery.recover(turn.uid), recovery.recover(turn.uid)) == (True, False)

    turn.refresh_from_db()
    chat.refresh_from_db()
    assert (turn.state, turn.error_code, chat.turn) == ("voided", "interrupted", "")
    assert shown(chat) == ["Hi, I am Luna.", "One"]
    assert (Charge.objects.count(), Hold.objects.get().state, check()) == (0, "voided", [])


def test_partial_text_is_kept_and_charged_once(chat):
    turn = running(chat, partial="Half a")

    recovery.recover(turn.uid)
    recovery.recover(turn.uid)

    reply = Message.objects.get(pk=turn.reply)
    assert (reply.content, reply.status) == ("Half a", "partial")
    assert shown(chat) == ["Hi, I am Luna.", "One", "Half a"]
    charge = Charge.objects.get()
    assert (charge.estimated, charge.prompt_tokens, charge.completion_tokens) == (True, 10, 2)
    assert check() == []


def test_a_killed_turn_costs_what_was_said_at_its_opening(chat, model):
    turn = opened(chat.user, chat, "One")
    Turn.objects.update(partial="Half a")
    Model.objects.update(input_multiplier_micro=UNIT * 3, output_multiplier_micro=0)
    registry.forget()

    recovery.recover(turn.uid)

    charge = Charge.objects.get()
    assert (charge.input_multiplier_micro, charge.output_multiplier_micro) == (UNIT, UNIT)
    assert charge.amount_micro == (turn.prompt_tokens + 2) * UNIT
    assert check() == []


def test_partial_continuation_is_added_to_its_message(chat):
    greeting = chat.messages.get(active=True)
    turn = running(chat, partial=" And", kind="continue", reply=greeting.uid)

    recovery.recover(turn.uid)

    assert shown(chat) == ["Hi, I am Luna. And"]


def test_sweeper_ends_what_ran_out_and_nothing_else(chat):
    turn = running(chat, partial="Half")
    Turn.objects.filter(pk=turn.pk).update(lease_expires_at=timezone.now() + timedelta(days=1))
    assert recovery.recover_expired() == 0

    Turn.objects.filter(pk=turn.pk).update(lease_expires_at=timezone.now())

    assert recovery.recover_expired() == 1


async def test_next_turn_cleans_up_after_a_dead_one(chat):
    running(chat, partial="Half")

    await go(chat, content="Two")

    assert shown(chat) == ["Hi, I am Luna.", "One", "Half", "Two", "Hello there."]
    assert check() == []
