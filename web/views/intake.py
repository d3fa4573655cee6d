"""Files that people bring: chats for one character, or anything at all, with a report per file."""

from dataclasses import dataclass
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from characters.models import Character
from characters.queries import get_visible
from chats.intake import Outcome, Source, Taker, take_files
from core.text import clean
from web.forms import FilesForm
from web.gate import MemberRequest, member, submitted

MOST_FILES: Final = 100
_PAGES: Final = {"character": "character", "chat": "chat"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report, and where it leads."""

    outcome: Outcome

    @property
    def address(self) -> str:
        page = _PAGES.get(self.outcome.kind)
        return reverse(page, args=[self.outcome.uid]) if page and self.outcome.uid else ""


@require_http_methods(["GET", "HEAD", "POST"])
@member
def import_files(request: MemberRequest) -> HttpResponse:
    """Cards, lorebooks, personas, and chats with whom they name."""
    return _take(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def import_chats(request: MemberRequest, uid: str) -> HttpResponse:
    """Chats with one character, whatever name they say."""
    return _take(request, get_visible(request.user, uid))


def _take(request: MemberRequest, character: Character | None) -> HttpResponse:
    form = FilesForm(*submitted(request))
    context: dict[str, Any] = {"page": "import", "form": form, "character": character}
    if request.method != "POST" or not form.is_valid():
        return render(request, "intake/page.html", context, status=400 if form.errors else 200)
    sources = [_source(file) for file in form.cleaned_data["uploads"][:MOST_FILES]]
    outcomes = take_files(Taker(request.user), sources, character=character)
    context |= {"report": [Line(one) for one in outcomes], "again": request.path}
    return render(request, "intake/report.html", context)


def _source(file: "UploadedFile[bytes]") -> Source:
    def reader(count: int) -> bytes:
        file.seek(0)
        return bytes(file.read(count))

    name = clean(file.name or "file")
    return Source(name, name, file.size or 0, reader)
