"""Lorebooks: one's own list, making, copying, files in and out, the trash."""

from dataclasses import dataclass, field

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import ReverieError
from lore import formats, queries, services
from lore.models import Lorebook
from web.gate import MemberRequest, member, submitted
from web.lore_forms import BooksForm, NewBookForm

PAGE_SIZE = 24
MOST_FILES = 50


@require_http_methods(["GET", "HEAD", "POST"])
@member
def mine(request: MemberRequest) -> HttpResponse:
    """The list, newest change first; words search names and descriptions. POST makes one."""
    form = NewBookForm(submitted(request)[0])
    if request.method == "POST" and form.is_valid():
        lorebook = services.create_lorebook(
            owner=request.user, name=form.cleaned_data["name"] or "Lorebook"
        )
        return redirect(reverse("lorebook", args=[lorebook.uid]) + "?entry=new")
    text = request.GET.get("q", "").strip()[:100]
    rows = queries.owned_by(request.user).defer("book").order_by("-updated_at")
    if text:
        rows = rows.filter(name__icontains=text) | rows.filter(description__icontains=text)
    paged = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": "lorebooks", "lorebooks": paged, "text": text, "form": form}
    if request.htmx and request.htmx.target == "more":
        return render(request, "lorebooks/_rows.html", context)
    context["files"] = BooksForm()
    return render(request, "lorebooks/index.html", context, status=400 if form.errors else 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of one file."""

    filename: str
    lorebook: Lorebook | None = None
    error: str = ""
    notes: list[str] = field(default_factory=list)


@require_http_methods(["GET", "HEAD", "POST"])
@member
def import_books(request: MemberRequest) -> HttpResponse:
    form = BooksForm(*submitted(request))
    context: dict[str, object] = {"page": "lorebook-import", "form": form}
    if request.method == "POST" and form.is_valid():
        files = form.cleaned_data["books"]
        context["reports"] = [
            _import_one(request, file.name or "lorebook", file.read())
            for file in files[:MOST_FILES]
        ]
        context["left_out"] = len(files[MOST_FILES:])
        return render(request, "lorebooks/imported.html", context)
    return render(request, "lorebooks/import.html", context, status=400 if form.errors else 200)


def _import_one(request: MemberRequest, filename: str, data: bytes) -> Report:
    try:
        done = services.import_lorebook(owner=request.user, data=data, filename=filename)
    except ReverieError as error:
        return Report(filename=filename, error=error.message)
    return Report(filename=filename, lorebook=done.lorebook, notes=list(done.notes))


@require_safe
@member
def export(request: MemberRequest, uid: str) -> HttpResponse:
    """The lorebook as a file in one of `lore.formats.FORMATS`."""
    lorebook = queries.get_visible(request.user, uid)
    form = request.GET.get("format", "")
    data = formats.write_book(services.book_of(lorebook), form)
    name = slugify(lorebook.name)[:80] or "lorebook"
    return HttpResponse(
        data,
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}.{form}.json"'},
    )


@require_POST
@member
def copy(request: MemberRequest, uid: str) -> HttpResponse:
    """A lorebook of one's own that says the same."""
    source = queries.get_visible(request.user, uid)
    lorebook = services.copy_lorebook(owner=request.user, source=source)
    messages.success(request, "This copy is yours. The original stays as it is.")
    return redirect("lorebook", lorebook.uid)


@require_POST
@member
def trash(request: MemberRequest, uid: str) -> HttpResponse:
    lorebook = queries.get_owned(request.user, uid)
    services.trash_lorebook(lorebook=lorebook)
    back = reverse("lorebook-restore", args=[uid])
    messages.info(request, f"{lorebook.name} is in the trash.", extra_tags=f"undo:{back}")
    return redirect("lorebooks")


@require_POST
@member
def restore(request: MemberRequest, uid: str) -> HttpResponse:
    lorebook = queries.get_trashed(request.user, uid)
    services.restore_lorebook(lorebook=lorebook)
    messages.success(request, f"{lorebook.name} is back.")
    return redirect("lorebook", uid)
