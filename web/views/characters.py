"""Characters: one's own list, the page of one, making and changing them."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from characters import services
from characters.models import CardOriginal, Character, Scenario
from characters.queries import get_owned, owned_by
from characters.spoken import spoken
from chats import greetings
from chats import queries as chat_queries
from core.errors import Invalid, NotFound
from engine.macros import expand_names
from engine.tokens import default_counter
from personas.queries import locked_to
from web.forms import TEXT_FIELDS, CharacterForm, ScenarioForm
from web.gate import MemberRequest, PageRequest, anyone, member, submitted
from web.own_forms import wearable
from web.readers import Reader, get_readable

PAGE_SIZE = 24


@require_safe
@member
def mine(request: MemberRequest) -> HttpResponse:
    rows = owned_by(request.user).prefetch_related("tags").order_by("-updated_at")
    paged = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": "characters", "characters": paged}
    part = request.htmx and request.htmx.target == "more"
    return render(request, "characters/_rows.html" if part else "characters/index.html", context)


@require_safe
@anyone
def detail(request: PageRequest, uid: str) -> HttpResponse:
    """One character. A private one of somebody else is not found."""
    character = get_readable(request.user, uid)
    chats = []
    if isinstance(request.user, User):
        chats = list(
            chat_queries.owned_by(request.user)
            .filter(character=character)
            .order_by("-active_at")[:4]
        )
    context = {
        **_told(character, request.user),
        "page": "character",
        "character": character,
        "chats": chats,
        "is_owner": character.owner_id == request.user.pk,
        "has_original": CardOriginal.objects.filter(character=character).exists(),
        **_worn(character, request.user),
        "book_size": len((character.character_book or {}).get("entries", [])),
    }
    return render(request, "characters/detail.html", context)


def _worn(character: Character, reader: Reader) -> dict[str, object]:
    """Who one is when one talks to this character, for those who have personas."""
    if not isinstance(reader, User):
        return {}
    locked = locked_to(reader, character.uid)
    return {"wearable": wearable(reader), "locked": locked.uid if locked else ""}


def _told(character: Character, reader: Reader) -> dict[str, object]:
    """The card's texts with the two names in place, as they will read in a chat."""
    user_name = reader.name if isinstance(reader, User) else "you"

    def tell(text: str) -> str:
        return expand_names(text, char=character.spoken_name, user=user_name)

    return {
        "description": tell(character.description),
        "scenarios": [(one, tell(one.context)) for one in character.scenarios.all()],
        "greetings": _said_first(character, user_name, in_group=False),
        "group_greetings": _said_first(character, user_name, in_group=True),
    }


def _said_first(character: Character, user_name: str, *, in_group: bool) -> list[str]:
    found = greetings.of(
        spoken(character), None, user_name=user_name, now=timezone.now(), in_group=in_group
    )
    return [greeting.text for greeting in found]


