"""A provider's list and the catalogue: what is new, changed, edited here, or gone."""

from decimal import Decimal

import pytest
from django.db import DatabaseError

from engine.providers.base import UpstreamModel
from llm import registry
from llm.importing import Terms, import_models
from llm.models import UNIT, Model, Provider
from llm.services import FREE_MODEL
from tests.factories import ModelFactory, ProviderFactory

pytestmark = pytest.mark.django_db
ON = Terms(enable=True)
CHEAP = (Decimal("0.00000025"), Decimal("0.000001"))


@pytest.fixture(autouse=True)
def _empty(db):
    Provider.objects.all().delete()
    registry.reset()


@pytest.fixture
def provider():
    return ProviderFactory(slug="shop")


def big(**said) -> UpstreamModel:
    values = {
        "name": "vendor/big",
        "context_tokens": 4096,
        "title": "Big",
        "prices": CHEAP,
        "able": {"tools": True, "vision": False},
    }
    return UpstreamModel(**{**values, **said})


def everything() -> list[dict]:
    return list(Model.objects.order_by("slug").values())


def test_a_new_model_has_what_the_list_says_and_is_off(provider):
    report = import_models(provider, [big()], Terms())

    row = Model.objects.get()
    assert [model.slug for model in report.new] == ["vendor/big"]
    assert (row.name, row.context_tokens, row.enabled, row.free) == ("Big", 4096, False, False)
    assert (row.input_multiplier_micro, row.output_multiplier_micro) == (250_000, UNIT)
    assert (row.supports_tools, row.supports_vision, row.supports_json_schema) == (
        True, False, None,
    )  # fmt: skip
    assert registry.find_model("vendor/big") is None


def test_it_can_be_switched_on_at_once(provider):
    import_models(provider, [big()], ON)

    assert registry.find_model("vendor/big") is not None


def test_again_changes_nothing(provider):
    import_models(provider, [big()], ON)
    before = everything()

    again = import_models(provider, [big()], Terms())

    assert (again.new, again.changed, again.kept, again.gone) == ([], {}, {}, [])
    assert everything() == before


def test_what_the_list_changes_follows(provider):
    import_models(provider, [big()], ON)

    report = import_models(
        provider, [big(context_tokens=8000, prices=(Decimal(0), Decimal("0.000002")))], Terms()
    )

    assert report.changed == {
        "vendor/big": {
            "context_tokens": (4096, 8000),
            "input_multiplier_micro": (250_000, 0),
            "output_multiplier_micro": (UNIT, 2 * UNIT),
        }
    }
    row = Model.objects.get()
    assert (row.context_tokens, row.output_multiplier_micro, row.enabled) == (8000, 2 * UNIT, True)


def test_what_somebody_edited_stays_and_is_told(provider):
    import_models(provider, [big()], ON)
    Model.objects.update(input_multiplier_micro=7, supports_tools=False, enabled=False)

    report = import_models(provider, [big(prices=(Decimal("0.000009"), CHEAP[1]))], ON)

    row = Model.objects.get()
    assert (row.input_multiplier_micro, row.supports_tools, row.enabled) == (7, False, False)
    assert report.kept == {"vendor/big": ["input_multiplier_micro", "supports_tools"]}
    assert report.changed == {}


def test_it_stays_however_often_the_list_is_taken_in(provider):
    import_models(provider, [big()], ON)
    Model.objects.update(input_multiplier_micro=7)

    for _ in range(3):
        import_models(provider, [big()], ON)
        import_models(provider, [big(prices=(Decimal("0.000009"), CHEAP[1]))], ON)

    assert Model.objects.get().input_multiplier_micro == 7


def test_of_a_model_that_was_added_by_hand_only_what_is_unknown_is_filled_in(provider):
    ModelFactory(slug="own/name", provider=provider, upstream_name="vendor/big")

    report = import_models(provider, [big()], Terms())

    row = Model.objects.get()
    assert set(report.changed["own/name"]) == {"name", "supports_tools", "supports_vision"}
    assert (row.name, row.supports_tools, row.context_tokens) == ("Big", True, 8192)
    assert (row.input_multiplier_micro, row.enabled) == (UNIT, True)


