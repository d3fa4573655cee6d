"""Which embedding model is in use, and why."""

import pytest

from core.errors import Terminal
from engine.embedding import minilm
from llm import registry, services
from memory import embedders
from tests.factories import ModelFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _auto(settings):
    settings.EMBEDDINGS = ""
    registry.reset()


@pytest.fixture
def installed(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGES", ("json",))


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGES", ("no_such_package",))


def embedding_model(**fields):
    return ModelFactory(
        slug="shop/embed",
        upstream_name="embed-1",
        is_embedding=True,
        provider__slug="shop",
        provider__kind="openai_like",
        **fields,
    )


def test_nothing_there_leaves_the_words(absent):
    used = embedders.in_use()

    assert (used.way, used.is_on, used.is_problem) == ("lexical", False, False)
    assert str(used) == (
        "by words only: no embedding model is marked in the admin, and the embedded one is missing"
        " (`make semantic` adds it)"
    )


def test_the_embedded_model_serves_where_it_is_installed(installed):
    used = embedders.in_use()

    assert (used.way, used.model, used.dimensions) == ("builtin", minilm.NAME, 384)


def test_a_marked_model_goes_before_the_embedded_one(installed):
    embedding_model(is_embedder=True, dimensions=8)

    used = embedders.in_use()

    assert (used.way, used.model, used.dimensions) == ("provider", "shop/embed-1", 8)
    assert str(used) == (
        "by words and by meaning (shop/embed-1): it is marked as the embedder in the admin"
    )


def test_an_unmarked_model_is_not_used_by_itself(absent):
    embedding_model()

    assert embedders.in_use().way == "lexical"


def test_a_marked_model_that_is_off_is_not_used(absent):
    embedding_model(is_embedder=True, enabled=False)

    assert embedders.in_use().way == "lexical"


def test_the_operator_may_name_a_model(settings, installed):
    embedding_model()
    settings.EMBEDDINGS = "shop/embed"

    used = embedders.in_use()

    assert (used.way, used.reason) == ("provider", "REVERIE_EMBEDDINGS is shop/embed")


@pytest.mark.parametrize("wanted", ["shop/none", "test/talks"])
def test_a_name_that_is_no_embedding_model_is_a_problem(settings, installed, wanted):
    ModelFactory(slug="test/talks")
    settings.EMBEDDINGS = wanted

    used = embedders.in_use()

    assert (used.way, used.is_problem) == ("lexical", True)


def test_the_operator_may_switch_it_off(settings, installed):
    embedding_model(is_embedder=True)
    settings.EMBEDDINGS = "off"

    assert embedders.in_use().way == "lexical"


def test_the_embedded_model_may_be_asked_for(settings, installed):
    embedding_model(is_embedder=True)
    settings.EMBEDDINGS = "builtin"

    assert embedders.in_use().way == "builtin"


def test_asking_for_what_is_not_installed_is_a_problem(settings, absent):
    settings.EMBEDDINGS = "builtin"

    used = embedders.in_use()

    assert (used.way, used.is_problem) == ("lexical", True)
    assert "make semantic" in used.reason


def test_an_embedding_model_answers_nobody(absent):
    talks = ModelFactory(slug="test/talks")
    embedding_model(is_embedder=True)

    assert [spec.slug for spec in registry.list_models()] == [talks.slug]
    assert registry.find_model("shop/embed") is None
    assert registry.default_model().slug == talks.slug


def test_marking_another_model_unmarks_the_first(absent):
    embedding_model(is_embedder=True)
    ModelFactory(slug="test/second", provider__kind="openai_like")

    services.set_embedder("test/second")

    assert [spec.slug for spec in registry.list_embedding_models() if spec.is_embedder] == [
        "test/second"
    ]
    services.set_embedder(None)
    assert embedders.in_use().way == "lexical"


async def test_without_a_model_there_is_nothing_to_embed_with(absent):
    with pytest.raises(Terminal):
        await embedders.embed(embedders.in_use(), ["x"])


async def test_a_provider_of_another_kind_makes_no_embeddings(absent):
    ModelFactory(slug="a/b", is_embedding=True, is_embedder=True)

    with pytest.raises(Terminal):
        await embedders.embed(embedders.in_use(), ["x"])
