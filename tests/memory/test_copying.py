"""What goes along to a fork, and into a chat that carries on from another."""

import pytest

from core.errors import Invalid
from jobs.models import Job
from memory import queries, services
from memory.models import Memory, MemorySource, Reading, Summary

pytestmark = pytest.mark.django_db

OLD, NEW, OTHER = "o" * 24, "n" * 24, "x" * 24
MESSAGES = {"m1": "n1", "m2": "n2"}


@pytest.fixture
def notebook(owner):
    return services.default_notebook(user=owner, character="l" * 24)


def learn(notebook, text, message="", chat=OLD, **given):
    given = {"author": "model", "chat": chat, "message": message, **given}
    return services.remember(notebook, text, **given)


def fork(notebook):
    return services.copy_notebook(notebook, messages=MESSAGES, old_chat=OLD, new_chat=NEW)


def known(notebook, chat=NEW):
    return [memory.text for memory in queries.known(notebook.uid, chat)]


def summarise(notebook, message, first=0, chat=OLD, **given):
    values = {"first_position": first, "last_position": first + 1, "text": "They met.", **given}
    return Summary.objects.create(notebook=notebook, chat=chat, last_message=message, **values)


def test_fork_knows_what_its_messages_taught(notebook):
    learn(notebook, "Before.", "m1", evidence=["m1", "m0"], importance=9)
    learn(notebook, "After.", "m3")
    learn(notebook, "Elsewhere.", "m9", chat=OTHER)
    learn(notebook, "Told.", author="person")

    made = fork(notebook)

    assert known(made) == ["Before.", "Elsewhere.", "Told."]
    assert (made.user, made.character, made.is_default) == (notebook.user, "l" * 24, False)
    copy = made.memories.get(text="Before.")
    source = copy.sources.get()
    assert (copy.importance, copy.author) == (9, "model")
    assert (source.chat, source.message, source.evidence, source.live) == (NEW, "n1", ["n1"], True)
    assert made.memories.get(text="Elsewhere.").sources.get().chat == OTHER


def test_fork_does_not_hear_of_later_corrections(notebook):
    fact = learn(notebook, "Ana keeps bees.", "m1")
    services.correct(fact, "Ana kept bees.", author="model", chat=OLD, message="m3")
    gone = learn(notebook, "Bo is ten.", "m2")
    services.forget(gone, author="model", chat=OLD, message="m2")

    assert known(notebook, OLD) == ["Ana kept bees."]
    assert known(fork(notebook)) == ["Ana keeps bees."]


def test_fork_of_a_hidden_branch_knows_that_branch(notebook):
    learn(notebook, "Ana keeps bees.", "m1")
    learn(notebook, "Rewritten.", "m2")
    MemorySource.objects.update(live=False)
    MemorySource.objects.filter(message="m2").update(stale=True)

    assert known(fork(notebook)) == ["Ana keeps bees."]


def test_fork_takes_neither_decisions_nor_the_notes_of_other_chats(notebook):
    learn(notebook, "The key is here.", scope="chat")
    learn(notebook, "The key is there.", scope="chat", chat=OTHER)
    learn(notebook, "Waits.", "m1", status="proposed")
    services.forget(learn(notebook, "Forgotten.", "m1"), author="person")

    made = fork(notebook)

    assert known(made) == ["The key is here."]
    assert made.memories.get().chat == NEW


def test_later_changes_stay_on_their_side(notebook):
    learn(notebook, "Ana keeps bees.", "m1")
    made = fork(notebook)

    services.forget(made.memories.get(), author="person")
    learn(notebook, "Bo is ten.", "m4")

    assert (known(made), known(notebook, OLD)) == ([], ["Ana keeps bees.", "Bo is ten."])


def test_fork_takes_the_summaries_and_readings_of_its_path(notebook):
    summarise(notebook, "m2", tokens=5, author="person", pinned=True, live=False)
    summarise(notebook, "m3", first=2)
    summarise(notebook, "", author="carried", text="Long ago.")
    Reading.objects.create(chat=OLD, message="m2", position=1)
    Reading.objects.create(chat=OLD, message="m3", position=2)

    made = fork(notebook)

    copied = queries.summaries_of(notebook.user, NEW)
    assert {(row.last_message, row.text, row.live) for row in copied} == {
        ("", "Long ago.", True),
        ("n2", "They met.", True),
    }
    assert {row.notebook for row in copied} == {made}
    assert [(row.message, row.position) for row in Reading.objects.filter(chat=NEW)] == [("n2", 1)]


