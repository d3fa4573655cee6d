"""Asking for replies from the page, as its script does and as a plain form does."""

import asyncio

import orjson
import pytest

from billing.limits.admission import Admission
from billing.models import Plan
from chats.models import Chat, Message, Turn
from core.errors import Retryable
from engine.events import Finished, TextDelta
from llm.models import Model
from tests.conftest import settled
from web.views import turns as views

pytestmark = pytest.mark.django_db


def texts(chat):
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    return [message.content for message in rows]


async def test_sending_is_answered(post, chat, provider):
    response = await post(views.send, chat.uid, content="Hi", client="abc")
    await settled()

    body = orjson.loads(response.content)
    turn = Turn.objects.get()
    assert (body["chat"], body["turn"], body["message"]) == (chat.uid, turn.uid, turn.reply)
    assert body["user_message"] == Message.objects.get(role="user").uid
    assert texts(chat) == ["Hi, I am Luna.", "Hi", "Hello there."]
    assert turn.surface == "web"


async def test_plain_form_is_sent_back_to_the_chat(post, chat, provider):
    response = await post(views.send, chat.uid, plain=True, content="Hi", client="abc")

    assert (response.status_code, response["Location"]) == (302, f"/app/chats/{chat.uid}")


async def test_two_sends_of_one_message_are_one(post, chat, provider):
    first, second = await asyncio.gather(
        post(views.send, chat.uid, content="Hi", client="abc"),
        post(views.send, chat.uid, content="Hi", client="abc"),
    )
    await settled()

    assert orjson.loads(first.content)["turn"] == orjson.loads(second.content)["turn"]
    assert texts(chat) == ["Hi, I am Luna.", "Hi", "Hello there."]
    assert len(provider.requests) == 1


async def test_sending_clears_the_draft(post, chat, provider):
    Chat.objects.update(draft="Hi")

    await post(views.send, chat.uid, content="Hi")

    chat.refresh_from_db()
    assert chat.draft == ""


async def test_empty_message_is_refused_and_nothing_happens(post, chat, provider):
    response = await post(views.send, chat.uid, content="  ")

    assert response.status_code == 400
    assert orjson.loads(response.content)["error"]["code"] == "empty_message"
    assert Turn.objects.count() == 0
    assert texts(chat) == ["Hi, I am Luna."]


async def test_no_credits_is_said_and_the_text_is_not_stored_as_a_message(
    post, owner, chat, provider, settings
):
    settings.STARTING_GRANT_CREDITS = 1

    response = await post(views.send, chat.uid, content="Hi")

    assert response.status_code == 429
    assert orjson.loads(response.content)["error"]["code"] == "insufficient_quota"
    assert texts(chat) == ["Hi, I am Luna."]


async def test_a_limit_says_when_to_try_again_and_keeps_nothing(post, chat, provider):
    Plan.objects.create(slug="d", name="D", is_default=True, requests_per_minute=1)
    await post(views.send, chat.uid, content="Hi", client="a")
    await settled()
    before = texts(chat)

    response = await post(views.send, chat.uid, content="More", client="b")

    error = orjson.loads(response.content)["error"]
    assert (response.status_code, error["code"]) == (429, "rate_limit_exceeded")
    assert response["Retry-After"] == str(error["retry_after"])
    assert error["message"].startswith("Your plan allows 1 request a minute. Try again in ")
    assert texts(chat) == before
    assert Turn.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_limit_keeps_what_was_typed_in_a_plain_form(browser, owner, chat, provider, settings):
    settings.FREE_TURNS = 1
    Model.objects.update(free=True)
    Admission().begin(owner, free=True)
    address = f"/app/chats/{chat.uid}/send"

    page = browser.post(address, {"content": "My long text", "client": "b"}, follow=True)

    shown = page.content.decode()
    assert "Free models answer each person 1 message a minute. Try again in" in shown
    assert "My long text" in shown
    assert not Message.objects.filter(content="My long text").exists()


@pytest.mark.parametrize("view", [views.send, views.regenerate, views.go_on, views.stop])
async def test_stranger_finds_no_chat(view, post, stranger, chat, provider):
    response = await post(view, chat.uid, user=stranger, content="Hi")

    assert response.status_code == 404
    assert Turn.objects.count() == 0
    assert texts(chat) == ["Hi, I am Luna."]


async def test_guest_is_asked_to_sign_in(post, chat, provider):
    from django.contrib.auth.models import AnonymousUser

    response = await post(views.send, chat.uid, user=AnonymousUser(), content="Hi")

    assert response.status_code == 401
    assert texts(chat) == ["Hi, I am Luna."]


async def test_regenerate_is_another_version(post, chat, provider):
    provider.says([TextDelta("One."), Finished("stop")], [TextDelta("Two."), Finished("stop")])
    await post(views.send, chat.uid, content="Hi")
    await settled()

    await post(views.regenerate, chat.uid)
    await settled()

    assert texts(chat) == ["Hi, I am Luna.", "Hi", "Two."]
    assert Message.objects.filter(chat=chat, role="assistant", position=2).count() == 2


async def test_continue_goes_on_in_place(post, chat, provider):
    await post(views.send, chat.uid, content="Hi")
    await settled()

    await post(views.go_on, chat.uid)
    await settled()

    assert texts(chat)[-1] == "Hello there.Hello there."


async def test_stop_keeps_what_was_said(post, chat, provider):
    provider.says([TextDelta("Once upon"), asyncio.Event()])
    await post(views.send, chat.uid, content="Hi")
    await asyncio.sleep(0.05)

    response = await post(views.stop, chat.uid)
    await settled()

    assert orjson.loads(response.content) == {"stopped": True}
    reply = Message.objects.get(chat=chat, position=2)
    assert (reply.content, reply.status) == ("Once upon", "partial")


async def test_stop_without_a_reply_says_so(post, chat, provider):
    response = await post(views.stop, chat.uid)

    assert orjson.loads(response.content) == {"stopped": False}


async def test_edited_own_message_is_answered_on_a_branch(post, chat, provider):
    await post(views.send, chat.uid, content="Hi")
    await settled()
    question = Message.objects.get(chat=chat, role="user")

    await post(views.edit, question.uid, content="Hello")
    await settled()

    assert texts(chat) == ["Hi, I am Luna.", "Hello", "Hello there."]
    assert Message.objects.filter(chat=chat, role="user").count() == 2


async def test_edited_reply_changes_in_place_without_a_turn(post, chat, provider):
    greeting = Message.objects.get(chat=chat)

    await post(views.edit, greeting.uid, content="Good evening.")

    assert texts(chat) == ["Good evening."]
    assert Turn.objects.count() == 0


async def test_stranger_cannot_edit(post, stranger, chat, provider):
    greeting = Message.objects.get(chat=chat)

    response = await post(views.edit, greeting.uid, user=stranger, content="Mine.")

    assert response.status_code == 404
    assert texts(chat) == ["Hi, I am Luna."]


async def test_failed_reply_can_be_asked_for_again(post, chat, provider):
    broken = [Retryable("The lamp blew.")]
    provider.says(broken, broken, broken, [TextDelta("Better."), Finished("stop")])
    await post(views.send, chat.uid, content="Hi")
    await settled()
    assert texts(chat) == ["Hi, I am Luna.", "Hi"]

    await post(views.regenerate, chat.uid)
    await settled()

    assert texts(chat) == ["Hi, I am Luna.", "Hi", "Better."]
