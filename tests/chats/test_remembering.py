"""What was learnt in a chat follows what the chat shows."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from chats import recovery, services
from chats.importing import import_chats
from chats.models import Chat, Message, Turn
from chats.remembering import message_rewritten
from memory import queries
from memory.models import IndexBlock, MemorySource, Notebook, Summary
from memory.services import correct, default_notebook, forget, remember
from memory.standing import Standing
from tests.chats.talking import again, asked, closed, opened, path, reread, say
from tests.factories import ChatFactory

pytestmark = pytest.mark.django_db


FILE = b'{"name": "Luna", "is_user": false, "mes": "Hello."}'


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


def learn(chat, text, message, *evidence, **more):
    return remember(
        reread(chat).notebook,
        text,
        author="model",
        chat=chat.uid,
        message=message.uid,
        evidence=[message.uid, *(e.uid for e in evidence)],
        **more,
    )


def summarise(chat, text, last, first=0, **more):
    return Summary.objects.create(
        notebook=reread(chat).notebook,
        chat=chat.uid,
        first_position=first,
        last_position=last.position,
        last_message=last.uid,
        text=text,
        **more,
    )


def known(chat):
    return [m.text for m in queries.known(reread(chat).notebook.uid, chat.uid)]


def live_summaries(chat):
    rows = Summary.objects.filter(chat=chat.uid, live=True, stale=False)
    return list(rows.order_by("first_position").values_list("text", flat=True))


def version(chat):
    return reread(chat).notebook.version


# Whose notebook


def test_chats_with_one_character_share_a_notebook(owner, luna, chat, friend):
    other = services.start_chat(user=owner, character=luna)
    [imported] = import_chats(owner=owner, character=luna, data=FILE)
    strangers = services.start_chat(user=friend, character=luna)

    mine = default_notebook(user=owner, character=luna.uid)
    assert {c.notebook_id for c in (chat, other, imported.chat)} == {mine.uid}
    assert strangers.notebook_id not in (None, mine.uid)


def test_chat_from_before_gets_its_notebook_with_its_next_turn(owner, luna, provider):
    old = ChatFactory(character=luna, user=owner)
    assert old.notebook_id is None

    say(old)

    assert reread(old).notebook == default_notebook(user=owner, character=luna.uid)


def test_one_persons_memories_never_reach_another(owner, friend, luna, chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    theirs = services.start_chat(user=friend, character=luna)

    assert "bees" in asked(chat)
    assert "bees" not in asked(theirs)


# What is shown, and what is not


def test_deleting_takes_what_was_learnt_along_and_undo_brings_it_back(owner, chat):
    _, first = say(chat)
    said, reply = say(chat)
    learn(chat, "Learnt early.", first)
    learn(chat, "Learnt late.", reply, said)
    summarise(chat, "All of it.", reply)
    before = version(chat)

    trashed = services.trash_from(user=owner, message_uid=said.uid)
    assert (known(chat), live_summaries(chat)) == (["Learnt early."], [])
    assert version(chat) == before + 1

    services.restore_trash(user=owner, trash_uid=trashed.trash_uid)
    assert known(chat) == ["Learnt early.", "Learnt late."]
    assert live_summaries(chat) == ["All of it."]


def test_another_version_knows_nothing_of_the_first(owner, chat):
    _, reply = say(chat)
    learn(chat, "From the first.", reply)
    second = again(chat)
    assert known(chat) == []
    learn(chat, "From the second.", second)

    services.step_version(user=owner, message_uid=second.uid, step=-1)
    assert known(chat) == ["From the first."]
    services.step_version(user=owner, message_uid=reply.uid, step=1)
    assert known(chat) == ["From the second."]


def test_reply_is_written_again_without_what_it_had_taught(chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    old = learn(chat, "Ana has a cat.", Message.objects.get(uid=path(chat)[0]))
    correct(old, "Ana has a dog.", author="model", chat=chat.uid, message=reply.uid)

    turn = opened(chat.user, chat, kind=Turn.Kind.REGENERATE)
    text = str(turn.generation.messages)
    closed(turn, "")

    assert ("bees" in text, "a cat" in text, "a dog" in text) == (False, True, False)
    assert "a dog" in asked(chat)


def test_reply_that_goes_on_still_knows_what_it_taught(chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)

    turn = opened(chat.user, chat, kind=Turn.Kind.CONTINUE)
    assert "bees" in str(turn.generation.messages)
    closed(turn, " And on.")

    assert known(chat) == ["Ana keeps bees."]


def test_editing_ones_message_leaves_what_followed_behind(owner, chat):
    said, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply, said)

    services.edit_message(user=owner, message_uid=said.uid, content="Something else.")

    assert known(chat) == []


def test_rewriting_a_reply_makes_stale_what_was_read_from_it(owner, chat):
    _, reply = say(chat)
    _, later = say(chat)
    learn(chat, "Read from it.", later, reply)
    learn(chat, "Read elsewhere.", later)
    summarise(chat, "Covers it.", later)
    summarise(chat, "Does not.", later, first=reply.position + 1)

    services.edit_message(user=owner, message_uid=reply.uid, content="Something else.")

    assert known(chat) == ["Read elsewhere."]
    assert live_summaries(chat) == ["Does not."]


def test_rewriting_what_is_not_shown_spares_the_summaries_of_what_is(owner, chat):
    _, hidden = say(chat)
    shown = again(chat)
    summarise(chat, "Shown.", shown)
    summarise(chat, "Hidden.", hidden, live=False)

    services.edit_message(user=owner, message_uid=hidden.uid, content="Something else.")

    assert live_summaries(chat) == ["Shown."]
    assert Summary.objects.get(text="Hidden.").stale


def test_chat_takes_its_memories_to_the_trash_and_back(owner, luna, chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    Summary.objects.create(
        notebook=chat.notebook,
        chat=chat.uid,
        first_position=0,
        last_position=-1,
        text="Carried.",
        author="carried",
    )
    other = services.start_chat(user=owner, character=luna)
    assert known(other) == ["Ana keeps bees."]

    services.trash_chat(user=owner, chat_uid=chat.uid)
    assert (known(other), live_summaries(chat)) == ([], [])
    services.restore_chat(user=owner, chat_uid=chat.uid)
    assert (known(other), live_summaries(chat)) == (["Ana keeps bees."], ["Carried."])


def test_what_a_dead_turn_left_takes_the_place_of_what_was_there(chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    turn = opened(chat.user, chat, kind=Turn.Kind.REGENERATE)
    Turn.objects.filter(uid=turn.uid).update(partial="As far as")

    recovery.recover(turn.uid)

    assert known(chat) == []
    assert Message.objects.get(uid=turn.reply_uid).active


@pytest.mark.parametrize("kind", ["edited", "trashed"])
def test_what_a_dead_turn_left_of_a_branch_that_is_gone_is_not_shown(owner, chat, kind):
    turn = opened(owner, chat, "One")
    Turn.objects.filter(uid=turn.uid).update(partial="As far as")
    Chat.objects.update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    question = turn.user_message_uid
    if kind == "edited":
        services.edit_message(user=owner, message_uid=question, content="Two")
    else:
        trashed = services.trash_from(user=owner, message_uid=question)
    before = path(chat)

    recovery.recover(turn.uid)

    assert path(chat) == before
    assert Message.objects.get(uid=turn.reply_uid).content == "As far as"
    if kind == "trashed":
        assert services.restore_trash(user=owner, trash_uid=trashed.trash_uid) == 2


def test_dead_continuation_makes_summaries_stale_and_spares_memories(chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    summarise(chat, "All of it.", reply)
    turn = opened(chat.user, chat, kind=Turn.Kind.CONTINUE)
    Turn.objects.filter(uid=turn.uid).update(partial=" and on")

    recovery.recover(turn.uid)

    assert (known(chat), live_summaries(chat)) == (["Ana keeps bees."], [])
    assert Message.objects.get(uid=reply.uid).edited_at is not None


# Forks


def test_fork_has_a_notebook_of_its_own(owner, chat):
    _, first = say(chat)
    _, second = say(chat)
    learn(chat, "Before.", first)
    learn(chat, "After.", second)
    summarise(chat, "The beginning.", first)

    fork = services.fork_chat(user=owner, message_uid=first.uid)
    assert reread(fork).notebook_id != reread(chat).notebook_id
    assert known(fork) == ["Before."]
    assert live_summaries(fork) == ["The beginning."]

    _, there = say(fork)
    learn(fork, "There.", there)
    assert (known(fork), known(chat)) == (["Before.", "There."], ["Before.", "After."])
    copied = Message.objects.get(chat=fork, position=first.position)
    services.trash_from(user=owner, message_uid=copied.uid)
    assert (known(fork), known(chat)) == ([], ["Before.", "After."])


def test_fork_of_a_chat_without_notebook_has_one(owner, luna):
    old = ChatFactory(character=luna, user=owner)
    message = Message.objects.create(chat=old, position=0, role="assistant", content="Hi.")

    fork = services.fork_chat(user=owner, message_uid=message.uid)

    assert not reread(fork).notebook.is_default


# Index blocks, versions


def test_blocks_that_reach_a_change_are_dropped(owner, chat):
    said, _ = say(chat)
    for first in (0, 256):
        IndexBlock.objects.create(
            chat=chat.uid, first_position=first, last_position=first + 255, data=b""
        )
    Message.objects.filter(chat=chat).update(position=F("position") + 256)

    services.trash_from(user=owner, message_uid=said.uid)

    blocks = IndexBlock.objects.filter(chat=chat.uid)
    assert list(blocks.values_list("first_position", flat=True)) == [0]


def test_growing_at_the_end_changes_no_path(chat):
    before = Chat.objects.get(uid=chat.uid).path_version

    say(chat)
    say(chat)

    assert Chat.objects.get(uid=chat.uid).path_version == before


def test_change_without_anything_learnt_leaves_the_notebook_alone(owner, chat):
    said, _ = say(chat)

    services.trash_from(user=owner, message_uid=said.uid)

    assert version(chat) == 0


def test_change_reaches_every_notebook_that_learnt_here(owner, luna, chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    other = services.start_chat(user=owner, character=luna)
    _, there = say(other)
    fork = services.fork_chat(user=owner, message_uid=there.uid)
    assert known(fork) == ["Ana keeps bees."]
    before = version(fork)

    services.trash_chat(user=owner, chat_uid=chat.uid)

    assert (known(fork), version(fork)) == ([], before + 1)


def test_rewriting_twice_is_rewriting_once(chat):
    _, reply = say(chat)
    learn(chat, "Ana keeps bees.", reply)
    message_rewritten(reply)
    after = version(chat)

    message_rewritten(reply)

    assert version(chat) == after
    assert MemorySource.objects.get().stale


def test_person_forgets_on_every_branch_and_the_model_on_its_own(owner, chat):
    _, first = say(chat)
    fact = learn(chat, "Ana keeps bees.", first)
    said, reply = say(chat)
    forget(fact, author="model", chat=chat.uid, message=reply.uid)
    assert known(chat) == []
    services.trash_from(user=owner, message_uid=said.uid)
    assert known(chat) == ["Ana keeps bees."]

    forget(fact, author="person")

    assert known(chat) == []
    found = queries.contents(reread(chat).notebook.uid).standing[fact.uid]
    assert found == Standing.RETIRED
    assert Notebook.objects.count() == 1
