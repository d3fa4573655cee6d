"""The index of a chat's path: read once, growing, cut back when the path changes, never wrong."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from chats import passages, services
from chats.models import Chat, Message
from chats.passages import ANALYSED_MOST, BLOCK
from chats.recalling import index_chat
from core.ids import new_uid
from memory.models import IndexBlock
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db

LONG = 3 * BLOCK


@pytest.fixture(autouse=True)
def _nothing_kept():
    passages.forget()
    yield
    passages.forget()


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    return lambda: django_capture_on_commit_callbacks(execute=True)


def grow(chat, count):
    """Add messages to a chat's path, each with a word of its own."""
    last = Message.objects.filter(chat=chat, active=True).order_by("-position").first()
    start = last.position + 1 if last else 0
    began = timezone.now() - timedelta(days=30)
    rows = []
    for position in range(start, start + count):
        last = Message(
            uid=new_uid(),
            chat=chat,
            parent=last,
            position=position,
            role="user" if position % 2 else "assistant",
            speaker="Tom" if position % 2 else "Luna",
            content=f"The lantern number{position} hung by the door.",
            created_at=began + timedelta(minutes=position),
        )
        rows.append(last)
    Message.objects.bulk_create(rows)
    return rows


@pytest.fixture
def chat(owner, luna):
    chat = ChatFactory(character=luna, user=owner)
    grow(chat, 20)
    return chat


def find(chat, question, before=None, **more):
    chat = Chat.objects.get(uid=chat.uid)
    end = Message.objects.filter(chat=chat, active=True).count()
    before = end if before is None else before
    return passages.search(chat, question, before=before, k=5, now=timezone.now(), **more)


def at(found):
    return found.positions[:1]


def test_finds_what_was_said_where_and_by_whom(chat):
    found = find(chat, "lantern number7?")

    assert at(found) == [7]
    assert found.hits[0].text.endswith("Tom: The lantern number7 hung by the door.")
    assert found.hits[0].ids == (Message.objects.get(chat=chat, position=7).uid,)
    assert (found.unread, found.is_due) == (0, False)


def test_finds_nothing_from_the_window_on(chat):
    assert at(find(chat, "number7", before=7)) != [7]
    assert at(find(chat, "number7", before=8)) == [7]


def test_hidden_messages_and_other_branches_are_not_found(owner, chat):
    Message.objects.filter(chat=chat, position=7).update(hidden=True)
    Message.objects.filter(chat=chat, position=12).update(active=False)

    assert find(chat, "number7").hits == []
    assert find(chat, "number12").hits == []


def test_grows_without_reading_twice(chat, committed, django_assert_num_queries):
    with committed():
        find(chat, "number7")
    held = Chat.objects.get(uid=chat.uid)
    now = timezone.now()
    with django_assert_num_queries(0), committed():
        passages.search(held, "number7", before=20, k=5, now=now)
    grow(chat, 10)

    with django_assert_num_queries(1):
        found = passages.search(held, "number25", before=30, k=5, now=now)

    assert at(found) == [25]


@pytest.mark.parametrize("how", ["edit", "swipe", "delete"])
def test_change_of_the_path_is_noticed(owner, chat, committed, how):
    with committed():
        find(chat, "number8")
    message = Message.objects.get(chat=chat, position=8)
    if how == "edit":
        services.edit_message(user=owner, message_uid=message.uid, content="A windmill.")
    elif how == "delete":
        services.trash_from(user=owner, message_uid=message.uid)
    else:
        Message.objects.create(
            chat=chat, parent=message.parent, position=8, active=False, role="assistant",
            content="A windmill.",
        )  # fmt: skip
        services.step_version(user=owner, message_uid=message.uid, step=1)

    assert find(chat, "number8").hits == []
    assert at(find(chat, "number7")) == [7]
    assert bool(find(chat, "windmill").hits) == (how != "delete")


def fail(chat):
    with transaction.atomic():
        Message.objects.filter(chat=chat, position=7).update(content="A windmill.")
        assert at(find(chat, "windmill")) == [7]
        raise ZeroDivisionError


def test_what_was_read_in_a_transaction_that_failed_is_not_kept(chat, committed):
    with committed(), suppress(ZeroDivisionError):
        fail(chat)

    assert find(chat, "windmill").hits == []
    assert at(find(chat, "number7")) == [7]


def test_long_chat_is_read_in_bounded_steps_and_says_so(chat, committed):
    grow(chat, LONG)
    total = 20 + LONG
    with committed():
        first = find(chat, "number3")
    assert (at(first), first.unread) == ([3], total - ANALYSED_MOST)
    assert first.is_due

    second = find(chat, f"number{total - 1}")

    assert (at(second), second.unread) == ([total - 1], 0)


def test_blocks_are_what_a_new_process_begins_with(chat, committed, django_assert_num_queries):
    grow(chat, LONG)
    assert index_chat(chat.uid) == 0
    rows = IndexBlock.objects.filter(chat=chat.uid).order_by("first_position")
    assert list(rows.values_list("first_position", "last_position")) == [(0, 255), (256, 511)]

    held = Chat.objects.get(uid=chat.uid)
    now = timezone.now()
    with django_assert_num_queries(3), committed():
        found = passages.search(held, "number700", before=20 + LONG, k=5, now=now)

    assert (at(found), found.unread, found.is_due) == ([700], 0, False)
    assert at(find(chat, "number100")) == [100]


def test_blocks_are_written_once_and_in_bounded_steps(chat):
    grow(chat, LONG)
    assert passages.write_blocks(chat.uid, most=1) == 1
    [first] = IndexBlock.objects.filter(chat=chat.uid)

    assert (index_chat(chat.uid), index_chat(chat.uid)) == (0, 0)

    assert IndexBlock.objects.filter(chat=chat.uid).count() == 2
    assert IndexBlock.objects.get(chat=chat.uid, first_position=0).pk == first.pk


def test_no_block_is_written_of_a_path_that_changed_meanwhile(chat):
    grow(chat, LONG)
    held = Chat.objects.get(uid=chat.uid)
    Chat.objects.filter(uid=chat.uid).update(path_version=held.path_version + 1)

    assert passages._write_block(held, 0) is False
    assert IndexBlock.objects.count() == 0
    assert index_chat("nobody") == 0


def test_change_below_the_blocks_costs_only_what_it_touched(owner, chat):
    grow(chat, LONG)
    index_chat(chat.uid)
    message = Message.objects.get(chat=chat, position=300)

    services.edit_message(user=owner, message_uid=message.uid, content="A windmill.")

    assert IndexBlock.objects.filter(chat=chat.uid).count() == 1
    assert at(find(chat, "number300")) != [300]
    assert at(find(chat, "number100")) == [100]
    assert index_chat(chat.uid) == 0
    passages.forget()
    assert at(find(chat, "The windmill?")) == [300]


def test_blocks_of_another_format_are_dropped_and_written_anew(chat):
    grow(chat, LONG)
    index_chat(chat.uid)
    IndexBlock.objects.filter(first_position=0).update(data=b"old")

    found = find(chat, "number3")

    assert (at(found), found.is_due, IndexBlock.objects.count()) == ([3], True, 0)
    assert index_chat(chat.uid) == 0
    assert IndexBlock.objects.count() == 2
