"""What jobs write of a chat is of what it shows, also while others change it."""

import threading
from contextlib import contextmanager

import pytest
from django.db import connection, transaction

from chats import services, spans
from chats.models import Chat, Message
from core.errors import Retryable
from memory import summaries
from memory.models import MemorySource, Summary
from memory.services import remember
from memory.writing.spans import Span
from tests.chats.talking import reread

AGAINST_POSTGRESQL = pytest.mark.skipif(
    "connection.vendor != 'postgresql'", reason="needs PostgreSQL"
)


@pytest.fixture
def chat(transactional_db, owner, luna):
    return services.start_chat(user=owner, character=luna)


@contextmanager
def beside(change):
    """Run a change of the chat in another connection, as far as the locks let it."""

    def run():
        try:
            change()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        thread.join(20)
    assert not thread.is_alive()


def test_what_is_gone_or_in_the_trash_cannot_be_held(owner, chat):
    said = spans.said_between(chat.uid, spans.names_of(chat), 0, 0)
    with transaction.atomic():
        assert spans.hold(chat.uid)
        assert spans.are_same(chat.uid, said)
        assert not spans.hold("x" * 24)
    services.trash_chat(user=owner, chat_uid=chat.uid)

    with transaction.atomic():
        assert not spans.hold(chat.uid)
        assert not spans.are_same(chat.uid, said)


@AGAINST_POSTGRESQL
def test_chat_that_somebody_changes_is_not_waited_for(owner, chat):
    locked, done = threading.Event(), threading.Event()

    def change():
        with transaction.atomic():
            Chat.objects.select_for_update().get(uid=chat.uid)
            locked.set()
            done.wait(20)

    with beside(change):
        assert locked.wait(20)
        with pytest.raises(Retryable), transaction.atomic():
            spans.hold(chat.uid)
        done.set()


@AGAINST_POSTGRESQL
@pytest.mark.parametrize("how", ["trash", "edit"])
def test_what_is_written_while_the_chat_changes_is_marked_right(owner, chat, how):
    message = Message.objects.get(chat=chat)
    said = spans.said_between(chat.uid, spans.names_of(chat), 0, 0)

    def change():
        if how == "trash":
            services.trash_chat(user=owner, chat_uid=chat.uid)
        else:
            services.edit_message(user=owner, message_uid=message.uid, content="Other words.")

    with transaction.atomic():
        assert spans.are_same(chat.uid, said)
        with_change = beside(change)
        thread = with_change.__enter__()
        thread.join(0.5)
        assert thread.is_alive()
        notebook = reread(chat).notebook
        place = {"chat": chat.uid, "message": message.uid}
        remember(notebook, "Ana keeps bees.", author="extraction", **place)
        summaries.write(
            notebook.uid,
            chat=chat.uid,
            level=0,
            span=Span(0, 0),
            last_message=message.uid,
            text="Hello.",
            model="",
        )
    with_change.__exit__(None, None, None)

    expected = (False, False) if how == "trash" else (True, True)
    marks = [(row.live, row.stale) for row in (MemorySource.objects.get(), Summary.objects.get())]
    assert marks == [expected, expected]
