"""Cards from files: each is read, made a character and reported on."""

from dataclasses import dataclass, field

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from characters import cards, services
from characters.models import Character
from core.errors import ReverieError
from web.forms import ImportForm
from web.gate import MemberRequest, member, submitted

MOST_FILES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one file."""

    filename: str
    character: Character | None = None
    error: str = ""
    facts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def import_cards(request: MemberRequest) -> HttpResponse:
    form = ImportForm(*submitted(request))
    context: dict[str, object] = {"page": "import", "form": form}
    if request.method == "POST" and form.is_valid():
        files = form.cleaned_data["cards"][:MOST_FILES]
        context["reports"] = [
            _import_one(request, file.name or "card", file.read()) for file in files
        ]
        return render(request, "characters/imported.html", context)
    return render(request, "characters/import.html", context, status=400 if form.errors else 200)


def _import_one(request: MemberRequest, filename: str, data: bytes) -> Report:
    try:
        card = cards.read_card(data, filename)
        character = services.store_card(owner=request.user, card=card, data=data, filename=filename)
    except ReverieError as error:
        return Report(filename=filename, error=error.message)
    return Report(
        filename=filename,
        character=character,
        facts=_facts(character),
        notes=[note.text for note in card.notes],
    )


def _facts(character: Character) -> list[str]:
    """What the card held, in a few words each."""
    greetings = len(character.alternate_greetings) + bool(character.first_mes)
    entries = len((character.character_book or {}).get("entries", []))
    unknown = sum(len(part) for part in character.unknown.values() if isinstance(part, dict))
    found = [
        (greetings, "greeting", "greetings"),
        (entries, "lore entry", "lore entries"),
        (len(character.card_tags), "tag", "tags"),
        (unknown, "unknown field, kept", "unknown fields, kept"),
    ]
    return [f"{count} {one if count == 1 else many}" for count, one, many in found if count]