def test_what_is_not_listed_any_more_is_told_and_stays_on(provider):
    import_models(provider, [big(), UpstreamModel("small")], ON)
    ModelFactory(slug="own/name", provider=provider, upstream_name="by-hand")

    report = import_models(provider, [UpstreamModel("small")], Terms())

    assert report.gone == ["vendor/big"]
    assert registry.find_model("vendor/big") is not None


def test_a_dry_run_tells_the_same_and_changes_nothing(provider):
    import_models(provider, [big(), UpstreamModel("gone")], ON)
    before = everything()
    now = [big(context_tokens=9000), UpstreamModel("fresh")]

    dry = import_models(provider, now, ON, is_dry=True)

    assert everything() == before
    wet = import_models(provider, now, ON)
    assert ([m.slug for m in dry.new], dry.changed, dry.gone) == (
        [m.slug for m in wet.new], wet.changed, wet.gone,
    )  # fmt: skip
    assert dry.gone == ["shop/gone"]


def test_an_import_that_breaks_off_leaves_nothing_and_can_be_repeated(provider):
    def breaking():
        yield big()
        raise DatabaseError("gone away")

    with pytest.raises(DatabaseError):
        import_models(provider, breaking(), ON)
    assert everything() == []

    assert len(import_models(provider, [big()], ON).new) == 1


@pytest.mark.parametrize(
    ("upstream", "free", "cost"),
    [
        (UpstreamModel(FREE_MODEL), True, 0),
        (UpstreamModel(FREE_MODEL, prices=CHEAP), True, 0),
        (UpstreamModel("a/b:free", prices=(Decimal(0), Decimal(0))), True, 0),
        (UpstreamModel("a/b"), False, UNIT),
    ],
)
def test_what_is_free(provider, upstream, free, cost):
    import_models(provider, [upstream], ON)

    spec = registry.find_model(upstream.name)
    assert (spec.free, spec.output_multiplier_micro) == (free, cost)


def test_what_stops_being_free_upstream_does_so_here(provider):
    import_models(provider, [big(prices=(Decimal(0), Decimal(0)))], ON)
    import_models(provider, [big()], ON)

    assert registry.find_model("vendor/big").output_multiplier_micro == UNIT


def test_terms_go_before_the_list(provider):
    terms = Terms(enable=True, multiplier_micro=5, context_tokens=2048, supports_tools=True)

    import_models(provider, [big(able={}), UpstreamModel("nomic-embed-text")], terms)

    rows = Model.objects.values_list(
        "slug", "input_multiplier_micro", "output_multiplier_micro", "context_tokens",
        "supports_tools", "is_embedding",
    )  # fmt: skip
    assert list(rows) == [
        ("shop/nomic-embed-text", 5, 5, 2048, None, True),
        ("vendor/big", 5, 5, 4096, True, False),
    ]


def test_prices_count_in_the_operators_credits(provider):
    import_models(provider, [big()], Terms(credits_per_dollar=2_000_000))

    assert Model.objects.get().output_multiplier_micro == 2 * UNIT


def test_a_taken_name_moves_below_the_providers(provider):
    ModelFactory(slug="vendor/big")

    import_models(provider, [big()], ON)

    assert provider.models.get().slug == "shop/vendor/big"


def test_a_name_that_is_taken_twice_is_refused_and_told(provider):
    ModelFactory(slug="vendor/big")
    ModelFactory(slug="shop/vendor/big")

    report = import_models(provider, [big()], ON)

    assert (report.refused, provider.models.count()) == (["vendor/big"], 0)


def test_what_only_makes_pictures_answers_nobody(provider):
    import_models(provider, [big(able={"answers": False, "images": True})], ON)

    assert registry.list_models() == []
    assert Model.objects.get().makes_images is True
