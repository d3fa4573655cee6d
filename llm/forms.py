"""Operators' forms for providers and models."""

from typing import Any

from django import forms

from core.errors import Invalid
from llm.models import Model, Provider
from llm.prices import fraction, micro_of


class MultiplierField(forms.CharField):
    """Credits per token as people write them, 0.25; kept as exact millionths."""

    def prepare_value(self, value: Any) -> Any:
        return fraction(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> int:
        text = super().clean(value)
        try:
            return micro_of(text)
        except Invalid as error:
            raise forms.ValidationError(error.message) from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(initial != micro_of(str(data)))
        except Invalid:
            return True


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

    def clean(self) -> dict[str, Any]:
        """Whoever may choose the address must not learn the key by having it sent there."""
        cleaned: dict[str, Any] = super().clean() or {}
        is_kept = self.instance.api_key and not cleaned.get("new_key")
        if is_kept and "base_url" in self.changed_data:
            self.add_error("new_key", "Enter the key again: it would be sent to another address.")
        return cleaned

    def save(self, commit: bool = True) -> Provider:
        if key := self.cleaned_data["new_key"]:
            self.instance.api_key = key
        provider: Provider = super().save(commit)
        return provider


class ModelForm(forms.ModelForm):
    """A model, with its prices as fractions."""

    input_multiplier_micro = MultiplierField(
        label="Price of input", help_text="Credits per token of the prompt, such as 0.25."
    )
    output_multiplier_micro = MultiplierField(
        label="Price of output", help_text="Credits per token of the reply."
    )

    class Meta:
        model = Model
        exclude = ("is_default", "is_embedder", "listed")  # noqa: DJ006 - the admin lays them out
