"""Forms of the operators' pages for people and keys."""

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password
from django.utils import timezone

from accounts.models import ApiKey, User


class UserAdminForm(forms.ModelForm):
    """A person, with a field to set a password that never shows one."""

    new_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to keep what is set.",
    )

    class Meta:
        model = User
        fields = ("handle", "display_name", "email", "is_active", "is_staff", "is_superuser")

    def clean_new_password(self) -> str:
        password: str = self.cleaned_data["new_password"]
        if password:
            validate_password(password, self.instance)
        return password

    def clean_email(self) -> str | None:
        return self.cleaned_data["email"] or None

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        if password := self.cleaned_data["new_password"]:
            user.set_password(password)
        elif user.pk is None:
            user.set_unusable_password()
        if commit:
            user.save()
        return user


class KeyAdminForm(forms.ModelForm):
    class Meta:
        model = ApiKey
        fields = ("user", "name", "default_character", "expires_at")

    def clean_expires_at(self) -> Any:
        expires_at = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= timezone.now():
            raise forms.ValidationError("The expiry lies in the past.")
        return expires_at
