"""`reverie reindex`: another model, a run that was interrupted, and what it costs."""

import pytest

from billing.models import Charge, Usage
from chats import services
from core.errors import Terminal
from llm import registry
from llm.models import Model
from memory import embedding, vectors
from memory.models import IndexBlock, Vector
from tests.chats.talking import say
from tests.fakes.embedder import FakeEmbedder

pytestmark = pytest.mark.django_db


@pytest.fixture
def chat(owner, luna, provider):
    chat = services.start_chat(user=owner, character=luna)
    say(chat, "The jetty burned down.", "How sad.")
    return chat


def use_another_model():
    Model.objects.filter(slug="shop/embed").update(upstream_name="better")
    registry.forget()


def test_everything_is_brought_up_to_date_at_nobodys_cost(embedder, chat, run):
    ran = run("reindex", "--json")

    assert (ran.code, ran.json) == (0, {"chats": 1, "vectors": 3, "model": "shop/words"})
    assert Vector.objects.count() == 3
    assert (Usage.objects.filter(model="shop/embed").count(), Charge.objects.count()) == (1, 1)
    assert Charge.objects.get().model == "test/model"


def test_a_second_run_makes_nothing(embedder, chat, run):
    run("reindex")

    assert run("reindex", "--json").json["vectors"] == 0
    assert len(embedder.asked) == 1


def test_force_makes_everything_anew(embedder, chat, run):
    run("reindex")

    assert run("reindex", "--force", "--json").json["vectors"] == 3
    assert Vector.objects.count() == 3


def test_force_takes_vectors_of_another_length(embedder, chat, run):
    run("reindex")
    registry.embed_instead("shop", FakeEmbedder(dimensions=32))

    ran = run("reindex", "--force", "--json")

    assert (ran.code, Model.objects.get(slug="shop/embed").dimensions) == (0, 32)


def test_another_model_replaces_the_vectors(embedder, chat, run):
    run("reindex")
    use_another_model()

    assert run("reindex", "--json").json["vectors"] == 3
    assert vectors.count_by_model() == {"shop/better": 3}


def test_a_run_that_failed_goes_on_and_kept_the_old_vectors(embedder, chat, run, monkeypatch):
    monkeypatch.setattr(embedding, "BATCH", 1)
    run("reindex")
    use_another_model()
    embedder.failures = [None, Terminal("It is down.")]

    failed = run("reindex")
    half = vectors.count_by_model()
    again = run("reindex", "--json")

    assert (failed.code, failed.err) == (1, "reverie: It is down.\n")
    assert half == {"shop/words": 3, "shop/better": 1}
    assert (again.json["vectors"], vectors.count_by_model()) == (2, {"shop/better": 3})


def test_one_person_or_one_chat_alone(embedder, chat, friend, luna, run):
    other = services.start_chat(user=friend, character=luna)

    run("reindex", "--user", "friend")
    of_friend = set(Vector.objects.values_list("scope", flat=True))
    run("reindex", "--chat", chat.uid)

    assert of_friend == {other.uid}
    assert set(Vector.objects.values_list("scope", flat=True)) == {other.uid, chat.uid}


@pytest.mark.parametrize("wrong", [("--user", "nobody"), ("--chat", "nothing")])
def test_who_or_what_there_is_not_is_refused(embedder, chat, run, wrong):
    ran = run("reindex", *wrong)

    assert (ran.code, Vector.objects.count()) == (1, 0)


def test_without_an_embedder_the_index_is_still_brought_up_to_date(chat, run, monkeypatch):
    monkeypatch.setattr("chats.passages.BLOCK", 2)
    monkeypatch.setattr("chats.passages._FRESH", 0)

    ran = run("reindex")

    assert (ran.code, IndexBlock.objects.count(), Vector.objects.count()) == (0, 1, 0)
    assert "by words only: REVERIE_EMBEDDINGS is off" in ran.out
