"""Operators' pages for people, their keys and the audit log."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import admin as _auth_admin  # noqa: F401 - registers Group first
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from accounts import audit, operators
from accounts.forms import KEY_TERMS, KeyAdminForm, KeyRotateForm, ProfileAdminForm, UserAdminForm
from accounts.keys import issue_key, rotate_key
from accounts.models import ApiKey, AuditEntry, User
from core.admin import ReadOnlyAdmin
from core.deeds import Deed, DeedForm, Row, ask_or_act
from core.errors import ReverieError

admin.site.unregister(Group)

_ENDS = (
    "It counts at once: requests are refused, and replies under way end within a second. What they"
    " wrote so far is kept and paid for. It is written into the audit log with your name."
)


def _by(actor: str) -> User:
    return User.objects.get(handle=actor)


def _user_row(then: str) -> Any:
    def row(user: User, form: DeedForm | None) -> Row:
        return Row(user.handle, "let in" if user.is_active else "suspended", then if form else "")

    return row


def _key_row(then: str) -> Any:
    def row(key: ApiKey, form: DeedForm | None) -> Row:
        return Row(f"{key} of {key.user.handle}", _state_of(key), then if form else "")

    return row


def _state_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.suspended_at is not None:
        return "suspended"
    return "expired" if key.is_expired else "works"


def _suspend_user(user: User, form: DeedForm, actor: str) -> str:
    done = operators.suspend_user(user=user, by=_by(actor), reason=form.cleaned_data["reason"])
    return f"{user.handle}: {'suspended' if done else 'was suspended before'}."


def _unsuspend_user(user: User, form: DeedForm, actor: str) -> str:
    done = operators.unsuspend_user(user=user, by=_by(actor), reason=form.cleaned_data["reason"])
    return f"{user.handle}: {'let in again' if done else 'was not suspended'}."


def _suspend_key(key: ApiKey, form: DeedForm, actor: str) -> str:
    done = operators.suspend_key(key=key, by=_by(actor), reason=form.cleaned_data["reason"])
    return f"{key}: {'suspended' if done else 'was suspended before'}."


def _unsuspend_key(key: ApiKey, form: DeedForm, actor: str) -> str:
    done = operators.unsuspend_key(key=key, by=_by(actor), reason=form.cleaned_data["reason"])
    return f"{key}: {'works again' if done else 'was not suspended'}."


def _revoke(key: ApiKey, form: DeedForm, actor: str) -> str:
    done = operators.revoke(key=key, by=_by(actor), reason=form.cleaned_data["reason"])
    return f"{key}: {'revoked' if done else 'was revoked before'}."


SUSPEND_USER = Deed(
    action="suspend",
    title="Suspend people",
    form=DeedForm,
    preview=_user_row("suspended"),
    act=_suspend_user,
    told=_ENDS,
)
UNSUSPEND_USER = Deed(
    action="unsuspend",
    title="Let people in again",
    form=DeedForm,
    preview=_user_row("let in"),
    act=_unsuspend_user,
)
SUSPEND_KEY = Deed(
    action="suspend",
    title="Suspend keys",
    form=DeedForm,
    preview=_key_row("suspended"),
    act=_suspend_key,
    told=_ENDS,
)
UNSUSPEND_KEY = Deed(
    action="unsuspend",
    title="Let keys work again",
    form=DeedForm,
    preview=_key_row("works"),
    act=_unsuspend_key,
)
REVOKE = Deed(
    action="revoke",
    title="Revoke keys for good",
    form=DeedForm,
    preview=_key_row("revoked"),
    act=_revoke,
    told=_ENDS,
)


@admin.register(User)
class UserAdmin(admin.ModelAdmin):
    """People. Who is no superuser neither makes operators nor touches them, nor sets passwords."""

    list_display = ("handle", "display_name", "email", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff")
    search_fields = ("handle", "display_name", "email", "^api_keys__prefix")
    ordering = ("-created_at",)
    readonly_fields = ("is_active", "last_login", "created_at")
    filter_horizontal = ("user_permissions",)
    actions = ("suspend", "unsuspend")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        kwargs["form"] = UserAdminForm if request.user.is_superuser else ProfileAdminForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if not request.user.is_superuser:
            return ("handle", "display_name", "email", *self.readonly_fields)
        granted = ("is_staff", "is_superuser", "user_permissions")
        return ("handle", "display_name", "email", "new_password", *granted, *self.readonly_fields)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":
            permissions = db_field.remote_field.model.objects
            kwargs["queryset"] = permissions.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """People are suspended, not deleted: their ledger must stay."""
        return False

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.suspend_user")

    @admin.action(description="Suspend…", permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset, SUSPEND_USER)

    @admin.action(description="Let in again…", permissions=["suspend"])
    def unsuspend(self, request: HttpRequest, queryset: QuerySet[User]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset, UNSUSPEND_USER)


@admin.register(ApiKey)
class ApiKeyAdmin(admin.ModelAdmin):
    """Issue, rotate, suspend, revoke. A secret is shown once, in the answer to what made it."""

    notes_itself = True

    form = KeyAdminForm
    list_display = ("prefix", "name", "user", "created_at", "last_used_at", "expires_at", "is_live")
    list_select_related = ("user",)
    list_filter = ("revoked_at",)
    search_fields = (
        "prefix",
        "old_prefix",
        "name",
        "user__handle",
        "user__email",
        "last_used_ip",
    )
    autocomplete_fields = ("user",)
    actions = ("rotate", "suspend", "unsuspend", "revoke")

    def get_fields(self, request: HttpRequest, obj: ApiKey | None = None) -> tuple[str, ...]:
        asked = ("user", *KEY_TERMS)
        seen = (
            "prefix",
            "old_prefix",
            "old_expires_at",
            "created_at",
            "last_used_at",
            "last_used_ip",
            "suspended_at",
            "revoked_at",
        )
        return asked if obj is None else (*asked, *seen)

    def get_readonly_fields(
        self, request: HttpRequest, obj: ApiKey | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else self.get_fields(request, obj)

    @admin.display(boolean=True, description="live")
    def is_live(self, key: ApiKey) -> bool:
        return key.is_live

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Only superusers make keys that act for an operator."""
        if db_field.name == "user" and not request.user.is_superuser:
            kwargs["queryset"] = User.objects.filter(is_staff=False)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            return
        with transaction.atomic():
            key, secret = issue_key(user=obj.user, **form.terms())
            _note(request, "key.issue", key, after={"scopes": key.scopes})
        obj.pk, obj.prefix = key.pk, key.prefix
        obj.secret = secret

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A key has no related rows to save."""

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._reveal(request, obj, obj.secret)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Keys are revoked, so that what they did can still be read."""
        return False

    @admin.action(description="Rotate the selected key", permissions=["change"])
    def rotate(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        keys = list(queryset.filter(revoked_at=None).select_related("user")[:2])
        if len(keys) != 1:
            self.message_user(request, "Choose one live key.", level=messages.ERROR)
            return None
        [key] = keys
        if key.user.is_staff and not request.user.is_superuser:
            raise PermissionDenied("Whoever holds an operator's key acts as that operator.")
        form = KeyRotateForm(request.POST if "reason" in request.POST else None)
        if not form.is_valid():
            context = {"title": "Rotate a key", "key": key, "form": form}
            return self._page(request, "admin/accounts/key_rotate.html", context)
        try:
            secret = _rotate(request, key, **form.cleaned_data)
        except ReverieError as error:
            self.message_user(request, error.message, level=messages.ERROR)
            return None
        return self._reveal(request, key, secret)

    def has_suspend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.suspend_apikey")

    @admin.action(description="Suspend…", permissions=["suspend"])
    def suspend(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user"), SUSPEND_KEY)

    @admin.action(description="Let work again…", permissions=["suspend"])
    def unsuspend(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user"), UNSUSPEND_KEY)

    @admin.action(description="Revoke, now and for good…", permissions=["suspend"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> HttpResponse | None:
        return ask_or_act(self, request, queryset.select_related("user"), REVOKE)

    def _reveal(self, request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
        """The one page that shows a secret. It is in no message, session or log."""
        context = {"title": f"A secret for {key.name}", "key": key, "secret": secret}
        response = self._page(request, "admin/accounts/key_secret.html", context)
        add_never_cache_headers(response)
        return response

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        frame = {**self.admin_site.each_context(request), "checkbox": ACTION_CHECKBOX_NAME}
        return render(request, template, frame | context)


def _rotate(request: HttpRequest, key: ApiKey, *, overlap: timedelta, reason: str) -> str:
    with transaction.atomic():
        secret = rotate_key(key=key, overlap=overlap)
        before = {"secret": key.old_prefix}
        after = {"secret": key.prefix, "overlap_hours": overlap // timedelta(hours=1)}
        _note(request, "key.rotate", key, reason=reason, before=before, after=after)
    return secret


def _note(request: HttpRequest, action: str, key: ApiKey, **what: Any) -> None:
    audit.record(
        actor=str(request.user), action=action, user_id=key.user_id, target=f"key {key}", **what
    )


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """What operators did. Nobody changes it: the database itself refuses."""

    list_display = ("created_at", "actor", "action", "user", "target", "reason")
    list_select_related = ("user",)
    search_fields = ("actor", "action", "target", "reason", "user__handle", "user__email")
    fields = ("created_at", "actor", "action", "user", "target", "reason", "before", "after")