@pytest.mark.parametrize("count", [1, 3])
def test_fork_asks_as_much_for_three_as_for_one(count, notebook, django_assert_num_queries):
    for number in range(count):
        learn(notebook, f"Fact {number}.", "m1")
        summarise(notebook, "m2", first=number)

    with django_assert_num_queries(11):
        fork(notebook)


def test_carry_takes_the_summary_and_what_was_chosen(notebook):
    chosen, left = (learn(notebook, text, scope="chat") for text in ("Chosen.", "Left."))
    shared = learn(notebook, "Shared.")
    wanted = [chosen.uid, shared.uid, "nonsense"]

    for _ in range(2):
        made = services.carry(
            notebook, old_chat=OLD, new_chat=NEW, text=" They met. ", memories=wanted
        )

    assert known(notebook) == ["Shared.", "Chosen."]
    assert known(notebook, OLD) == ["Chosen.", "Left.", "Shared."]
    assert (made.text, made.author, made.chat) == ("They met.", "carried", NEW)
    assert (made.first_position, made.last_position, made.last_message) == (0, -1, "")
    assert made.tokens > 0
    assert (Summary.objects.count(), Memory.objects.count()) == (1, 4)
    assert left.chat == OLD


def test_carry_of_nothing_makes_nothing(notebook):
    assert services.carry(notebook, old_chat=OLD, new_chat=NEW) is None
    assert Summary.objects.count() == 0


def test_carry_of_too_much_is_refused(notebook):
    chosen = learn(notebook, "Chosen.", scope="chat")

    with pytest.raises(Invalid) as raised:
        services.carry(
            notebook, old_chat=OLD, new_chat=NEW, text="x" * 20_001, memories=[chosen.uid]
        )

    assert (raised.value.param, known(notebook)) == ("summary", [])


def test_forgotten_for_good_is_forgotten_in_every_copy(notebook, stranger):
    fact = learn(notebook, "Ana keeps bees.", "m1")
    learn(notebook, "Bo is ten.", "m1")
    first = fork(notebook)
    second = services.copy_notebook(
        first, messages={"n1": "p1", "n2": "p2"}, old_chat=NEW, new_chat="p" * 24
    )
    copy = second.memories.get(text="Ana keeps bees.")
    services.correct(copy, "Ana sold her bees.", author="person")
    theirs = services.default_notebook(user=stranger, character="l" * 24)
    services.remember(theirs, "Ana keeps bees.", author="person")
    versions = [one.version for one in reread(notebook, first, second)]

    assert services.erase(fact) == 4

    assert [known(one, chat) for one, chat in ((notebook, OLD), (first, NEW))] == [
        ["Bo is ten."]
    ] * 2
    assert [row.text for row in second.memories.all()] == ["Bo is ten."]
    assert [row.text for row in theirs.memories.all()] == ["Ana keeps bees."]
    now = [one.version for one in reread(notebook, first, second)]
    assert all(after > before for after, before in zip(now, versions, strict=True))
    assert set(Job.objects.values_list("kind", "key")) == {
        ("scrub", one.uid) for one in (notebook, first, second)
    }


def test_copy_forgotten_for_good_takes_its_original_along(notebook):
    learn(notebook, "Ana keeps bees.", "m1")
    copy = fork(notebook).memories.get()

    assert services.erase(copy) == 2
    assert not Memory.objects.exists()


def test_carried_fact_is_forgotten_with_the_one_it_came_from(notebook):
    fact = learn(notebook, "They met.", "m1", scope="chat")
    services.carry(notebook, old_chat=OLD, new_chat=NEW, memories=[fact.uid])
    learn(notebook, "They met.", "m7", scope="chat", chat=OTHER)

    assert services.erase(fact) == 2
    assert [row.chat for row in Memory.objects.all()] == [OTHER]


def reread(*notebooks):
    return [type(one).objects.get(uid=one.uid) for one in notebooks]
