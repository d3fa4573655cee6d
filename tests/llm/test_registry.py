"""What can answer now, who answers by default, and the live adapters."""

import pytest

from core.errors import Unavailable
from engine.providers.openai_like import OpenAILike
from engine.providers.understudy import Understudy
from llm import registry, services
from llm.models import Model, Provider
from tests.factories import ModelFactory, ProviderFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _empty(db):
    Provider.objects.all().delete()
    registry.reset()


def slugs() -> list[str]:
    return [spec.slug for spec in registry.list_models()]


def test_what_is_switched_off_is_not_listed():
    ModelFactory(slug="b/on")
    ModelFactory(slug="a/on")
    ModelFactory(slug="a/off", enabled=False)
    ModelFactory(slug="c/on", provider__enabled=False)

    assert slugs() == ["a/on", "b/on"]
    assert (registry.find_model("a/off"), registry.find_model("c/on")) == (None, None)


def test_the_tables_are_read_once_for_many_looks(django_assert_num_queries):
    ModelFactory.create_batch(3)

    with django_assert_num_queries(1):
        for _ in range(5):
            registry.list_models()
            registry.default_model()
            registry.find_model("nothing")


def test_a_change_is_seen_after_forgetting():
    model = ModelFactory(slug="a/on")
    slugs()
    Model.objects.filter(pk=model.pk).update(enabled=False)

    before = slugs()
    registry.forget()

    assert (before, slugs()) == (["a/on"], [])


def test_a_free_model_costs_nothing_whatever_its_multipliers():
    ModelFactory(slug="a/free", free=True, input_multiplier_micro=5, output_multiplier_micro=7)

    spec = registry.default_model()
    assert (spec.input_multiplier_micro, spec.output_multiplier_micro) == (0, 0)


def test_the_default_answers_else_the_first():
    ModelFactory(slug="a/first")
    ModelFactory(slug="b/chosen", is_default=True)
    chosen = registry.default_model().slug
    Model.objects.filter(is_default=True).update(enabled=False)
    registry.forget()

    assert (chosen, registry.default_model().slug) == ("b/chosen", "a/first")


def test_without_models_nobody_answers():
    with pytest.raises(Unavailable):
        registry.default_model()


async def test_one_adapter_serves_all_models_of_a_provider():
    provider = ProviderFactory(kind="openai_like", base_url="http://127.0.0.1:8129")
    ModelFactory.create_batch(2, provider=provider)
    first, second = (registry.provider_for(spec) for spec in registry.list_models())

    assert first is second
    assert type(first) is OpenAILike


async def test_a_changed_provider_gets_a_new_adapter():
    provider = ProviderFactory()
    ModelFactory(slug="a/on", provider=provider)
    before = registry.provider_for(registry.default_model())
    provider.save()
    registry.forget()

    after = registry.provider_for(registry.default_model())

    assert (type(before), type(after), before is after) == (Understudy, Understudy, False)


async def test_options_may_hold_lists():
    ModelFactory(provider__options={"delay_seconds": 0, "arguments": ["--a", {"b": 1}]})

    spec = registry.default_model()

    assert registry.provider_for(spec) is registry.provider_for(spec)


def test_a_providers_key_is_not_in_what_is_printed():
    ModelFactory(provider__api_key="canary-7f3a")

    assert "canary-7f3a" not in repr(registry.default_model())


@pytest.mark.usefixtures("owner")
def test_the_understudy_is_free_the_default_and_made_once():
    services.ensure_understudy()
    services.ensure_understudy()

    rows = Model.objects.values_list("slug", "free", "is_default")
    assert list(rows) == [("reverie/understudy", True, True)]


def test_nobody_looks_for_a_stand_in_while_the_default_is_there(monkeypatch):
    """Catalogues list models by the hundred, and each turn asks for the default."""
    ModelFactory(slug="a/cheap", input_multiplier_micro=0)
    chosen = ModelFactory(slug="b/chosen", is_default=True)
    monkeypatch.setattr(registry, "spare_of", None)

    assert registry.default_model().slug == chosen.slug
