"""The live connection of a chat: who may listen, what comes first, what follows."""

import asyncio
from typing import Any

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts import operators
from accounts.models import User
from chats import services
from chats.models import Message, Turn
from engine.events import Finished, TextDelta
from tests.conftest import settled
from web.routing import websocket_urlpatterns
from web.views import turns as views

pytestmark = pytest.mark.django_db


def listen(chat_uid: str, user: Any) -> WebsocketCommunicator:
    socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), f"/ws/chats/{chat_uid}")
    socket.scope["user"] = user
    return socket


async def received(socket, wanted):
    """Everything up to and including the first event of a type."""
    events = []
    while not events or events[-1]["type"] != wanted:
        events.append(await socket.receive_json_from(timeout=3))
    return events


async def test_owner_first_gets_the_state(owner, chat):
    socket = listen(chat.uid, owner)

    await socket.connect()

    state = {"type": "state", "version": 0, "snapshot": None, "failed": ""}
    assert await socket.receive_json_from() == state
    await socket.disconnect()


@pytest.fixture
def failed(owner, chat, model):
    return Turn.objects.create(
        uid="t" * 24, chat=chat, user=owner, surface="web", state="voided", reply="r" * 24,
        model=model.slug, node="n", lease_expires_at=chat.created_at,
        error_code="interrupted", error_message="The <server> stopped.",
    )  # fmt: skip


async def test_state_tells_what_failed_while_nobody_listened(owner, chat, failed):
    socket = listen(chat.uid, owner)

    await socket.connect()

    shown = (await socket.receive_json_from())["failed"]
    assert shown.startswith('<div class="failed"')
    assert "The &lt;server&gt; stopped. Nothing was charged." in shown
    await socket.disconnect()


@pytest.mark.parametrize("uid", ["own", "nowhere"])
async def test_stranger_hears_nothing(uid, stranger, chat):
    socket = listen(chat.uid if uid == "own" else uid, stranger)

    await socket.connect()

    assert await socket.receive_output() == {"type": "websocket.close", "code": 4404}


async def test_who_was_suspended_after_the_session_was_read_hears_nothing(owner, chat):
    socket = listen(chat.uid, owner)
    User.objects.filter(pk=owner.pk).update(is_active=False)

    await socket.connect()

    assert await socket.receive_output() == {"type": "websocket.close", "code": 4401}


async def test_guest_hears_nothing(chat):
    socket = listen(chat.uid, AnonymousUser())

    await socket.connect()

    assert await socket.receive_output() == {"type": "websocket.close", "code": 4401}


async def test_turn_is_seen_as_it_happens(post, owner, chat, provider):
    socket = listen(chat.uid, owner)
    await socket.connect()
    await socket.receive_json_from()

    await post(views.send, chat.uid, content="Hi <b>there</b>")
    events = await received(socket, "closed")
    await settled()

    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[-1]) == ("opened", "closed")
    assert set(kinds[1:-1]) == {"delta"}
    assert "".join(event["text"] for event in events if event["type"] == "delta") == "Hello there."
    opened, closed = events[0], events[-1]
    assert opened["text"] == "Hi <b>there</b>"
    assert "Hi &lt;b&gt;there&lt;/b&gt;" in opened["html"]
    assert f'data-message="{opened["user_message"]}"' in opened["html"]
    assert (closed["state"], closed["message"]) == ("done", opened["message"])
    assert "Hello there." in closed["html"]
    await socket.disconnect()


async def test_late_listener_gets_the_text_so_far(post, owner, chat, provider):
    gate = asyncio.Event()
    provider.says([TextDelta("Once upon"), gate, TextDelta(" a time."), Finished("stop")])
    await post(views.send, chat.uid, content="Hi")
    await asyncio.sleep(0.05)

    socket = listen(chat.uid, owner)
    await socket.connect()
    state = await socket.receive_json_from()
    gate.set()
    closed = (await received(socket, "closed"))[-1]
    await settled()

    assert state["snapshot"]["text"] == "Once upon"
    assert "Once upon a time." in closed["html"]
    await socket.disconnect()


async def test_change_is_told(owner, chat, django_capture_on_commit_callbacks):
    socket = listen(chat.uid, owner)
    await socket.connect()
    await socket.receive_json_from()
    greeting = Message.objects.get()

    with django_capture_on_commit_callbacks(execute=True):
        services.edit_message(user=owner, message_uid=greeting.uid, content="Good evening.")

    assert await socket.receive_json_from() == {"type": "changed", "version": 1}
    await socket.disconnect()


async def test_other_chats_are_not_heard(post, owner, luna, chat, provider):
    other = services.start_chat(user=owner, character=luna)
    socket = listen(other.uid, owner)
    await socket.connect()
    await socket.receive_json_from()

    await post(views.send, chat.uid, content="Hi")
    await settled()

    assert await socket.receive_nothing()
    await socket.disconnect()


async def test_a_person_who_is_suspended_is_shut_out_of_open_pages(
    owner, staff, chat, django_capture_on_commit_callbacks
):
    socket = listen(chat.uid, owner)
    await socket.connect()
    await socket.receive_json_from()

    with django_capture_on_commit_callbacks(execute=True):
        operators.suspend_user(user=owner, by=staff, reason="spam")

    closed = await socket.receive_output()
    assert closed == {"type": "websocket.close", "code": 4401}
