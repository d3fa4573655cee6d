"""Operators' pages for providers and models."""

from typing import Any

from asgiref.sync import async_to_sync
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from core.errors import ProviderError
from llm import registry, services
from llm.models import Model, Provider


class ProviderForm(forms.ModelForm):
    """A provider, with a field to set its key that never shows one."""

    new_key = forms.CharField(
        required=False,
        label="API key",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep what is set.",
    )

    class Meta:
        model = Provider
        fields = ("name", "slug", "kind", "base_url", "options", "enabled")

    def save(self, commit: bool = True) -> Provider:
        if key := self.cleaned_data["new_key"]:
            self.instance.api_key = key
        provider: Provider = super().save(commit)
        return provider


@admin.register(Provider)
class ProviderAdmin(admin.ModelAdmin):
    form = ProviderForm
    list_display = ("name", "slug", "kind", "base_url", "enabled", "updated_at")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "slug", "base_url")
    actions = ("test_and_import",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        registry.forget()

    @admin.action(description="Test, and list what it serves")
    def test_and_import(self, request: HttpRequest, queryset: QuerySet[Provider]) -> None:
        for provider in queryset:
            adapter = registry.build_provider(registry.provider_spec(provider))
            try:
                offered = async_to_sync(adapter.list_models)()
            except ProviderError as error:
                self.message_user(request, f"{provider}: {error.message}", messages.ERROR)
                continue
            added = services.import_models(provider, offered)
            self.message_user(
                request, f"{provider} answers with {len(offered)} models; {len(added)} are new."
            )


@admin.register(Model)
class ModelAdmin(admin.ModelAdmin):
    list_display = (
        "slug",
        "provider",
        "context_tokens",
        "input_multiplier_micro",
        "output_multiplier_micro",
        "free",
        "enabled",
        "is_default",
    )
    list_select_related = ("provider",)
    list_filter = ("enabled", "free", "provider")
    search_fields = ("slug", "name", "upstream_name")
    actions = ("make_default",)
    exclude = ("is_default",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        registry.forget()

    @admin.action(description="Let this model answer when nobody chose one")
    def make_default(self, request: HttpRequest, queryset: QuerySet[Model]) -> None:
        model = queryset.first()
        if model is not None:
            services.set_default(model.slug)
            self.message_user(request, f"{model} is the default now.")
