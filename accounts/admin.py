"""Operators' pages for people and their keys."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import admin as _auth_admin  # noqa: F401 - registers Group first
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accounts.forms import KeyAdminForm, UserAdminForm
from accounts.keys import issue_key, revoke_key
from accounts.models import ApiKey, User

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    form = UserAdminForm
    list_display = ("handle", "display_name", "email", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("handle", "display_name", "email")
    ordering = ("-created_at",)
    readonly_fields = ("last_login", "created_at")
    fields = (
        "handle",
        "display_name",
        "email",
        "new_password",
        "is_active",
        "is_staff",
        "is_superuser",
        "last_login",
        "created_at",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are switched off, not deleted: their ledger must stay."""
        return False


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Issue and revoke. A key's secret is shown once, in the message after issuing it."""

    form = KeyAdminForm
    list_display = ("prefix", "name", "user", "created_at", "last_used_at", "expires_at", "is_live")
    list_select_related = ("user",)
    list_filter = ("revoked_at",)
    search_fields = ("prefix", "name", "user__handle", "user__email")
    autocomplete_fields = ("user",)
    actions = ("revoke",)

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        asked = ("user", "name", "default_character", "expires_at")
        seen = ("prefix", "created_at", "last_used_at", "last_used_ip", "revoked_at")
        return asked if obj is None else (*asked, *seen)

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(boolean=True, description="live")
    def is_live(self, key: ApiKey) -> bool:
        return key.is_live

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        if change:
            return
        key, secret = issue_key(
            user=obj.user,
            name=obj.name,
            default_character=obj.default_character,
            expires_at=obj.expires_at,
        )
        obj.pk = key.pk
        obj.prefix, obj.digest, obj.created_at = key.prefix, key.digest, key.created_at
        self.message_user(request, f"The key, shown only now: {secret}", level=messages.WARNING)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A key has no related rows to save."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are revoked, so that what they did can still be read."""
        return False

    @admin.action(description="Revoke the selected keys, now and for good")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        live = list(queryset.filter(revoked_at=None))
        for key in live:
            revoke_key(key=key)
        self.message_user(request, f"{len(live)} keys revoked.")
        return None
