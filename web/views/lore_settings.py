"""A lorebook's settings, and where it applies for the person who looks."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.models import User
from characters import queries as characters
from core.errors import Conflict, Invalid
from lore import editing, queries, services
from lore.models import Binding, Lorebook
from lore.queries import book_at
from personas import queries as personas
from web.gate import MemberRequest, member, submitted
from web.lore_context import EXPORTS
from web.lore_forms import BookForm

OFFERED_MOST = 500


@require_http_methods(["GET", "HEAD", "POST"])
@member
def settings(request: MemberRequest, uid: str) -> HttpResponse:
    lorebook = queries.get_owned(request.user, uid)
    book = book_at(lorebook.uid, lorebook.number)
    form = BookForm(submitted(request)[0], initial=BookForm.initial_of(lorebook, book))
    status = 200
    if request.method == "POST":
        status = 400
        try:
            if form.is_valid() and _save(form, lorebook, request.POST.get("number", "")):
                messages.success(request, "Saved.")
                return redirect("lorebook-settings", uid)
        except Conflict as error:
            status = error.status
            form.add_error(None, _CHANGED)
            lorebook.refresh_from_db()
    context = {
        "page": "lorebook",
        "tab": "settings",
        "lorebook": lorebook,
        "exports": EXPORTS,
        "can_edit": True,
        "form": form,
    }
    return render(request, "lorebooks/settings.html", context, status=status)


_CHANGED = (
    "This lorebook was changed in another window, so this is not saved yet. What you typed is"
    " still here. Save again to keep it."
)


def _save(form: BookForm, lorebook: Lorebook, number: str) -> bool:
    """Hand the form to the services. A refusal of theirs lands on its field."""
    if number != str(lorebook.number):
        raise Conflict(_CHANGED, code="lorebook_changed")
    try:
        book = editing.change_book(book_at(lorebook.uid, lorebook.number), form.book_values())
        services.update_lorebook(
            lorebook=lorebook, number=lorebook.number, book=book, **form.listing()
        )
    except Invalid as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@member
def use(request: MemberRequest, uid: str) -> HttpResponse:
    """Where this lorebook applies for oneself: everywhere, with characters, with personas."""
    lorebook = queries.get_visible(request.user, uid)
    if request.method == "POST":
        messages.success(request, _bound(request, lorebook))
        return redirect("lorebook-use", uid)
    context = {
        "page": "lorebook",
        "tab": "use",
        "lorebook": lorebook,
        "exports": EXPORTS,
        "can_edit": lorebook.owner_id == request.user.pk,
        **_uses(request.user, lorebook),
    }
    return render(request, "lorebooks/use.html", context)


def _bound(request: MemberRequest, lorebook: Lorebook) -> str:
    """Bind or unbind what the form says, and tell it. Raises Invalid or NotFound."""
    scope, target = request.POST.get("scope", ""), request.POST.get("target", "")
    if "remove" in request.POST:
        services.unbind(user=request.user, lorebook=lorebook, scope=scope, target=target)
        return "It does not apply there any more."
    if scope == Binding.Scope.CHARACTER:
        characters.get_visible(request.user, target)
    elif scope == Binding.Scope.PERSONA:
        personas.get_owned(request.user, target)
    elif scope != Binding.Scope.GLOBAL:
        raise Invalid("A chat takes a lorebook on its own page.", param="scope")
    services.bind(user=request.user, lorebook=lorebook, scope=scope, target=target)
    return "It applies from the next reply on."


def _uses(user: User, lorebook: Lorebook) -> dict[str, Any]:
    """The bindings by scope with the names of their targets, and what else could be bound."""
    rows = Binding.objects.filter(user=user, lorebook=lorebook).values_list("scope", "target")
    bound: dict[str, set[str]] = {scope: set() for scope in Binding.Scope.values}
    for scope, target in rows:
        bound[scope].add(target)
    people = dict(
        characters.visible_to(user).filter(uid__in=bound["character"]).values_list("uid", "name")
    )
    own = characters.owned_by(user).order_by("name").values_list("uid", "name")
    masks = {one.uid: one.title or one.name for one in personas.owned_by(user)}
    return {
        "is_global": bool(bound["global"]),
        "chat_count": len(bound["chat"]),
        "characters": sorted(people.items(), key=lambda pair: pair[1]),
        "personas": [(uid, name) for uid, name in masks.items() if uid in bound["persona"]],
        "other_characters": [row for row in own[:OFFERED_MOST] if row[0] not in people],
        "other_personas": [
            (uid, name) for uid, name in masks.items() if uid not in bound["persona"]
        ],
        "address": reverse("lorebook-use", args=[lorebook.uid]),
    }
