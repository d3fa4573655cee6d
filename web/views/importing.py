"""Cards from files: each is read, made a character and reported on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

from django.core.files import File
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from characters import cards, services
from characters.cards import Note
from characters.cards.values import NoteKind
from characters.fetching import fetch_card_file
from characters.models import Character
from core.errors import Invalid, ReverieError
from core.text import clean
from web.forms import ImportForm
from web.gate import MemberRequest, member, submitted

MOST_FILES: Final = 50
# A fetch may take its full time, and a page should not take many times that.
MOST_ADDRESSES: Final = 5
NOTES_SHOWN: Final = 20
_ELSEWHERE: Final = {
    "is_lorebook": ("lorebook-import", "Import it as a lorebook"),
    "is_persona": ("persona-import", "Import it as a persona"),
}
_HEADINGS: Final[dict[NoteKind, str]] = {
    "read": "Read",
    "repaired": "Repaired",
    "ignored": "Kept but not used, or left out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one file. `elsewhere`: where files of its kind are imported, in words."""

    filename: str
    character: Character | None = None
    error: str = ""
    elsewhere: tuple[str, str] | None = None
    facts: list[str] = field(default_factory=list)
    notes: list["Told"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Told:
    """The notes of one kind under their heading, and how many more there are."""

    kind: NoteKind
    heading: str
    lines: list[str]
    more: int


@require_http_methods(["GET", "HEAD", "POST"])
@member
def import_cards(request: MemberRequest) -> HttpResponse:
    form = ImportForm(*submitted(request))
    context: dict[str, object] = {
        "page": "import",
        "form": form,
        "picture_mb": cards.FILE_BYTES_MOST // 2**20,
        "archive_mb": cards.ARCHIVE_BYTES_MOST // 2**20,
        "most_files": MOST_FILES,
        "most_addresses": MOST_ADDRESSES,
    }
    if request.method == "POST" and form.is_valid():
        files, urls = form.cleaned_data["cards"], form.cleaned_data["urls"]
        context["reports"] = list(_reports(request, form))
        context["left_out"] = max(0, len(files) - MOST_FILES) + max(0, len(urls) - MOST_ADDRESSES)
        return render(request, "characters/imported.html", context)
    return render(request, "characters/import.html", context, status=400 if form.errors else 200)


def _reports(request: MemberRequest, form: ImportForm) -> Iterator[Report]:
    """One file after the other, so that only one is in memory."""
    for file in islice(form.cleaned_data["cards"], MOST_FILES):
        yield _import_one(request, file.name or "card", partial(_uploaded, file))
    for url in islice(form.cleaned_data["urls"], MOST_ADDRESSES):
        yield _import_one(request, url, partial(fetch_card_file, url))


def _uploaded(file: "File[bytes]") -> tuple[str, bytes]:
    if file.size > cards.ARCHIVE_BYTES_MOST:
        most = cards.ARCHIVE_BYTES_MOST // 2**20
        raise Invalid(f"The file is larger than {most} MB.", code="card_too_large")
    return file.name or "card", file.read()


def _import_one(
    request: MemberRequest, called: str, get: Callable[[], tuple[str, bytes]]
) -> Report:
    called = clean(called)
    try:
        filename, data = get()
        card = cards.read_card(data, filename)
        character = services.store_card(owner=request.user, card=card, data=data, filename=filename)
    except ReverieError as error:
        return Report(
            filename=called, error=error.message, elsewhere=_ELSEWHERE.get(error.code or "")
        )
    return Report(
        filename=called, character=character, facts=_facts(character), notes=_told(card.notes)
    )


def _told(notes: list[Note]) -> list[Told]:
    """The three kinds of notes apart; kinds without any are left out."""
    found = {kind: [note.text for note in notes if note.kind == kind] for kind in _HEADINGS}
    return [
        Told(kind, _HEADINGS[kind], lines[:NOTES_SHOWN], max(0, len(lines) - NOTES_SHOWN))
        for kind, lines in found.items()
        if lines
    ]


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
