"""API keys at /app/settings/api-keys: list, make, change, rotate, revoke."""

from typing import Any, Final

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.keys import (
    change_key,
    end_overlap,
    issue_key,
    own_key,
    revoke_key,
    rotate_key,
    undo_rotation,
)
from accounts.models import ApiKey, User
from billing.limits.budgets import Budget, budgets_of_keys
from billing.limits.terms import for_key
from billing.queries import spent_by_key
from characters.models import Character
from characters.queries import owned_by
from core.errors import Invalid, NotFound
from web.gate import MemberRequest, member, submitted
from web.key_forms import KeyForm, RotateForm

EXAMPLE_CHARACTER: Final = "Luna"
SPENT_DAYS: Final = 30


def example_character(user: User, key: ApiKey | None) -> Character | None:
    """Somebody the reader can talk to: the key's default, or Luna, or whoever is there."""
    mine = owned_by(user)
    if key is not None and key.default_character:
        chosen = mine.filter(uid=key.default_character).first()
        if chosen is not None:
            return chosen
    return mine.filter(name=EXAMPLE_CHARACTER).first() or mine.order_by("id").first()


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@member
def keys(request: MemberRequest) -> HttpResponse:
    """The list, and the form above it. A new key is shown in the answer to the form, once."""
    form = KeyForm(submitted(request)[0], user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            key, secret = issue_key(user=request.user, **form.values())
        except Invalid as error:
            form.take(error)
        else:
            return _reveal(request, key, secret)
    rows = _rows(request.user)
    context: dict[str, object] = {
        "page": "api-keys",
        "form": form,
        "rows": rows,
        "rotate_form": RotateForm(auto_id=False),
    }
    if not rows:
        context["snippet"] = _snippet_values(request, None)
    return render(request, "keys/index.html", context, status=400 if form.errors else 200)


def _reveal(request: MemberRequest, key: ApiKey, secret: str) -> HttpResponse:
    """The only page that ever shows a secret: the answer to the form that made it."""
    context = {
        "page": "api-key-created",
        "key": key,
        "secret": secret,
        "snippet": _snippet_values(request, key),
    }
    return render(request, "keys/created.html", context)


def _snippet_values(request: MemberRequest, key: ApiKey | None) -> dict[str, str]:
    """This site's address and a character that the reader can talk to."""
    chosen = example_character(request.user, key)
    return {
        "base": request.build_absolute_uri("/api/device/v1"),
        "model": chosen.name if chosen else EXAMPLE_CHARACTER,
    }


def _rows(user: User) -> list[dict[str, object]]:
    found = list(user.api_keys.filter(revoked_at=None).order_by("-created_at"))
    uids = {key.default_character for key in found if key.default_character}
    names = dict(owned_by(user).filter(uid__in=uids).values_list("uid", "name")) if uids else {}
    spent = spent_by_key(user.pk, days=SPENT_DAYS) if found else {}
    budgets = _budgets(user, found)
    return [
        {
            "key": key,
            "character": names.get(key.default_character, ""),
            "spent_micro": spent.get(key.uid, 0),
            "budgets": budgets.get(key.uid, []),
        }
        for key in found
    ]


def _budgets(user: User, keys: list[ApiKey]) -> dict[str, list[Budget]]:
    """What is spent of the budgets of these keys, by uid."""
    return budgets_of_keys(user.pk, [for_key(key) for key in keys])


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@member
def page(request: MemberRequest, uid: str) -> HttpResponse:
    """One key: how it stands, what it may do, and what can be done with it."""
    key = own_key(request.user, uid)
    form = KeyForm(submitted(request)[0], user=request.user, key=key)
    if request.method == "POST" and form.is_valid():
        try:
            change_key(key=key, **form.values())
        except Invalid as error:
            form.take(error)
        else:
            messages.success(request, f"{key.name} is saved.")
            return redirect("api-key", key.uid)
    return render_page(request, key, form)


def render_page(request: MemberRequest, key: ApiKey, form: KeyForm, **extra: Any) -> HttpResponse:
    context = {
        "page": "api-key",
        "key": key,
        "form": form,
        "rotate_form": RotateForm(auto_id=False),
        "spent_micro": spent_by_key(request.user.pk, days=SPENT_DAYS).get(key.uid, 0),
        "budgets": _budgets(request.user, [key]).get(key.uid, []),
        **extra,
    }
    return render(request, "keys/page.html", context, status=400 if form.errors else 200)


@require_POST
@never_cache
@member
def rotate(request: MemberRequest, uid: str) -> HttpResponse:
    """Another secret for the same key, shown once, in the answer."""
    key = own_key(request.user, uid)
    form = RotateForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose how long the old secret works on.", param="overlap")
    secret = rotate_key(key=key, overlap=form.hours())
    return _reveal(request, key, secret)


@require_POST
@member
def undo(request: MemberRequest, uid: str) -> HttpResponse:
    """The old secret stays after all."""
    key = own_key(request.user, uid)
    undo_rotation(key=key)
    messages.success(request, f"{key.name} keeps the secret {key.prefix}…; the new one is gone.")
    return redirect("api-key", key.uid)


@require_POST
@member
def end(request: MemberRequest, uid: str) -> HttpResponse:
    """The old secret stops before its time."""
    key = own_key(request.user, uid)
    end_overlap(key=key)
    messages.success(request, f"Only {key.prefix}… works now.")
    return redirect("api-key", key.uid)


@require_POST
@member
def revoke(request: MemberRequest, uid: str) -> HttpResponse:
    """Stop a key for good. There is no undo; the page has asked."""
    key = request.user.api_keys.filter(uid=uid).first()
    if key is None:
        raise NotFound("There is no such key.", code="key_not_found")
    revoke_key(key=key)
    messages.success(request, f"{key.name} is revoked. Programs that use it are refused now.")
    return redirect("api-keys")
