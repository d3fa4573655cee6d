"""Adding providers and models, and choosing the default."""

import pytest

from core.errors import Conflict, Invalid, NotFound
from engine.providers.base import UpstreamModel
from llm import registry, services
from llm.models import UNIT, Model, Provider
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


def test_importing_adds_what_is_new_and_keeps_known_prices():
    provider = ProviderFactory(slug="local")
    ModelFactory(slug="local/known", provider=provider, input_multiplier_micro=7)
    offered = [
        UpstreamModel("known"),
        UpstreamModel("small", 4096),
        UpstreamModel("vendor/big"),
    ]

    added = services.import_models(provider, offered)
    again = services.import_models(provider, offered)

    assert ([model.slug for model in added], again) == (["local/small", "vendor/big"], [])
    rows = Model.objects.values_list(
        "slug", "upstream_name", "context_tokens", "input_multiplier_micro"
    )
    assert list(rows) == [
        ("local/known", "understudy", 8192, 7),
        ("local/small", "small", 4096, UNIT),
        ("vendor/big", "vendor/big", 8192, UNIT),
    ]


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
