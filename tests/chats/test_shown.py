"""What is at hand of a chat's shown path: used while it is true, and no longer."""

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from chats import closing, services, shown
from chats.models import Message, Turn
from chats.services import start_chat
from chats.tree import Node
from llm import registry
from llm.models import Model
from tests.chats.talking import again, closed, opened, reread, say, sent

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna, provider):
    return start_chat(user=owner, character=luna)


def at_hand(chat) -> list[str]:
    """What is said in the path that the next turn would take as it is."""
    kept = shown.of(reread(chat))
    return [node.content for node in kept.path[1:]] if kept else []


def reads_of_messages(chat, text) -> int:
    with CaptureQueriesContext(connection) as captured:
        turn = opened(chat.user, chat, text)
    closed(turn)
    return sum('FROM "chats_message"' in query["sql"] for query in captured.captured_queries)


def test_the_next_turn_reads_no_messages(chat):
    say(chat, "One.", "Two.")

    assert at_hand(chat) == ["One.", "Two."]
    assert reads_of_messages(chat, "Three.") == 0


def test_another_process_reads_for_itself(chat):
    say(chat, "One.", "Two.")
    shown.forget()

    assert reads_of_messages(chat, "Three.") > 0


def test_an_edited_reply_is_sent_as_it_is_now(chat):
    _, reply = say(chat, "One.", "A mistake.")
    services.edit_message(user=chat.user, message_uid=reply.uid, content="As it was.")

    assert at_hand(chat) == []
    prompt = sent(opened(chat.user, chat, "Three."))
    assert ("A mistake." in prompt, "As it was." in prompt) == (False, True)


def test_a_deleted_message_is_not_sent(chat):
    said, _ = say(chat, "Forget this.", "Gladly.")
    services.trash_from(user=chat.user, message_uid=said.uid)

    assert "Forget this." not in sent(opened(chat.user, chat, "Three."))


def test_another_version_takes_the_place_of_the_first(chat):
    say(chat, "One.", "The first.")
    again(chat, answer="The second.")

    assert at_hand(chat) == ["One.", "The second."]


def test_a_reply_that_is_gone_on_with_is_read_anew(chat):
    say(chat, "One.", "It begins")
    closed(opened(chat.user, chat, kind=Turn.Kind.CONTINUE), " and ends.")

    assert at_hand(chat) == []
    assert "It begins and ends." in sent(opened(chat.user, chat, "Three."))


def test_a_turn_without_a_reply_leaves_nothing_at_hand(chat):
    say(chat, "One.", "Two.")
    closed(opened(chat.user, chat, "Three."), "")

    assert at_hand(chat) == []


def test_what_was_not_committed_is_not_at_hand(chat, monkeypatch):
    say(chat, "One.", "Two.")
    turn = opened(chat.user, chat, "Three.")

    def fail(*_):
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(closing.memorising, "after_turn", fail)
    with pytest.raises(DatabaseError), transaction.atomic():
        closed(turn, "Four.")

    assert at_hand(chat) == []
    assert not Message.objects.filter(uid=turn.reply_uid).exists()


def test_a_change_while_the_reply_was_written_counts(chat):
    turn = opened(chat.user, chat, "One.")
    services.touch(reread(chat))
    closed(turn, "Two.")

    assert at_hand(chat) == []


def test_a_larger_window_reads_further_back(chat, model):
    for number in range(40):
        say(chat, f"Question {number}. {'word ' * 400}", "Well.")
    Model.objects.filter(pk=model.pk).update(context_tokens=2048, reply_tokens=128)
    registry.forget()
    say(chat, "In a small window.", "Well.")
    assert shown.of(reread(chat)).path[0].position > 60

    Model.objects.filter(pk=model.pk).update(context_tokens=32_768)
    registry.forget()

    assert "Question 0." in sent(opened(chat.user, chat, "Now?"))


def nodes(*texts, first=0):
    return [Node("user", text, str(i), position=first + i) for i, text in enumerate(texts)]


@pytest.mark.parametrize(("chars", "start"), [(1, 3), (2, 3), (3, 2), (6, 1), (9, 0)])
def test_the_end_has_as_many_characters_as_asked_and_no_message_more(chars, start):
    path = nodes("aaa", "bbb", "c", "dd")

    assert shown.Kept(1, path, 9).end(chars) == path[start:]


def test_an_end_that_is_too_short_is_not_given_but_a_whole_path_is():
    assert shown.Kept(1, nodes("abc", first=5), 3).end(4) == []
    assert shown.Kept(1, nodes("abc"), 3).end(4) == nodes("abc")


def test_a_giant_path_is_not_kept(chat):
    shown.keep(chat.uid, chat.version, nodes("x" * 1_000_001))

    assert shown.of(chat) is None
