"""What is deleted for good leaves nothing behind, whatever was made from it."""

from datetime import timedelta

import numpy as np
import pytest
from django.apps import apps
from django.utils import timezone

from chats import purging, services
from chats.models import Chat, Message, Turn
from jobs import running
from jobs.models import Job
from jobs.work import claim_next
from memory import queries, vectors
from memory.models import IndexBlock, Memory, MemorySource, Notebook, Reading, Summary, Vector
from memory.recall import Turn as Passage
from memory.recall import analyse, pack
from memory.services import (
    correct,
    default_notebook,
    erase,
    forget,
    purge,
    remember,
    set_pinned,
)
from memory.vectors import Kind
from tests.chats.talking import asked, closed, opened, reread, say

pytestmark = pytest.mark.django_db

CANARY = "Xylophone-7731"


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


def learn(chat, text, message, **more):
    return remember(
        reread(chat).notebook,
        text,
        author="model",
        chat=chat.uid,
        message=message.uid,
        evidence=[message.uid],
        **more,
    )


def fill(chat, message):
    """Everything that may be made from a message, and a prompt that repeats it."""
    learn(chat, f"A fact of {CANARY}.", message)
    learn(chat, f"Only here: {CANARY}.", message, scope="chat")
    notebook = reread(chat).notebook
    place = {"chat": chat.uid, "first_position": 0, "last_position": message.position}
    Summary.objects.create(
        notebook=notebook, last_message=message.uid, text=f"Of {CANARY}.", **place
    )
    Reading.objects.create(chat=chat.uid, message=message.uid, position=message.position)
    data = pack([analyse(Passage(message.uid, message.content))])
    IndexBlock.objects.create(data=data, **place)


def age():
    past = timezone.now() - timedelta(days=31)
    Message.objects.exclude(trashed_at=None).update(trashed_at=past)
    Chat.objects.exclude(trashed_at=None).update(trashed_at=past)


def everything():
    """All that the database holds, as text."""
    return "\n".join(
        repr(bytes(value) if isinstance(value, memoryview) else value)
        for model in apps.get_models()
        if model._meta.app_label in {"chats", "memory", "jobs", "billing"}
        for row in model.objects.values()
        for value in row.values()
    )


def test_trash_is_emptied_after_thirty_days_only(owner, chat):
    said, _ = say(chat, "One", "First.")
    services.trash_from(user=owner, message_uid=said.uid)

    assert purging.empty_trash() == 0
    age()

    assert purging.empty_trash() == 2
    assert list(Message.objects.values_list("content", flat=True)) == ["Hi, I am Luna."]


def test_deleted_messages_leave_no_trace(owner, luna, chat):
    said, _ = say(chat, f"My word is {CANARY}.", "I see.")
    fill(chat, said)
    other = services.start_chat(user=owner, character=luna)
    for where in (chat, other):
        say(where, "Do you remember?", "Yes.")
    assert CANARY in everything()
    kept = Message.objects.filter(chat=other).count()
    services.trash_from(user=owner, message_uid=said.uid)
    assert purging.empty_trash() == 0
    assert CANARY in everything()

    age()
    purging.empty_trash()

    assert CANARY not in everything()
    assert Message.objects.filter(chat=other).count() == kept
    assert Turn.objects.count() == 3


def test_deleted_chat_leaves_no_trace(owner, luna, chat):
    said, _ = say(chat, f"My word is {CANARY}.", "I see.")
    fill(chat, said)
    other = services.start_chat(user=owner, character=luna)
    say(other, "Do you remember?", "Yes.")
    [turn] = Turn.objects.filter(chat=other)
    assert CANARY in str(turn.manifest)
    services.trash_chat(user=owner, chat_uid=chat.uid)
    age()

    purging.empty_trash()

    assert CANARY not in everything()
    assert reread(other).notebook == default_notebook(user=owner, character=luna.uid)


def test_what_was_rebuilt_meanwhile_leaves_no_trace_in_prompts_either(owner, luna, chat):
    said, _ = say(chat, f"My word is {CANARY}.", "I see.")
    fill(chat, said)
    other = services.start_chat(user=owner, character=luna)
    say(other, "Do you remember?", "Yes.")
    Memory.objects.all().delete()
    assert CANARY in str(Turn.objects.get(chat=other).manifest)
    services.trash_from(user=owner, message_uid=said.uid)
    age()

    purging.empty_trash()

    assert CANARY not in everything()
    assert Turn.objects.get(chat=other).manifest["recalled"] == []


def run_all():
    while (work := claim_next()) is not None:
        running.run(work)