@require_http_methods(["GET", "HEAD", "POST"])
@member
def create(request: MemberRequest) -> HttpResponse:
    form = CharacterForm(*submitted(request))
    if request.method == "POST" and form.is_valid():
        character = _save(form, request, None)
        if character is not None:
            messages.success(request, f"{character.name} is ready to talk.")
            return redirect("character", character.uid)
    return _editor(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def edit(request: MemberRequest, uid: str) -> HttpResponse:
    character = get_owned(request.user, uid)
    form = CharacterForm(
        *submitted(request),
        initial=CharacterForm.initial_of(character),
    )
    if request.method == "POST" and form.is_valid() and _save(form, request, character):
        messages.success(request, "Saved.")
        return redirect("character-edit", character.uid)
    return _editor(request, form, character)


def _save(
    form: CharacterForm, request: MemberRequest, character: Character | None
) -> Character | None:
    """Hand the form to the services. A refusal of theirs lands on its field."""
    portrait = form.cleaned_data["portrait"]
    values = {**form.values(), "picture": portrait.read() if portrait else None}
    try:
        if character is None:
            return services.create_character(owner=request.user, **values)
        return services.update_character(character=character, **values)
    except Invalid as error:
        field = "portrait" if error.param == "avatar" else error.param
        form.add_error(field if field in form.fields else None, error.message)
        return None


def _editor(
    request: MemberRequest, form: CharacterForm, character: Character | None
) -> HttpResponse:
    context: dict[str, Any] = {
        "page": "character-edit",
        "form": form,
        "character": character,
        "greetings": _greetings(form, character),
        "text_fields": [form[name] for name in TEXT_FIELDS],
        "counts": _count(form, character),
    }
    if character is not None:
        context["scenarios"] = [
            (scenario, ScenarioForm(initial=_scenario_values(scenario), prefix=scenario.uid))
            for scenario in character.scenarios.all()
        ]
        context["new_scenario"] = ScenarioForm(prefix="new")
    status = 400 if form.errors else 200
    return render(request, "characters/edit.html", context, status=status)


def _greetings(form: CharacterForm, character: Character | None) -> list[str]:
    """What the greeting fields hold, and a blank one to write another."""
    if form.is_bound:
        return [*form.greetings, ""]
    if character is None:
        return [""]
    return [character.first_mes, *character.alternate_greetings, ""]


def _count(form: CharacterForm, character: Character | None) -> dict[str, int]:
    counter = default_counter()
    counts = {name: counter.count(str(form[name].value() or "")) for name in TEXT_FIELDS}
    counts["greetings"] = sum(counter.count(text) for text in _greetings(form, character))
    counts["total"] = sum(count for name, count in counts.items() if name != "creator_notes")
    return counts


@require_POST
@member
def count_tokens(request: MemberRequest) -> HttpResponse:
    """Tokens per field of the editor's form as it stands."""
    form = CharacterForm(request.POST)
    return JsonResponse(_count(form, None))


@require_POST
@member
def trash(request: MemberRequest, uid: str) -> HttpResponse:
    character = get_owned(request.user, uid)
    services.trash_character(character=character)
    undo = reverse("character-restore", args=[uid])
    messages.info(request, f"{character.name} is in the trash.", extra_tags=f"undo:{undo}")
    return redirect("characters")


@require_POST
@member
def restore(request: MemberRequest, uid: str) -> HttpResponse:
    character = Character.objects.filter(owner=request.user, uid=uid).first()
    if character is None:
        raise NotFound("There is no such character.", code="character_not_found")
    services.restore_character(character=character)
    messages.success(request, f"{character.name} is back.")
    return redirect("character", uid)


@require_POST
@member
def add_scenario(request: MemberRequest, uid: str) -> HttpResponse:
    character = get_owned(request.user, uid)
    form = ScenarioForm(request.POST, prefix="new")
    if not form.is_valid():
        return _scenario_refused(request, character, form)
    services.create_scenario(character=character, **form.cleaned_data)
    messages.success(request, "Scenario added.")
    return _to_scenarios(character)


@require_POST
@member
def change_scenario(request: MemberRequest, uid: str) -> HttpResponse:
    scenario = _own_scenario(request, uid)
    if "delete" in request.POST:
        services.delete_scenario(scenario=scenario)
        messages.success(request, "Scenario deleted. Chats that began with it stay.")
        return _to_scenarios(scenario.character)
    form = ScenarioForm(request.POST, prefix=uid)
    if not form.is_valid():
        return _scenario_refused(request, scenario.character, form, scenario)
    services.update_scenario(scenario=scenario, **form.cleaned_data)
    messages.success(request, "Saved.")
    return _to_scenarios(scenario.character)


def _own_scenario(request: MemberRequest, uid: str) -> Scenario:
    rows = Scenario.objects.filter(uid=uid, character__in=owned_by(request.user))
    scenario = rows.select_related("character").first()
    if scenario is None:
        raise NotFound("There is no such scenario.", code="scenario_not_found")
    return scenario


def _scenario_values(scenario: Scenario) -> dict[str, str]:
    return {
        "title": scenario.title,
        "context": scenario.context,
        "greeting": scenario.greeting,
    }


def _scenario_refused(
    request: MemberRequest,
    character: Character,
    form: ScenarioForm,
    scenario: Scenario | None = None,
) -> HttpResponse:
    """The scenario's form by itself, with its text and what is wrong."""
    context = {
        "page": "scenario-edit",
        "character": character,
        "scenario": scenario,
        "form": form,
    }
    return render(request, "characters/scenario.html", context, status=400)


def _to_scenarios(character: Character) -> HttpResponse:
    return redirect(reverse("character-edit", args=[character.uid]) + "#scenarios")
