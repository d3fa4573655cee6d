"""Adding providers and models, and choosing the default."""

import pytest

from core.errors import Conflict, Invalid, NotFound
from llm import registry, services
from llm.models import Model, Provider
from tests.factories import ModelFactory, ProviderFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty(db):
    Provider.objects.all().delete()
    registry.reset()


def test_adding_a_provider_twice_changes_it():
    for base in ("http://127.0.0.1:8128", "http://127.0.0.1:8129"):
        services.add_provider(slug="local", name="Local", kind="openai_like", base_url=base)

    rows = Provider.objects.values_list("slug", "base_url", "enabled")
    assert list(rows) == [("local", "http://127.0.0.1:8129", True)]


@pytest.mark.parametrize("slug", ["", "Local", "a b", "-a", "a/b", "a" * 50, "local\n"])
def test_a_provider_with_a_bad_slug_is_refused(slug):
    with pytest.raises(Invalid) as caught:
        services.add_provider(slug=slug, name="Local", kind="openai_like")

    assert (caught.value.param, Provider.objects.count()) == ("slug", 0)


def test_a_model_is_seen_at_once():
    provider = ProviderFactory()
    before = registry.list_models()

    services.add_model(slug="a/b", provider=provider, upstream_name="b")

    assert (before, [spec.slug for spec in registry.list_models()]) == ([], ["a/b"])


def test_a_slug_stays_with_its_provider():
    model = ModelFactory(slug="a/b")

    with pytest.raises(Conflict):
        services.add_model(slug="a/b", provider=ProviderFactory(), upstream_name="x")

    assert Model.objects.get().provider == model.provider


def test_there_is_one_default():
    ModelFactory(slug="a/first", is_default=True)
    ModelFactory(slug="b/second", enabled=False)

    services.set_default("b/second")

    rows = Model.objects.values_list("slug", "is_default", "enabled")
    assert list(rows) == [("a/first", False, True), ("b/second", True, True)]
    assert registry.default_model().slug == "b/second"


def test_an_unknown_default_is_refused_and_the_old_one_stays():
    ModelFactory(slug="a/first", is_default=True)

    with pytest.raises(NotFound):
        services.set_default("nothing")

    assert Model.objects.get().is_default is True


@pytest.mark.parametrize(
    ("name", "is_so"),
    [
        ("text-embedding-3-small", True),
        ("nomic-embed-text:latest", True),
        ("BAAI/bge-m3", True),
        ("all-minilm:l6-v2", True),
        ("intfloat/e5-large-v2", True),
        ("llama-3.1-8b-instruct", False),
        ("gpt-4o", False),
        ("bagel-mistery", False),
    ],
)
def test_embedding_models_are_known_by_their_names(name, is_so):
    assert services.makes_embeddings(name) is is_so


def test_an_embedding_model_cannot_be_the_default():
    ModelFactory(slug="a/talks", is_default=True)
    ModelFactory(slug="a/embed", is_embedding=True)

    with pytest.raises(Invalid):
        services.set_default("a/embed")

    assert Model.objects.get(is_default=True).slug == "a/talks"


def test_what_only_makes_pictures_cannot_be_the_default():
    ModelFactory(slug="a/paints", answers=False)

    with pytest.raises(Invalid):
        services.set_default("a/paints")

    assert Model.objects.filter(is_default=True).count() == 0


def test_the_length_of_vectors_is_noted_once():
    ModelFactory(slug="a/embed", is_embedding=True)

    for dimensions in (384, 512):
        services.note_dimensions("a/embed", dimensions)

    assert registry.list_embedding_models()[0].dimensions == 384
