"""Callers who leave in the very moment in which their turn is opened, in a thread."""

import asyncio
import threading

import pytest
from django.db import connections

from billing.invariants import check
from billing.limits import store
from billing.limits.admission import Admission, seat_of
from billing.models import Hold, Plan
from chats import services, turns
from chats.inbound import Inbound
from chats.models import Chat, Message, Turn
from chats.sync import Line
from chats.turns import TurnRequest
from core.hop import close_pool
from engine.events import Finished, TextDelta, UsageReport
from engine.types import ChatMessage
from tests.conftest import settled

pytestmark = pytest.mark.django_db(transaction=True)


class Slow(Admission):
    """Lets a test act while a turn is being opened: at the last step that may refuse it."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.gate = threading.Event()

    def begin(self, user, *, free):
        super().begin(user, free=free)
        self.reached.set()
        assert self.gate.wait(10)


@pytest.fixture(autouse=True)
def threads(settings):
    """Hops in threads with connections of their own, as in a server."""
    settings.INLINE_HOPS = False
    yield
    close_pool()
    connections.close_all()


@pytest.fixture
def slow(db):
    Plan.objects.create(slug="d", name="D", is_default=True, concurrency=1)
    return Slow()


async def leave(beginning, slow) -> None:
    """Hang up when the thread is in the middle of it."""
    task = asyncio.create_task(beginning)
    await asyncio.to_thread(slow.reached.wait)
    task.cancel()
    await asyncio.sleep(0)
    slow.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await task


def inbound(secret, slow, **more) -> Inbound:
    said = (ChatMessage("user", "One"),)
    lines = [Line("user", "One")]
    return Inbound(
        secret=secret, ip=None, model="Luna", lines=lines, messages=said, admission=slow, **more
    )


def left(owner) -> tuple:
    """Turns, holds, chats that wait for a reply, seats that are taken, what is wrong."""
    try:
        return (
            list(Turn.objects.values_list("state", flat=True)),
            list(Hold.objects.values_list("state", flat=True)),
            Chat.objects.exclude(turn="").count(),
            store.take([], seat_of(owner.pk, 1), counts=False).seats,
            check(),
        )
    finally:
        connections.close_all()


@pytest.mark.parametrize("store_", [True, False])
async def test_whoever_hangs_up_meanwhile_leaves_nothing_open(
    secret, owner, luna, provider, slow, store_
):
    await leave(turns.receive(inbound(secret, slow, store=store_)), slow)
    await settled()

    states = ["voided"] if store_ else []
    assert await asyncio.to_thread(left, owner) == (states, ["voided"], 0, 0, [])
    assert provider.requests == []


async def test_a_page_that_is_closed_meanwhile_gets_its_reply(owner, luna, provider, slow):
    gate = asyncio.Event()
    provider.says([gate, TextDelta("Hello."), UsageReport(9, 2), Finished("stop")])
    chat = await asyncio.to_thread(_start_chat, owner, luna)
    asked = TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="One", admission=slow)

    await leave(turns.start(asked), slow)
    running = await asyncio.to_thread(left, owner)
    gate.set()
    await settled()

    assert running == (["running"], ["open"], 1, 1, [])
    assert await asyncio.to_thread(left, owner) == (["done"], ["settled"], 0, 0, [])
    assert await asyncio.to_thread(_replies) == ["Hello."]


def _start_chat(owner, luna):
    try:
        return services.start_chat(user=owner, character=luna, greet=False)
    finally:
        connections.close_all()


def _replies() -> list[str]:
    try:
        return list(Message.objects.filter(role="assistant").values_list("content", flat=True))
    finally:
        connections.close_all()
