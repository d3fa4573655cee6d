"""Forms of the operators' pages for people and keys."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.contrib.auth.password_validation import validate_password

from accounts.keys import checked
from accounts.models import DEFAULT_SCOPES, ApiKey, Scope, User
from core.errors import Invalid

KEY_TERMS: Final[tuple[str, ...]] = (
    "name",
    "default_character",
    "expires_at",
    "scopes",
    "allowed_addresses",
    "budget_day_micro",
    "budget_month_micro",
    "requests_per_minute",
)


class ProfileAdminForm(forms.ModelForm):
    """A person, as operators who are no superusers may change them."""

    class Meta:
        model = User
        fields = ("handle", "display_name", "email")

    def clean_email(self) -> str | None:
        return self.cleaned_data["email"] or None

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        if user.pk is None:
            user.set_unusable_password()
        if commit:
            user.save()
        return user


class UserAdminForm(ProfileAdminForm):
    """A person, with a field to set a password that never shows one."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep what is set.",
    )

    class Meta:
        model = User
        fields = (
            "handle",
            "display_name",
            "email",
            "is_staff",
            "is_superuser",
            "user_permissions",
        )

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        if password := self.cleaned_data["new_password"]:
            user.set_password(password)
        if commit:
            user.save()
        return user


class KeyAdminForm(forms.ModelForm):
    """A new key for somebody. What is wrong with its terms the service says, field by field."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=DEFAULT_SCOPES.split(),
        widget=forms.CheckboxSelectMultiple,
    )

    class Meta:
        model = ApiKey
        fields = ("user", *KEY_TERMS)

    def clean_scopes(self) -> str:
        return " ".join(self.cleaned_data["scopes"])

    def terms(self) -> dict[str, Any]:
        """What the services of keys take, of the fields that are well formed."""
        cleaned: dict[str, Any] = self.cleaned_data
        given = {name: cleaned[name] for name in KEY_TERMS if name in cleaned}
        if "scopes" in given:
            given["scopes"] = given["scopes"].split()
        return given

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        try:
            checked(self.terms())
        except Invalid as error:
            self.add_error(error.param if error.param in self.fields else None, error.message)
        return cleaned


class KeyRotateForm(forms.Form):
    """Why a key is rotated, and how long its old secret works on."""

    reason = forms.CharField(max_length=500)
    overlap = forms.TypedChoiceField(
        coerce=lambda hours: timedelta(hours=int(hours)),
        choices=[("0", "not at all"), ("1", "an hour"), ("24", "24 hours"), ("168", "7 days")],
        label="The old secret works on for",
    )
