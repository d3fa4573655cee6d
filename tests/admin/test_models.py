"""The catalogue in the admin: prices as fractions, filters, switching many at once, importing."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import AuditEntry
from engine.providers.base import UpstreamModel
from llm import registry
from llm.models import UNIT, Model
from tests.factories import ModelFactory, ProviderFactory, UserFactory

pytestmark = pytest.mark.django_db
LIST = reverse("admin:llm_model_changelist")


@pytest.fixture
def desk(client, staff):
    client.force_login(staff)
    return client


def address(model) -> str:
    return reverse("admin:llm_model_change", args=[model.pk])


def form(model, **changes):
    values = {
        "slug": model.slug,
        "name": "",
        "provider": model.provider_id,
        "upstream_name": model.upstream_name,
        "enabled": "on",
        "answers": "on",
        "context_tokens": "8192",
        "reply_tokens": "1024",
        "input_multiplier_micro": "1",
        "output_multiplier_micro": "1",
        "min_plan_rank": "0",
        "template": "",
        "supports_tools": "unknown",
        "supports_json_schema": "unknown",
        "supports_vision": "unknown",
    }
    return {**values, **changes}


def test_prices_are_typed_as_fractions_and_kept_exactly(desk):
    model = ModelFactory()

    answer = desk.post(
        address(model),
        form(model, input_multiplier_micro="0.25", output_multiplier_micro="1.000001"),
    )

    assert answer.status_code == 302
    model.refresh_from_db()
    assert (model.input_multiplier_micro, model.output_multiplier_micro) == (250_000, UNIT + 1)
    page = desk.get(address(model)).content.decode()
    assert 'name="input_multiplier_micro" value="0.25"' in page
    assert 'name="output_multiplier_micro" value="1.000001"' in page
    assert "0.25 / 1.000001" in desk.get(LIST).content.decode()
    told = AuditEntry.objects.values_list("actor", "action", "target", "before", "after")
    assert list(told) == [
        (
            "staff",
            "model.change",
            f"model {model.pk}",
            {"input_multiplier_micro": UNIT, "output_multiplier_micro": UNIT},
            {"input_multiplier_micro": 250_000, "output_multiplier_micro": UNIT + 1},
        )
    ]


def test_adding_one_is_told_too(desk):
    provider = ProviderFactory()
    given = form(ModelFactory.build(slug="a/new", provider=provider), provider=provider.pk)

    answer = desk.post(reverse("admin:llm_model_add"), {**given, "supports_tools": "true"})

    assert answer.status_code == 302
    assert Model.objects.get().slug == "a/new"
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.after["provider"]) == ("model.add", provider.pk)


@pytest.mark.parametrize("text", ["0.0000001", "-1", "1e2", "", "cheap", "10001"])
def test_another_price_is_refused_and_changes_nothing(desk, text):
    model = ModelFactory()

    answer = desk.post(address(model), form(model, input_multiplier_micro=text))

    assert answer.status_code == 200
    assert "input_multiplier_micro" in answer.context["adminform"].form.errors
    model.refresh_from_db()
    assert model.input_multiplier_micro == UNIT


def test_an_ability_is_yes_no_or_unknown(desk):
    model = ModelFactory()

    desk.post(address(model), form(model, supports_tools="true", supports_vision="false"))

    model.refresh_from_db()
    assert (model.supports_tools, model.supports_vision, model.supports_json_schema) == (
        True, False, None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("ability=vision", ["a/sees"]),
        ("ability=completion", ["a/completes"]),
        ("ability=embeddings", ["a/embeds"]),
        ("price=free", ["a/free"]),
        ("price=more", ["a/sees"]),
        ("price=one", ["a/completes", "a/embeds"]),
        ("min_plan_rank=2", ["a/sees"]),
        ("q=comple", ["a/completes"]),
    ],
)
def test_the_list_can_be_narrowed(desk, query, slugs):
    ModelFactory(
        slug="a/sees", supports_vision=True, output_multiplier_micro=2 * UNIT, min_plan_rank=2
    )
    ModelFactory(slug="a/completes", template="chatml")
    ModelFactory(slug="a/embeds", is_embedding=True)
    ModelFactory(slug="a/free", free=True, output_multiplier_micro=2 * UNIT)

    found = desk.get(f"{LIST}?{query}").context["cl"].result_list

    assert [model.slug for model in found] == slugs


def test_who_may_only_look_switches_nothing(client):
    looker = UserFactory(is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_model"))
    model = ModelFactory()
    client.force_login(looker)

    page = client.get(LIST)
    client.post(LIST, {"action": "switch_off", "_selected_action": [model.pk]})

    model.refresh_from_db()
    assert (page.status_code, model.enabled, AuditEntry.objects.count()) == (200, True, 0)


def test_a_providers_list_is_imported_switched_off(desk, monkeypatch):
    provider = ProviderFactory(slug="shop")
    offered = [UpstreamModel("vendor/big", prices=(Decimal(0), Decimal("0.000002")))]

    class Shop:
        async def list_models(self):
            return offered

    monkeypatch.setattr(registry, "build_provider", lambda _: Shop())

    desk.post(
        reverse("admin:llm_provider_changelist"),
        {"action": "test_and_import", "_selected_action": [provider.pk]},
    )

    row = Model.objects.get()
    assert (row.slug, row.enabled, row.output_multiplier_micro) == ("vendor/big", False, 2 * UNIT)


def test_a_kept_key_is_not_sent_to_another_address(desk):
    provider = ProviderFactory(slug="shop", base_url="https://shop.example/v1", api_key="k-secret")
    page = reverse("admin:llm_provider_change", args=[provider.pk])
    form = {"name": "Shop", "slug": "shop", "kind": "openai_like", "options": "{}", "enabled": "on"}

    refused = desk.post(page, {**form, "base_url": "https://elsewhere.example/v1"})
    provider.refresh_from_db()
    kept = (provider.base_url, provider.api_key)
    renamed = desk.post(page, {**form, "name": "The Shop", "base_url": provider.base_url})
    moved = desk.post(page, {**form, "base_url": "https://elsewhere.example/v1", "new_key": "k-2"})
    provider.refresh_from_db()

    assert "Enter the key again" in refused.content.decode()
    assert kept == ("https://shop.example/v1", "k-secret")
    assert (refused.status_code, renamed.status_code, moved.status_code) == (200, 302, 302)
    assert (provider.base_url, provider.api_key) == ("https://elsewhere.example/v1", "k-2")
