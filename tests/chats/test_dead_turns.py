"""A turn whose process is gone, or only slow, when somebody else changes its chat."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from billing.invariants import check
from billing.models import Hold
from chats import services
from chats.models import Chat, Message, Turn
from core.errors import Conflict
from tests.chats.talking import again, closed, opened, say

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


def late(chat, text="One", *, partial="As far as"):
    """A turn of this chat that said so much and was then not heard of until its lease ran out."""
    turn = opened(chat.user, chat, text)
    Turn.objects.filter(uid=turn.uid).update(partial=partial)
    Chat.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    return turn


def texts(chat):
    rows = Message.objects.filter(chat=chat, active=True).order_by("position")
    assert list(rows.values_list("position", flat=True)) == list(range(rows.count()))
    return list(rows.values_list("content", flat=True))


def nothing_is_open(turn):
    turn = Turn.objects.get(uid=turn.uid)
    assert turn.state != Turn.State.RUNNING
    assert (Hold.objects.filter(state="open").count(), check()) == (0, [])


@pytest.mark.parametrize("partial", ["", "As far as"])
def test_next_message_follows_what_a_dead_turn_left(chat, partial):
    turn = late(chat, partial=partial)

    say(chat, "Two", "Well.")

    left = [partial] if partial else []
    assert texts(chat) == ["Hi, I am Luna.", "One", *left, "Two", "Well."]
    nothing_is_open(turn)


def test_next_version_takes_the_place_of_what_a_dead_turn_left(chat):
    turn = late(chat)

    again(chat, answer="Otherwise.")

    assert texts(chat) == ["Hi, I am Luna.", "One", "Otherwise."]
    assert Message.objects.get(uid=turn.reply_uid).status == "partial"
    nothing_is_open(turn)


@pytest.mark.parametrize("how", ["edited", "trashed"])
def test_turn_that_was_only_slow_writes_nothing_under_what_was_changed_since(owner, chat, how):
    turn = late(chat)
    if how == "edited":
        services.edit_message(user=owner, message_uid=turn.user_message_uid, content="Two")
    else:
        services.trash_from(user=owner, message_uid=turn.user_message_uid)
    before = texts(chat)

    assert closed(turn, "As far as it goes.").content == "As far as"

    assert texts(chat) == before == ["Hi, I am Luna."] + ["Two"] * (how == "edited")
    nothing_is_open(turn)


def test_reply_that_a_slow_turn_goes_on_with_keeps_what_it_was_rewritten_to(owner, chat):
    _, reply = say(chat)
    turn = opened(owner, chat, kind=Turn.Kind.CONTINUE)
    Chat.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    services.edit_message(user=owner, message_uid=reply.uid, content="Rewritten.")

    closed(turn, " And more.")

    assert texts(chat)[-1] == "Rewritten."
    nothing_is_open(turn)


def test_slow_turn_closes_as_usual_where_nobody_changed_anything(chat):
    turn = late(chat)

    closed(turn, "As far as it goes.")

    assert texts(chat) == ["Hi, I am Luna.", "One", "As far as it goes."]
    nothing_is_open(turn)


def test_change_is_refused_while_a_reply_is_written(owner, chat):
    turn = opened(owner, chat, "One")

    with pytest.raises(Conflict) as refused:
        services.edit_message(user=owner, message_uid=turn.user_message_uid, content="Two")

    assert refused.value.code == "conversation_busy"
    assert texts(chat) == ["Hi, I am Luna.", "One"]


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite locks all of the database")
@pytest.mark.django_db(transaction=True)
def test_change_beside_a_turn_that_is_just_ending_does_not_wait_for_it(owner, chat):
    """The one who ends it has the turn's row and needs the chat's, which the change has."""
    turn = late(chat)
    has_it, may_go = threading.Event(), threading.Event()

    def end_slowly():
        try:
            with transaction.atomic():
                Turn.objects.select_for_update().get(uid=turn.uid)
                has_it.set()
                may_go.wait(30)
                closed(turn, "As far as it goes.")
        finally:
            connection.close()

    ending = threading.Thread(target=end_slowly)
    ending.start()
    assert has_it.wait(30)
    try:
        with pytest.raises(Conflict) as refused:
            services.edit_message(user=owner, message_uid=turn.user_message_uid, content="Two")
    finally:
        may_go.set()
        ending.join()

    assert refused.value.code == "conversation_busy"
    assert texts(chat) == ["Hi, I am Luna.", "One", "As far as it goes."]
    nothing_is_open(turn)
