"""Which facts fit: by words, importance and how new they are; asked for only when they changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memory import facts, services
from memory.models import Memory, MemorySource, Notebook

pytestmark = pytest.mark.django_db

CHAT = "c" * 24


@pytest.fixture(autouse=True)
def _nothing_kept():
    facts.forget_all()


@pytest.fixture
def notebook(owner):
    return services.default_notebook(user=owner, character="l" * 24)


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """Runs what waits for the end of the transaction."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


def tell(notebook, text, **given):
    return services.remember(notebook, text, author="person", **given)


def now_in(notebook):
    return Notebook.objects.get(uid=notebook.uid)


def ranked(notebook, question, chat=CHAT):
    found = facts.facts_of(now_in(notebook))
    assert found is not None
    return [f.memory.text for f in found.ranked(question, chat_uid=chat, now=timezone.now())]


def test_what_the_question_is_about_comes_first(notebook):
    for text in ("Ana keeps bees.", "Tom fears gulls.", "Ana owes Tom a coat."):
        tell(notebook, text)

    assert ranked(notebook, "What am I afraid of?")[0] == "Tom fears gulls."
    assert ranked(notebook, "Do you know about the bees?")[0] == "Ana keeps bees."


def test_pinned_goes_before_all_and_importance_and_newness_decide_the_rest(notebook):
    tell(notebook, "Small thing.", importance=1)
    tell(notebook, "Great thing.", importance=10)
    pinned = tell(notebook, "Pinned thing.", importance=1)
    old, new = tell(notebook, "Old thing."), tell(notebook, "New thing.")
    services.set_pinned(pinned, True)
    long_ago = timezone.now() - timedelta(days=365)
    Memory.objects.filter(uid=old.uid).update(created_at=long_ago)
    services.changed(notebook.uid)

    assert ranked(notebook, "Hello there.") == [
        "Pinned thing.",
        "Great thing.",
        "New thing.",
        "Old thing.",
        "Small thing.",
    ]
    assert new.text == "New thing."


def test_facts_of_another_chat_are_not_for_this_one(notebook):
    tell(notebook, "Everywhere.")
    tell(notebook, "Here.", scope="chat", chat=CHAT)
    tell(notebook, "There.", scope="chat", chat="d" * 24)

    assert sorted(ranked(notebook, "Hello?")) == ["Everywhere.", "Here."]


def test_empty_notebook_costs_nothing(notebook, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert facts.facts_of(notebook) is None


def test_facts_are_read_again_only_when_they_changed(
    notebook, committed, django_assert_num_queries
):
    tell(notebook, "Ana keeps bees.")
    held = now_in(notebook)
    with committed():
        first = facts.facts_of(held)
    with django_assert_num_queries(0):
        assert facts.facts_of(held) is first

    tell(notebook, "Tom fears gulls.")

    second = facts.facts_of(now_in(notebook))
    assert second is not first
    kept = first.memories[0].uid
    assert second.analysed[kept] is first.analysed[kept]


def test_what_was_read_in_a_transaction_that_failed_is_not_kept(
    notebook, django_assert_num_queries
):
    tell(notebook, "Ana keeps bees.")
    held = now_in(notebook)
    facts.facts_of(held)

    with django_assert_num_queries(1):
        facts.facts_of(held)


def test_facts_as_if_a_message_had_not_been_said(notebook):
    source = {"author": "model", "chat": CHAT, "message": "m1"}
    old = tell(notebook, "Ana has a cat.")
    services.correct(old, "Ana has a dog.", **source)
    services.remember(notebook, "Ana keeps bees.", **source)
    held = now_in(notebook)

    found = facts.facts_without(held, {"m1"})

    assert [memory.text for memory in found.memories] == ["Ana has a cat."]
    assert MemorySource.objects.filter(live=True).count() == 2


def test_use_is_noted_once_a_day(notebook, committed, django_assert_num_queries):
    fact, other = tell(notebook, "Ana keeps bees."), tell(notebook, "Tom fears gulls.")
    held = now_in(notebook)
    with committed():
        facts.facts_of(held)
    now = timezone.now()

    with django_assert_num_queries(1):
        facts.note_recalled(held, {fact.uid}, now)
    with django_assert_num_queries(0):
        facts.note_recalled(held, {fact.uid}, now + timedelta(hours=1))
    facts.note_recalled(held, {fact.uid}, now + timedelta(days=2))

    fact.refresh_from_db()
    other.refresh_from_db()
    assert (fact.recalled_at, other.recalled_at) == (now + timedelta(days=2), None)
