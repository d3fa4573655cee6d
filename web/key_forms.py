"""Forms of the pages of API keys: what a key may do, and how its secret is exchanged."""

from datetime import timedelta
from typing import Any, ClassVar, Final

from django import forms
from django.utils import timezone

from accounts.keys import REQUESTS_PER_MINUTE_MOST, KeyFields
from accounts.models import DEFAULT_SCOPES, ApiKey, Scope, User
from billing.forms import CreditsField, micro_of
from billing.queries import exact_credits
from characters.queries import owned_by
from core.errors import Invalid

KEEP: Final = "keep"
_BUDGETS: Final = ("budget_day", "budget_month")


def _budget(label: str) -> forms.DecimalField:
    return CreditsField(
        required=False,
        min_value=0,
        label=label,
        widget=forms.NumberInput(attrs={"step": "any", "placeholder": "No limit"}),
    )


class KeyForm(forms.Form):
    """A new API key, or with `key` one that is there."""

    EXPIRIES: ClassVar[list[tuple[str, str]]] = [
        ("", "Never"),
        ("7", "In 7 days"),
        ("30", "In 30 days"),
        ("90", "In 90 days"),
        ("365", "In a year"),
    ]
    name = forms.CharField(
        max_length=80,
        label="Name",
        widget=forms.TextInput(attrs={"placeholder": "Which program will use it?"}),
    )
    default_character = forms.ChoiceField(required=False, label="Default character")
    expires = forms.ChoiceField(required=False, choices=EXPIRIES, label="Expires")
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        label="It may",
        error_messages={"required": "Choose at least one: a key that may do nothing is no key."},
    )
    budget_day = _budget("Credits a day")
    budget_month = _budget("Credits a month")
    requests_per_minute = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=REQUESTS_PER_MINUTE_MOST,
        label="Requests a minute",
        widget=forms.NumberInput(attrs={"placeholder": "As your plan says"}),
    )
    allowed_addresses = forms.CharField(
        required=False,
        max_length=5000,
        label="Only from these addresses",
        help_text="One to a line: 203.0.113.9, or a range such as 203.0.113.0/24. Empty: from"
        " anywhere.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, user: User, key: ApiKey | None = None) -> None:
        super().__init__(data, initial=_initial(key))
        choices = [("", "None"), *owned_by(user).order_by("name").values_list("uid", "name")]
        if key is not None:
            self.fields["expires"].choices = [  # type: ignore[attr-defined]
                (KEEP, _as_it_is(key)),
                *self.EXPIRIES,
            ]
            if key.default_character not in dict(choices):
                choices.append((key.default_character, "The present one"))
        self.fields["default_character"].choices = choices  # type: ignore[attr-defined]

    @property
    def has_wrong_limits(self) -> bool:
        """Whether a field is wrong that the form of new keys folds away."""
        return bool(set(self.errors) - {"name", "default_character", "expires"})

    def values(self) -> KeyFields:
        """What the services of keys take."""
        given = self.cleaned_data
        values = KeyFields(
            name=given["name"],
            default_character=given["default_character"],
            scopes=given["scopes"],
            allowed_addresses=given["allowed_addresses"],
            budget_day_micro=micro_of(given["budget_day"]),
            budget_month_micro=micro_of(given["budget_month"]),
            requests_per_minute=given["requests_per_minute"],
        )
        if given["expires"] != KEEP:
            days = given["expires"]
            values["expires_at"] = timezone.now() + timedelta(days=int(days)) if days else None
        return values

    def take(self, error: Invalid) -> None:
        """Show what a service refused beside the field that it is about."""
        name = (error.param or "").removesuffix("_micro").removesuffix("_at")
        self.add_error(name if name in self.fields else None, error.message)


def _initial(key: ApiKey | None) -> dict[str, Any]:
    if key is None:
        return {"scopes": DEFAULT_SCOPES.split()}
    return {
        "name": key.name,
        "default_character": key.default_character,
        "expires": KEEP,
        "scopes": key.scopes.split(),
        "budget_day": _credits(key.budget_day_micro),
        "budget_month": _credits(key.budget_month_micro),
        "requests_per_minute": key.requests_per_minute,
        "allowed_addresses": key.allowed_addresses,
    }


def _as_it_is(key: ApiKey) -> str:
    if key.expires_at is None:
        return "As it is: never"
    return f"As it is: {key.expires_at:%d %b %Y, %H:%M} UTC"


def _credits(micro: int | None) -> str | None:
    return None if micro is None else exact_credits(micro)


class RotateForm(forms.Form):
    """How long the old secret goes on working."""

    OVERLAPS: ClassVar[list[tuple[str, str]]] = [
        ("24", "For 24 hours"),
        ("1", "For an hour"),
        ("168", "For 7 days"),
        ("0", "Not at all: it was seen by somebody"),
    ]
    overlap = forms.ChoiceField(choices=OVERLAPS, label="The old secret works on")

    def hours(self) -> timedelta:
        return timedelta(hours=int(self.cleaned_data["overlap"]))
