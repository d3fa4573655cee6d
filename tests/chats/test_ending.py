"""Turns that operators end: at once, in every process, with what came so far kept and paid for."""

import asyncio

import pytest
from channels.layers import get_channel_layer

from accounts import operators
from accounts.keys import issue_key, revoke_key
from accounts.models import ApiKey, User
from billing.invariants import check
from billing.models import Charge, Hold
from chats import ending, following, running, services, turns
from chats.inbound import Inbound
from chats.models import Message, Turn
from chats.running import drivers
from chats.sync import Line
from chats.turns import TurnRequest
from core import orders
from core.errors import Forbidden, ReverieError, Unauthenticated, Unavailable
from engine.events import Finished, TextDelta
from engine.types import ChatMessage
from llm import registry, switches
from llm.models import Model
from tests.conftest import settled
from tests.factories import CharacterFactory, ModelFactory
from tests.fakes.provider import FakeProvider, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna, provider):
    provider.says([TextDelta("So far "), asyncio.Event()])
    return services.start_chat(user=owner, character=luna)


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Do something, and what follows its commit."""

    def do(deed, **values):
        with django_capture_on_commit_callbacks(execute=True):
            return deed(**values)

    return do


async def listening() -> None:
    """Until this process hears orders: its first turn asks Redis for them, which takes a moment."""
    following.ensure_listening()
    before = registry._forgotten
    while registry._forgotten == before:
        order = {"type": "node.order", "verb": "forget_models"}
        await get_channel_layer().group_send(orders.EVERYBODY, order)
        await asyncio.sleep(0.01)


async def speak(chat, content="One"):
    """A turn that has said something and goes on. Returns the rest of its stream."""
    await listening()
    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content=content))
    stream = begun.events()
    await anext(stream)
    return stream


def inbound(secret, model="Luna") -> Inbound:
    said = (ChatMessage("user", "One"),)
    return Inbound(
        secret=secret, ip=None, model=model, lines=[Line("user", "One")], messages=said
    )  # fmt: skip


async def rest_of(stream) -> tuple[str, str]:
    """What else a stream says, and the code of the error it ends with."""
    said = ""
    try:
        async for batch in stream:
            said += "".join(event.text for event in batch if isinstance(event, TextDelta))
    except ReverieError as error:
        return said, error.code
    return said, ""


async def test_suspending_somebody_ends_what_they_run(chat, staff, committed, provider):
    stream = await speak(chat)

    committed(operators.suspend_user, user=chat.user, by=staff, reason="spam")
    told = await rest_of(stream)
    await settled()

    turn = Turn.objects.get()
    assert told == ("", "account_suspended")
    assert (turn.state, turn.error_code) == ("partial", "account_suspended")
    reply = Message.objects.get(pk=turn.reply)
    assert (reply.content, reply.status) == ("So far ", "partial")
    assert Charge.objects.get().completion_tokens == turn.completion_tokens > 0
    assert (Hold.objects.get().state, check(), provider.closed) == ("settled", [], 1)


async def test_before_a_word_it_costs_nothing(chat, staff, committed, provider):
    provider.says([asyncio.Event()])
    await listening()
    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="One"))
    while not provider.requests:
        await asyncio.sleep(0.01)

    committed(operators.suspend_user, user=chat.user, by=staff, reason="spam")
    told = await rest_of(begun.events())
    await settled()

    assert told == ("", "account_suspended")
    assert (Turn.objects.get().state, Charge.objects.count()) == ("voided", 0)
    assert (Hold.objects.get().state, check()) == ("voided", [])


async def test_others_go_on(chat, staff, stranger, committed, provider):
    gate = asyncio.Event()
    provider.says([TextDelta("One "), gate, TextDelta("two."), Finished("stop")])
    stream = await speak(chat)

    committed(operators.suspend_user, user=stranger, by=staff, reason="spam")
    _, unused = issue_key(user=chat.user, name="unused")
    unused = ApiKey.objects.get(name="unused")
    committed(operators.suspend_key, key=unused, by=staff, reason="spam")
    await asyncio.sleep(0.01)
    gate.set()
    told = await rest_of(stream)
    await settled()

    assert told == ("two.", "")
    assert Turn.objects.get().state == "done"


async def test_a_suspended_person_begins_nothing_more(chat, staff, committed, secret):
    committed(operators.suspend_user, user=chat.user, by=staff, reason="spam")

    with pytest.raises(Unauthenticated):
        await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="One"))
    with pytest.raises(Forbidden):
        await turns.receive(inbound(secret))

    assert Turn.objects.count() == 0
    assert chat.messages.count() == 1


async def test_suspending_a_key_ends_what_it_runs_and_nothing_else(
    chat, staff, secret, committed, provider
):
    page = await speak(chat)
    by_key = (await turns.receive(inbound(secret), detach=True)).events()
    await anext(by_key)

    committed(operators.suspend_key, key=ApiKey.objects.get(), by=staff, reason="leaked")
    told = await rest_of(by_key)
    turns_now = dict(Turn.objects.values_list("surface", "state"))
    await turns.stop(user_id=chat.user_id, chat_uid=chat.uid)

    assert told == ("", "key_suspended")
    assert turns_now["web"] == "running"
    assert await rest_of(page) == ("", "")
    await settled()
    assert check() == []


async def test_revoking_a_key_ends_what_it_runs(chat, staff, secret, committed):
    await listening()
    stream = (await turns.receive(inbound(secret), detach=True)).events()
    await anext(stream)

    committed(operators.revoke, key=ApiKey.objects.get(), by=staff, reason="leaked")

    assert await rest_of(stream) == ("", "key_suspended")
    await settled()


async def test_a_turn_without_a_chat_is_ended_too(staff, secret, owner, committed, provider):
    provider.says([TextDelta("So far "), asyncio.Event()])
    await listening()
    stream = (await turns.receive(inbound(secret, model="test/model"), detach=True)).events()
    await anext(stream)

    committed(operators.suspend_user, user=owner, by=staff, reason="spam")
    told = await rest_of(stream)
    await settled()

    assert told == ("", "account_suspended")
    assert Charge.objects.get().completion_tokens > 0
    assert (Hold.objects.get().state, check()) == ("settled", [])


@pytest.mark.parametrize("kind", ["provider", "model"])
async def test_a_switch_ends_what_runs_if_it_is_asked_to(chat, committed, kind, provider):
    stream = await speak(chat)
    model = Model.objects.get(slug="test/model")
    thing = model if kind == "model" else model.provider

    committed(switches.switch_off, thing=thing, actor="op", reason="down", ends_running=True)

    assert await rest_of(stream) == ("", "model_switched_off")
    await settled()
    assert Turn.objects.get().state == "partial"
    assert check() == []


async def test_a_switch_lets_what_runs_go_on_and_nothing_new_begin(chat, committed, provider):
    gate = asyncio.Event()
    provider.says([TextDelta("One "), gate, TextDelta("two."), Finished("stop")])
    stream = await speak(chat)

    committed(
        switches.switch_off, thing=Model.objects.get(slug="test/model"), actor="op", reason="down"
    )
    await asyncio.sleep(0.01)
    gate.set()
    told = await rest_of(stream)
    await settled()

    assert told == ("two.", "")
    with pytest.raises(Unavailable):
        await speak(chat)
    assert Turn.objects.count() == 1


async def test_the_next_turn_is_answered_by_another_model(chat, committed, provider):
    other = FakeProvider()
    other.says(words("From me."))
    ModelFactory(slug="test/other", provider__slug="other")
    registry.serve_instead("other", other)
    committed(
        switches.switch_off, thing=Model.objects.get(slug="test/model"), actor="op", reason="down"
    )

    await rest_of(await speak(chat))
    await settled()

    assert (Turn.objects.get().model, provider.requests) == ("test/other", [])


# Orders that come at a bad moment, or not at all


async def test_an_order_that_comes_while_a_turn_is_opened_counts(chat, owner, monkeypatch):
    opened = turns.open_in_chat

    def slowly(*args):
        result = opened(*args)
        ending.obey({"whose": "user", "which": str(owner.pk)})
        return result

    monkeypatch.setattr(turns, "open_in_chat", slowly)

    begun = await turns.start(TurnRequest(user_id=owner.pk, chat_uid=chat.uid, content="One"))

    assert await rest_of(begun.events()) == ("", "account_suspended")
    await settled()
    assert (Turn.objects.get().state, check()) == ("voided", [])


async def test_a_lost_order_is_made_up_for_by_the_heartbeat(chat, settings):
    settings.TURN_HEARTBEAT_SECONDS = 0.01
    stream = await speak(chat)

    User.objects.filter(pk=chat.user_id).update(is_active=False)

    assert await rest_of(stream) == ("", "account_suspended")
    await settled()
    assert Message.objects.get(pk=Turn.objects.get().reply).content == "So far "


async def test_the_heartbeat_ends_what_a_revoked_key_runs(chat, secret, settings):
    """Whoever revokes a key of their own that leaked gives no order to every process."""
    settings.TURN_HEARTBEAT_SECONDS = 0.01
    stream = (await turns.receive(inbound(secret), detach=True)).events()
    await anext(stream)

    revoke_key(key=ApiKey.objects.get())

    assert await rest_of(stream) == ("", "key_revoked")
    await settled()
    assert (Hold.objects.get().state, check()) == ("settled", [])


async def test_the_order_of_another_process_arrives_on_the_common_channel(chat, owner):
    stream = await speak(chat)

    await get_channel_layer().group_send(
        orders.EVERYBODY,
        {"type": "node.order", "verb": "end", "whose": "user", "which": str(owner.pk)},
    )

    assert await rest_of(stream) == ("", "account_suspended")
    await settled()


async def test_orders_are_forgotten_in_time(chat, owner, monkeypatch):
    ending.obey({"whose": "user", "which": str(owner.pk)})
    kept = ending._recent[0]
    ending._recent[0] = kept._replace(at=kept.at - 60)

    stream = await speak(chat)

    assert not drivers[Turn.objects.get().uid].turn.ended
    await turns.stop(user_id=owner.pk, chat_uid=chat.uid)
    assert await rest_of(stream) == ("", "")
    await settled()


async def test_a_stop_while_the_reply_is_saved_changes_nothing(chat, provider, monkeypatch):
    provider.says(words("All of it."))

    async def hop(function, opened, *rest):
        drivers[opened.uid].stop("ended", Unavailable("Too late."))
        await asyncio.sleep(0)
        return function(opened, *rest)

    monkeypatch.setattr(running, "hop", hop)

    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=chat.uid, content="One"))
    told = await rest_of(begun.events())
    await settled()

    assert told == ("All of it.", "")
    assert (Turn.objects.get().state, drivers) == ("done", {})


async def test_a_character_of_somebody_suspended_still_speaks(
    chat, staff, stranger, committed, provider
):
    provider.says(words("Still here."))
    public = CharacterFactory(owner=stranger, visibility="public")
    other = services.start_chat(user=chat.user, character=public)
    committed(operators.suspend_user, user=stranger, by=staff, reason="spam")

    begun = await turns.start(TurnRequest(user_id=chat.user_id, chat_uid=other.uid, content="Hi"))

    assert await rest_of(begun.events()) == ("Still here.", "")
    await settled()
