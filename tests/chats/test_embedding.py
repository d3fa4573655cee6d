"""What of a chat is embedded, when, and what turns make of it."""

import pytest

from chats import embedding, opening, passages, purging, services
from chats.models import Chat, Message, Turn
from chats.values import Request
from jobs import running
from jobs.models import Job
from jobs.work import claim
from llm import registry
from llm.models import Model
from lore.services import bind, create_lorebook, save_book
from lore.values import Book, Entry
from memory import vectors
from memory.models import Vector
from memory.services import correct, remember
from memory.vectors import Kind, Question
from tests.chats.talking import closed, reread, say, sent
from tests.fakes.embedder import direction

pytestmark = pytest.mark.django_db
MODEL = "shop/words"
ZORP = "Zorp, blick, zorp, blick?"


@pytest.fixture
def chat(owner, luna, provider):
    return services.start_chat(user=owner, character=luna)


def embed(chat) -> Job:
    """Run the job of this chat, as a worker would."""
    embedding.embed_later(chat.uid, chat.user_id)
    job = Job.objects.filter(kind="embed", key=chat.uid, state="queued").latest("uid")
    running.run(claim(job.uid))
    job.refresh_from_db()
    return job


def embedded(kind) -> set[str]:
    return set(Vector.objects.filter(kind=kind).values_list("owner", flat=True))


def turn_about(chat, text, *, meaning=True):
    question = Question(text, MODEL, direction(text)) if meaning else None
    request = Request(user=chat.user, surface="web", kind=Turn.Kind.REPLY, question=question)
    return opening.open_in_chat(request, chat.uid, text, "")


def fill_window(chat):
    """So much talk that what came before is out of the window."""
    for number in range(12):
        say(chat, f"Turn {number}. " + "Nothing much. " * 40, "Quiet. " * 40)


@pytest.fixture
def small_window(model):
    Model.objects.filter(pk=model.pk).update(context_tokens=2048, reply_tokens=128)
    registry.forget()


def test_a_turn_asks_for_vectors_once(embedder, chat):
    say(chat)
    say(chat)

    assert list(Job.objects.filter(kind="embed").values_list("key", "user")) == [
        (chat.uid, chat.user_id)
    ]


def test_without_an_embedder_nothing_is_asked_for(chat):
    say(chat)

    assert not Job.objects.filter(kind="embed").exists()


def test_the_job_embeds_what_is_shown(embedder, chat):
    said, reply = say(chat, "The jetty burned down.", "How sad.")
    hidden, _ = say(chat, "Hide me.")
    Message.objects.filter(uid=hidden.uid).update(hidden=True)
    services.touch(chat)

    job = embed(chat)

    shown = Message.objects.filter(chat=chat, hidden=False)
    assert embedded(Kind.PASSAGE) == set(shown.values_list("uid", flat=True))
    assert {said.uid, reply.uid} <= embedded(Kind.PASSAGE)
    assert (job.state, job.error) == ("done", "")


def test_the_job_embeds_the_facts_that_hold(embedder, chat):
    notebook = reread(chat).notebook
    old = remember(notebook, "Ana lives in Bergen.", author="person")
    embed(chat)
    new = correct(old, "Ana lives in Oslo.", author="person")
    embed(chat)

    assert embedded(Kind.MEMORY) == {new.uid}


def test_the_job_embeds_entries_that_want_to_be_found_by_meaning(embedder, chat, owner):
    entries = (
        Entry(uid=1, content="Cats rule the harbour.", vectorized=True),
        Entry(uid=2, content="Dogs do not.", keys=("dog",)),
        Entry(uid=3, content="Off.", vectorized=True, enabled=False),
    )
    book = create_lorebook(owner=owner, name="W", book=Book(name="W", entries=entries))
    bind(user=owner, lorebook=book, scope="chat", target=chat.uid)

    embed(chat)

    assert embedded(Kind.LORE) == {f"{book.uid}.1"}


def test_the_job_of_a_chat_that_is_gone_ends(embedder, chat):
    embedding.embed_later(chat.uid, chat.user_id)
    job = Job.objects.get(kind="embed")
    Chat.objects.filter(pk=chat.pk).delete()

    running.run(claim(job.uid))

    job.refresh_from_db()
    assert (job.state, embedder.asked) == ("done", [])


def test_the_job_of_a_chat_in_the_trash_embeds_nothing(embedder, chat):
    say(chat)
    services.trash_chat(user=chat.user, chat_uid=chat.uid)

    job = embed(chat)

    assert (job.state, job.note, embedder.asked) == ("done", "nothing to embed", [])
    assert not Vector.objects.exists()


def test_the_job_delivered_twice_changes_nothing(embedder, chat):
    say(chat)
    embed(chat)
    before = list(Vector.objects.order_by("pk").values())
    embed(chat)

    assert list(Vector.objects.order_by("pk").values()) == before
    assert len(embedder.asked) == 1


def test_a_passage_is_recalled_by_its_meaning(embedder, small_window, chat):
    say(chat, "The old jetty caught fire in March.", "How sad.")
    fill_window(chat)
    embed(chat)

    by_words = sent(turn := turn_about(chat, ZORP, meaning=False))
    closed(turn, "")
    by_meaning = turn_about(chat, ZORP)

    assert "jetty caught fire" not in by_words
    assert "jetty caught fire" in sent(by_meaning)
    record = Turn.objects.get(uid=by_meaning.uid).manifest["recall"]
    assert (record["embedder"], record["by_words_only"]) == (MODEL, 0)