@pytest.mark.parametrize("how", ["erased", "purged"])
def test_memory_forgotten_for_good_leaves_no_trace_in_prompts(owner, friend, luna, chat, how):
    notebook = reread(chat).notebook
    fact = remember(notebook, f"Owns a {CANARY}.", author="person")
    kept = remember(notebook, "Keeps bees.", author="person")
    set_pinned(fact, True)
    say(chat, "What do I own?", "A thing.")
    other = services.start_chat(user=owner, character=luna)
    say(other, "And what do I own?", "That thing.")
    last = correct(fact, f"Sold the {CANARY}.", author="person")
    say(other, "What did I sell?", "The thing.")
    theirs = services.start_chat(user=friend, character=luna)
    remember(reread(theirs).notebook, "Keeps wasps.", author="person")
    say(theirs)
    place = vectors.Place(owner.pk, Kind.MEMORY, notebook.uid)
    piece = vectors.Piece(fact.uid, 0, fact.text)
    vectors.store(place, "test", [piece], np.ones((1, 4), np.float32) / 2)
    assert everything().count(CANARY) > 4

    if how == "erased":
        erase(last)
    else:
        forget(last, author="person")
        Memory.objects.exclude(retired_at=None).update(
            retired_at=timezone.now() - timedelta(days=31)
        )
        purge(timezone.now())
    run_all()

    assert CANARY not in everything()
    assert not Job.objects.exclude(state="done").exists()
    assert Turn.objects.get(chat=chat).manifest["recalled"] == [kept.uid]
    assert "wasps" in str(Turn.objects.get(chat=theirs).manifest)
    assert Vector.objects.count() == 0


def test_reply_that_came_to_nothing_leaves_no_changes_behind(owner, chat):
    turn = opened(owner, chat, "One")
    Turn.objects.update(changes=[{"kind": "save", "text": CANARY}])

    closed(turn, "")

    assert Turn.objects.get().changes is None


def test_deleted_fork_takes_its_own_notebook_along(owner, luna, chat):
    said, _ = say(chat, f"My word is {CANARY}.", "I see.")
    learn(chat, "Ana keeps bees.", said)
    fork = services.fork_chat(user=owner, message_uid=said.uid)
    services.trash_chat(user=owner, chat_uid=fork.uid)
    age()

    purging.empty_trash()

    assert list(Notebook.objects.values_list("is_default", flat=True)) == [True]
    assert "bees" in asked(chat)


def test_what_was_also_learnt_elsewhere_stays(owner, luna, chat):
    said, _ = say(chat)
    other = services.start_chat(user=owner, character=luna)
    there, _ = say(other)
    learn(chat, "Ana keeps bees.", said)
    learn(other, "Ana keeps bees.", there)
    assert MemorySource.objects.count() == 2
    services.trash_chat(user=owner, chat_uid=chat.uid)
    age()

    purging.empty_trash()

    assert list(MemorySource.objects.values_list("chat", flat=True)) == [other.uid]
    assert "bees" in asked(other)


def test_correction_from_elsewhere_outlives_what_it_corrected(owner, luna, chat):
    said, _ = say(chat)
    first = learn(chat, "Ana has a cat.", said)
    other = services.start_chat(user=owner, character=luna)
    there, _ = say(other)
    dog = correct(first, "Ana has a dog.", author="model", chat=other.uid, message=there.uid)
    second = learn(chat, "Ana has a horse.", said)
    forget(second, author="model", chat=other.uid, message=there.uid)
    services.trash_chat(user=owner, chat_uid=chat.uid)
    age()

    purging.empty_trash()

    assert list(Memory.objects.values_list("uid", "supersedes")) == [(dog.uid, None)]


def test_what_a_person_wrote_down_stays(owner, chat):
    remember(reread(chat).notebook, "Ana keeps bees.", author="person")
    services.trash_chat(user=owner, chat_uid=chat.uid)
    age()

    purging.empty_trash()

    assert Memory.objects.get().text == "Ana keeps bees."


def test_what_names_a_chat_that_is_gone_goes_too(owner, chat):
    said, _ = say(chat, f"My word is {CANARY}.", "I see.")
    fill(chat, said)
    Notebook.objects.all().delete()
    Chat.objects.all().delete()
    assert CANARY in everything()

    assert purging.empty_trash() == 2

    assert CANARY not in everything()
    assert (IndexBlock.objects.count(), Reading.objects.count()) == (0, 0)


def test_prompts_of_others_are_left_alone(owner, friend, luna, chat):
    said, _ = say(chat)
    learn(chat, "Ana keeps bees.", said)
    theirs = services.start_chat(user=friend, character=luna)
    remember(reread(theirs).notebook, "Ana keeps bees.", author="person")
    say(theirs)
    services.trash_chat(user=owner, chat_uid=chat.uid)
    age()

    purging.empty_trash()

    assert "bees" in str(Turn.objects.get(chat=theirs).manifest)
    assert [m.text for m in queries.known(reread(theirs).notebook.uid, theirs.uid)] == [
        "Ana keeps bees."
    ]
