"""API keys at /app/settings/api-keys: list, make, revoke."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.keys import issue_key, revoke_key
from accounts.models import ApiKey, User
from characters.models import Character
from characters.queries import owned_by
from core.errors import Invalid, NotFound
from web.forms import KeyForm
from web.gate import MemberRequest, member, submitted

EXAMPLE_CHARACTER = "Luna"


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
            form.add_error(error.param if error.param in form.fields else None, error.message)
        else:
            return render(request, "keys/created.html", _created(request, key, secret))
    rows = _rows(request.user)
    context: dict[str, object] = {"page": "api-keys", "form": form, "rows": rows}
    if not rows:
        context["snippet"] = _snippet_values(request, None)
    status = 400 if form.errors else 200
    return render(request, "keys/index.html", context, status=status)


def _created(request: MemberRequest, key: ApiKey, secret: str) -> dict[str, object]:
    return {
        "page": "api-key-created",
        "key": key,
        "secret": secret,
        "snippet": _snippet_values(request, key),
    }


def _snippet_values(request: MemberRequest, key: ApiKey | None) -> dict[str, str]:
    """This site's address and a character that the reader can talk to."""
    mine = owned_by(request.user)
    chosen: Character | None = None
    if key is not None and key.default_character:
        chosen = mine.filter(uid=key.default_character).first()
    if chosen is None:
        chosen = mine.filter(name=EXAMPLE_CHARACTER).first() or mine.order_by("id").first()
    return {
        "base": request.build_absolute_uri("/api/device/v1"),
        "model": chosen.name if chosen else EXAMPLE_CHARACTER,
    }


def _rows(user: User) -> list[dict[str, object]]:
    found = list(user.api_keys.filter(revoked_at=None).order_by("-created_at"))
    uids = {key.default_character for key in found if key.default_character}
    names = dict(owned_by(user).filter(uid__in=uids).values_list("uid", "name")) if uids else {}
    return [{"key": key, "character": names.get(key.default_character, "")} for key in found]


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