def test_what_has_no_vector_yet_is_found_by_words_and_counted(embedder, small_window, chat):
    say(chat, "The old jetty caught fire in March.", "How sad.")
    fill_window(chat)

    turn = turn_about(chat, "When did the jetty catch fire?")

    record = Turn.objects.get(uid=turn.uid).manifest["recall"]
    assert "jetty caught fire" in sent(turn)
    assert record["by_words_only"] > 0


def test_vectors_that_come_later_are_taken_in(embedder, small_window, chat):
    say(chat, "The old jetty caught fire in March.", "How sad.")
    fill_window(chat)
    closed(turn_about(chat, ZORP), "")

    embed(chat)
    turn = turn_about(chat, ZORP)

    assert "jetty caught fire" in sent(turn)


def test_the_vector_of_another_text_is_not_used(embedder, small_window, chat):
    _, reply = say(chat, "What happened?", "The old jetty caught fire in March.")
    fill_window(chat)
    embed(chat)
    services.edit_message(user=chat.user, message_uid=reply.uid, content="We had soup.")

    turn = turn_about(chat, ZORP)

    record = Turn.objects.get(uid=turn.uid).manifest["recall"]
    assert record["by_words_only"] == 1


def test_a_fact_is_ranked_by_its_meaning(embedder, chat):
    notebook = reread(chat).notebook
    for fact in ("Ana likes cats.", "Ana likes tea.", "Ana likes maps."):
        remember(notebook, fact, author="person")
    embed(chat)

    turn = turn_about(chat, "Miaus, miaus, miaus, miaus!")

    blocks = Turn.objects.get(uid=turn.uid).manifest["blocks"]
    facts = [block for block in blocks if block["name"] == "memories" and block["uids"]]
    best = max(facts, key=lambda block: block["score"])
    assert "cats" in best["text"]


def test_an_entry_fires_by_its_meaning_and_only_so(embedder, chat, owner):
    entry = Entry(uid=1, content="The jetty is cursed.", vectorized=True)
    book = create_lorebook(owner=owner, name="W", book=Book(name="W", entries=(entry,)))
    bind(user=owner, lorebook=book, scope="chat", target=chat.uid)
    embed(chat)

    other = sent(turn := turn_about(chat, "tea with lemon"))
    closed(turn, "")
    without = sent(turn := turn_about(chat, "Zorp, zorp, zorp, zorp!", meaning=False))
    closed(turn, "")

    assert "cursed" not in other
    assert "cursed" not in without
    assert "cursed" in sent(turn_about(chat, "Zorp, zorp, zorp, zorp!"))


def test_an_entry_that_no_longer_wants_it_does_not_fire(embedder, chat, owner):
    entry = Entry(uid=1, content="The jetty is cursed.", vectorized=True)
    book = create_lorebook(owner=owner, name="W", book=Book(name="W", entries=(entry,)))
    bind(user=owner, lorebook=book, scope="chat", target=chat.uid)
    embed(chat)
    plain = Book(name="W", entries=(Entry(uid=1, content="The jetty is cursed."),))
    save_book(lorebook=book, book=plain, number=book.number)

    assert "cursed" not in sent(turn_about(chat, "Zorp, zorp, zorp, zorp!"))


def test_nobody_elses_vectors_are_looked_at(embedder, chat, owner, stranger):
    entry = Entry(uid=1, content="The jetty is cursed.", vectorized=True)
    book = create_lorebook(owner=owner, name="W", book=Book(name="W", entries=(entry,)))
    bind(user=owner, lorebook=book, scope="chat", target=chat.uid)
    embed(chat)
    Vector.objects.filter(kind=Kind.LORE).update(user=stranger)

    assert "cursed" not in sent(turn_about(chat, "Zorp, zorp, zorp, zorp!"))


def test_deleted_messages_take_their_vectors_along(embedder, chat, monkeypatch):
    said, reply = say(chat, "The jetty burned down.", "How sad.")
    embed(chat)
    services.trash_from(user=chat.user, message_uid=said.uid)
    monkeypatch.setattr("django.conf.settings.TRASH_DAYS", -1)

    purging.empty_trash()

    assert embedded(Kind.PASSAGE).isdisjoint({said.uid, reply.uid})
    assert Vector.objects.filter(kind=Kind.PASSAGE).count() == 1


def test_a_deleted_chat_takes_its_vectors_along(embedder, chat, monkeypatch):
    say(chat)
    embed(chat)
    services.trash_chat(user=chat.user, chat_uid=chat.uid)
    monkeypatch.setattr("django.conf.settings.TRASH_DAYS", -1)

    purging.empty_trash()

    assert not Vector.objects.exists()


def test_another_model_starts_from_nothing(embedder, small_window, chat):
    say(chat, "The old jetty caught fire in March.", "How sad.")
    fill_window(chat)
    embed(chat)
    closed(turn_about(chat, ZORP), "")
    request = Request(
        user=chat.user,
        surface="web",
        question=Question(ZORP, "shop/other", direction(ZORP)),
    )

    turn = opening.open_in_chat(request, chat.uid, ZORP, "")

    assert "jetty caught fire" not in sent(turn)
    passages.forget()
    assert vectors.count_by_model().keys() == {MODEL}
