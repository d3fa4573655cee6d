"""Operators' pages for providers and models."""

from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import admin, messages
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from core.errors import Invalid, ProviderError
from llm import registry, services
from llm.deeds import Switched
from llm.forms import ModelForm, ProviderForm
from llm.importing import Terms, import_models
from llm.models import Model, Provider
from llm.prices import UNIT, fraction

_ABILITIES = {
    "tools": Q(supports_tools=True),
    "json_schema": Q(supports_json_schema=True),
    "vision": Q(supports_vision=True),
    "completion": Q(supports_completion=True) | ~Q(template=""),
    "embeddings": Q(is_embedding=True),
    "image": Q(makes_images=True),
    "speech": Q(makes_speech=True),
    "video": Q(makes_video=True),
}


@admin.register(Provider)
class ProviderAdmin(Switched, admin.ModelAdmin):
    form = ProviderForm
    list_display = ("name", "slug", "kind", "base_url", "enabled", "updated_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "slug", "base_url")
    actions = ("switch_off", "switch_on", "test_and_import")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        registry.forget()

    @admin.action(
        description="Test, and import what it lists (new models stay off)", permissions=["change"]
    )
    def test_and_import(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        for provider in queryset:
            adapter = registry.build_provider(registry.provider_spec(provider))
            try:
                offered = async_to_sync(adapter.list_models)()
            except ProviderError as error:
                self.message_user(request, f"{provider}: {error.message}", messages.ERROR)
                continue
            report = import_models(provider, offered, Terms())
            self.message_user(
                request,
                f"{provider} answers with {report.offered} models: {len(report.new)} new,"
                f" {len(report.changed)} changed, {len(report.gone)} gone.",
            )


class AbilityFilter(admin.SimpleListFilter):
    """What a model can do."""

    title = "ability"
    parameter_name = "ability"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name.replace("_", " ")) for name in _ABILITIES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        wanted = _ABILITIES.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(wanted)


class PriceFilter(admin.SimpleListFilter):
    """What a model costs."""

    title = "price"
    parameter_name = "price"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("free", "Free"), ("one", "Up to 1 a token"), ("more", "More")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Model]) -> QuerySet[Model]:
        dear = Q(input_multiplier_micro__gt=UNIT)
        dear |= Q(output_multiplier_micro__gt=UNIT)
        match self.value():
            case "free":
                return queryset.filter(free=True)
            case "one":
                return queryset.filter(~dear, free=False)
            case "more":
                return queryset.filter(dear, free=False)
        return queryset


@admin.register(Model)
class ModelAdmin(Switched, admin.ModelAdmin):
    form = ModelForm
    list_display = (
        "slug",
        "provider",
        "enabled",
        "is_default",
        "price",
        "context_tokens",
        "abilities",
        "min_plan_rank",
    )
    list_select_related = ("provider",)
    list_filter = (
        "enabled",
        PriceFilter,
        AbilityFilter,
        "min_plan_rank",
        "answers",
        "is_embedder",
        "provider",
    )
    search_fields = ("slug", "name", "upstream_name", "provider__slug")
    actions = ("switch_on", "switch_off", "make_default", "make_embedder")
    readonly_fields = ("dimensions", "token_ratio_permille")
    fieldsets = (
        (None, {"fields": ("slug", "name", "provider", "upstream_name", "enabled")}),
        (
            "Price and who may use it",
            {
                "fields": (
                    "input_multiplier_micro",
                    "output_multiplier_micro",
                    "free",
                    "min_plan_rank",
                )
            },
        ),
        (
            "Window",
            {"fields": ("context_tokens", "reply_tokens", "template", "token_ratio_permille")},
        ),
        (
            "Abilities",
            {
                "fields": (
                    "answers",
                    "supports_tools",
                    "supports_json_schema",
                    "supports_vision",
                    "supports_completion",
                    "makes_images",
                    "makes_speech",
                    "makes_video",
                    "is_embedding",
                    "dimensions",
                ),
                "description": "Unknown: a request is passed on, and the provider says. No: it is"
                " refused here.",
            },
        ),
    )

    @admin.display(
        description="price in / out",
        ordering=F("input_multiplier_micro") + F("output_multiplier_micro"),
    )
    def price(self, model: Model) -> str:
        if model.free:
            return "free"
        micro = (model.input_multiplier_micro, model.output_multiplier_micro)
        return " / ".join(map(fraction, micro))

    @admin.display(description="abilities")
    def abilities(self, model: Model) -> str:
        return ", ".join(registry.model_spec(model).abilities) or "–"

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        registry.forget()

    @admin.action(description="Let this model answer when nobody chose one", permissions=["change"])
    def make_default(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        model = queryset.first()
        if model is None:
            return
        try:
            services.set_default(model.slug)
        except Invalid as error:
            self.message_user(request, error.message, messages.ERROR)
            return
        self.message_user(request, f"{model} is the default now.")

    @admin.action(description="Let recall compare this model's embeddings", permissions=["change"])
    def make_embedder(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        model = queryset.first()
        if model is not None:
            services.set_embedder(model.slug)
            self.message_user(
                request, f"Recall compares embeddings of {model} now. Run `reverie reindex`."
            )
