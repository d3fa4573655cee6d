"""Personas: the list, the page of one, files in and out, and with whom each is worn."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Q
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from characters import queries as characters
from characters.models import Character
from chats import bindings
from core.errors import Invalid, ReverieError
from core.pictures import BYTES_MOST
from engine.tokens import default_counter
from lore.models import Binding
from personas import services
from personas.backup import FILE_BYTES_MOST
from personas.models import Persona, PersonaLock
from personas.queries import get_owned, owned_by
from web.gate import MemberRequest, member, submitted
from web.own_forms import PersonaForm, PersonaImportForm

PAGE_SIZE = 24
MOST_FILES = 20
LISTED_MOST = 500


@require_safe
@member
def index(request: MemberRequest) -> HttpResponse:
    in_use = Count("chat", filter=Q(chat__trashed_at=None))
    rows = owned_by(request.user).annotate(chat_count=in_use).order_by("-is_default", "name", "uid")
    paged = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    count = default_counter().count
    for persona in paged:
        persona.token_count = count(persona.description)  # type: ignore[attr-defined]  # for the row
    context = {"page": "personas", "personas": paged}
    part = request.htmx and request.htmx.target == "more"
    return render(request, "personas/_rows.html" if part else "personas/index.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def create(request: MemberRequest) -> HttpResponse:
    form = PersonaForm(*submitted(request), user=request.user, persona=None)
    if request.method == "POST" and form.is_valid():
        persona = _save(form, request, None)
        if persona is not None:
            messages.success(request, f"{persona.name} is ready to wear.")
            return redirect("personas")
    return _editor(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def edit(request: MemberRequest, uid: str) -> HttpResponse:
    persona = get_owned(request.user, uid)
    form = PersonaForm(*submitted(request), user=request.user, persona=persona)
    if request.method == "POST" and form.is_valid() and _save(form, request, persona):
        messages.success(request, "Saved.")
        return redirect("persona", uid)
    return _editor(request, form, persona)


def _save(form: PersonaForm, request: MemberRequest, persona: Persona | None) -> Persona | None:
    """Hand the form to the services. A refusal of theirs lands on its field."""
    upload = form.cleaned_data["picture"]
    given = form.values()
    if upload:
        given["picture"] = upload.read(BYTES_MOST + 1)
    try:
        if persona is None:
            saved = services.create_persona(owner=request.user, **given)
        else:
            saved = services.update_persona(persona=persona, **given)
    except Invalid as error:
        field = "picture" if error.param == "avatar" else error.param
        form.add_error(field if field in form.fields else None, error.message)
        return None
    bindings.bind_only(
        user=request.user,
        scope=Binding.Scope.PERSONA,
        target=saved.uid,
        uids=form.cleaned_data["lorebooks"],
    )
    return saved


def _editor(request: MemberRequest, form: PersonaForm, persona: Persona | None) -> HttpResponse:
    context: dict[str, Any] = {
        "page": "persona-edit",
        "form": form,
        "persona": persona,
        "counts": _count(str(form["description"].value() or "")),
    }
    if persona is not None:
        context |= _worn_with(request.user, persona)
    return render(request, "personas/edit.html", context, status=400 if form.errors else 200)


def _worn_with(user: User, persona: Persona) -> dict[str, list[Character]]:
    """Whom this persona is locked to, and who else it could be."""
    locks = PersonaLock.objects.filter(user=user, persona=persona)
    uids = set(locks.values_list("character", flat=True))
    known = Q(owner=user) | Q(chats__user=user, chats__trashed_at=None)
    rows = characters.visible_to(user).only("uid", "name", "avatar", "hue").order_by("name", "uid")
    return {
        "worn_with": list(rows.filter(uid__in=uids)),
        "others": list(rows.filter(known).exclude(uid__in=uids).distinct()[:LISTED_MOST]),
    }


@require_POST
@member
def count_tokens(request: MemberRequest) -> HttpResponse:
    """Tokens of the description as it stands in the form."""
    return JsonResponse(_count(request.POST.get("description", "")))


def _count(description: str) -> dict[str, int]:
    return {"description": default_counter().count(description[: services.TEXT_CHARS_MOST])}


@require_POST
@member
def delete(request: MemberRequest, uid: str) -> HttpResponse:
    """Delete a persona for good. The page has asked."""
    persona = get_owned(request.user, uid)
    with transaction.atomic():
        scope = Binding.Scope.PERSONA
        bindings.bind_only(user=request.user, scope=scope, target=uid, uids=())
        services.delete_persona(persona=persona)
    messages.success(request, f"{persona.name} is deleted.")
    return redirect("personas")


@require_POST
@member
def wear(request: MemberRequest, uid: str) -> HttpResponse:
    """From a persona's page: always wear it with a character, or no longer."""
    persona = get_owned(request.user, uid)
    if off := request.POST.get("off", ""):
        locked = PersonaLock.objects.filter(user=request.user, persona=persona, character=off)
        if locked.exists():
            services.lock(user=request.user, persona=None, character_uid=off)
    else:
        character = characters.get_visible(request.user, request.POST.get("character", ""))
        services.lock(user=request.user, persona=persona, character_uid=character.uid)
        messages.success(request, f"With {character.name} you are {persona.name} from now on.")
    return redirect(reverse("persona", args=[uid]) + "#worn")


@require_POST
@member
def wear_with(request: MemberRequest, uid: str) -> HttpResponse:
    """From a character's page: always wear a persona with it; none takes the lock away."""
    character = characters.get_visible(request.user, uid)
    chosen = request.POST.get("persona", "")
    persona = get_owned(request.user, chosen) if chosen else None
    services.lock(user=request.user, persona=persona, character_uid=character.uid)
    who = f"you are {persona.name} from now on" if persona else "you are as usual again"
    messages.success(request, f"With {character.name} {who}.")
    return redirect("character", uid)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def import_backups(request: MemberRequest) -> HttpResponse:
    form = PersonaImportForm(*submitted(request))
    context: dict[str, Any] = {"page": "persona-import", "form": form}
    if request.method == "POST" and form.is_valid():
        files = form.cleaned_data["backups"][:MOST_FILES]
        context["reports"] = [_import_one(request.user, file) for file in files]
        return render(request, "personas/imported.html", context)
    return render(request, "personas/import.html", context, status=400 if form.errors else 200)


def _import_one(user: User, file: Any) -> dict[str, Any]:
    name = file.name or "backup"
    try:
        data = file.read(FILE_BYTES_MOST + 1)
        found = services.import_personas(owner=user, data=data, filename=name)
    except ReverieError as error:
        return {"filename": name, "error": error.message}
    return {"filename": name, "found": found}


@require_safe
@member
def export(request: MemberRequest) -> HttpResponse:
    """All personas as a backup that SillyTavern restores."""
    rows = Binding.objects.filter(user=request.user, scope=Binding.Scope.PERSONA)
    books = dict(rows.order_by("-pk").values_list("target", "lorebook__name"))
    return HttpResponse(
        services.export_personas(owner=request.user, lorebooks=books),
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="personas.json"'},
    )
