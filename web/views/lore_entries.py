"""The editor of a lorebook: its table of entries, and the entry that is open."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core.errors import Conflict, Invalid, NotFound, ReverieError
from engine.tokens import default_counter
from lore import editing, keycheck, queries, services
from lore.models import Lorebook
from lore.queries import book_at
from lore.values import Book, Entry
from web.gate import MemberRequest, member
from web.lore_context import (
    EXPORTS,
    NEW,
    Open,
    View,
    Workbench,
    build_workbench,
    matching,
    merged,
    open_entry,
)
from web.lore_forms import POSITIONS, EntryForm, initial_of

BATCH: dict[str, tuple[str, str]] = {
    "on": ("Turn on", "turned on"),
    "off": ("Turn off", "turned off"),
    "constant": ("Always in play", "always in play now"),
    "keyed": ("Only when a key is found", "in play when a key is found"),
    "position": ("Set the position", "moved to another position"),
    "order": ("Set the order", "given another order"),
    "copy": ("Duplicate", "duplicated"),
    "delete": ("Delete", "deleted"),
}
_FLAGS: dict[str, dict[str, Any]] = {
    "on": {"enabled": True},
    "off": {"enabled": False},
    "constant": {"constant": True},
    "keyed": {"constant": False},
}


@require_safe
@member
def page(request: MemberRequest, uid: str) -> HttpResponse:
    """The table, and beside it the entry that the address names."""
    lorebook = queries.get_visible(request.user, uid)
    view = View.of(request.GET)
    return _shown(request, build_workbench(lorebook, user=request.user, view=view))


def _shown(request: MemberRequest, bench: Workbench, *, status: int = 200) -> HttpResponse:
    """The whole page, or for the page's own requests the part that changes."""
    context = {
        "page": "lorebook",
        "tab": "entries",
        "bench": bench,
        "lorebook": bench.lorebook,
        "exports": EXPORTS,
        "can_edit": bench.can_edit,
        "actions": {name: words[0] for name, words in BATCH.items()},
        "positions": {int(position): words for position, words in POSITIONS.items()},
    }
    part = request.htmx and not request.htmx.history_restore_request
    name = "lorebooks/_workbench.html" if part else "lorebooks/page.html"
    response = render(request, name, context, status=status)
    if part:
        address = request.get_full_path() if request.method == "GET" else "false"
        typed = request.htmx.trigger == "filter"
        response["HX-Replace-Url" if typed else "HX-Push-Url"] = address
    return response


def _back(lorebook: Lorebook, view: View, **changes: Any) -> HttpResponse:
    return redirect(reverse("lorebook", args=[lorebook.uid]) + view.query(**changes))


# The table


@require_POST
@member
def change(request: MemberRequest, uid: str) -> HttpResponse:
    """One button of the table, or what is to be done with the chosen entries."""
    lorebook = queries.get_owned(request.user, uid)
    view = View.of(request.POST)
    try:
        number = _number(request)
        changed, note, done = _changed(request, book_at(lorebook.uid, lorebook.number))
        saved = services.save_book(lorebook=lorebook, book=changed, number=number, note=note)
    except ReverieError as error:
        bench = build_workbench(lorebook, user=request.user, view=view, warning=_told(error))
        return _shown(request, bench, status=error.status)
    if done:
        undo = reverse("lorebook-undo", args=[uid]) + f"?number={saved.number}"
        messages.info(request, done, extra_tags=f"undo:{undo}")
    return _back(lorebook, view)


def _told(error: ReverieError) -> str:
    if isinstance(error, Conflict):
        return (
            "This lorebook was changed in another window, so nothing was done."
            " It is shown here as it is now."
        )
    return f"{error.message} Nothing was changed."


def _number(request: MemberRequest) -> int:
    """The version that the page shows. Raises Invalid."""
    return _whole(request.POST.get("number", ""), "number")


def _whole(text: str, name: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):  # noqa: PLR2004
        raise Invalid("A number is missing. Reload the page and try again.", param=name)
    return int(text)


def _changed(request: MemberRequest, book: Book) -> tuple[Book, str, str]:
    """The book after the request, a note for undo, and a sentence if it should be told."""
    given = request.POST
    if "toggle" in given:
        entry = editing.entry_of(book, _whole(given["toggle"], "toggle"))
        values = {"enabled": not entry.enabled}
        return editing.change_entries(book, [entry.uid], values), "On and off", ""
    for name, step in (("up", -1), ("down", 1)):
        if name in given:
            return editing.move_entry(book, _whole(given[name], name), step), "Moved", ""
    if "move" in given:
        before = _whole(given["before"], "before") if given.get("before") else None
        moved = editing.place_entry(book, _whole(given["move"], "move"), before=before)
        return moved, "Moved", ""
    return _batched(request, book)


def _batched(request: MemberRequest, book: Book) -> tuple[Book, str, str]:
    given = request.POST
    action = given.get("action", "")
    if action not in BATCH:
        raise Invalid("Choose what to do with the entries.", param="action")
    if "all" in given:
        uids = [entry.uid for entry in matching(book, View.of(given).text)]
    else:
        uids = [_whole(text, "chosen") for text in given.getlist("chosen")]
    if not uids:
        raise Invalid("Choose at least one entry.", param="chosen")
    count = len(set(uids))
    done = f"{count} {'entry' if count == 1 else 'entries'} {BATCH[action][1]}."
    return _applied(action, given, book, uids), done, done


def _applied(action: str, given: Any, book: Book, uids: Iterable[int]) -> Book:
    simple: dict[str, Callable[[Book, Iterable[int]], Book]] = {
        "copy": editing.copy_entries,
        "delete": editing.remove_entries,
    }
    if action in simple:
        return simple[action](book, uids)
    values = _FLAGS.get(action)
    if values is None:
        values = {action: _whole(given.get(f"new_{action}", ""), action)}
    return editing.change_entries(book, uids, values)


@require_POST
@member
def undo(request: MemberRequest, uid: str) -> HttpResponse:
    """Take the last change back, if it is still the last."""
    lorebook = queries.get_owned(request.user, uid)
    view = View.of(request.POST)
    number = _whole(request.POST.get("number") or request.GET.get("number", ""), "number")
    try:
        services.undo(lorebook=lorebook, number=number)
    except (Conflict, NotFound) as error:
        bench = build_workbench(lorebook, user=request.user, view=view, warning=_told(error))
        return _shown(request, bench, status=error.status)
    messages.success(request, "The last change is taken back.")
    return _back(lorebook, view)


# One entry


@require_POST
@member
def save(request: MemberRequest, uid: str, entry: str) -> HttpResponse:
    """Save the open entry: what was changed in its form and nothing else."""
    chosen = _whole(entry, "entry")
    lorebook = queries.get_owned(request.user, uid)
    book, view = book_at(lorebook.uid, lorebook.number), View.of(request.POST)
    stored = next((one for one in book.entries if one.uid == chosen), None)
    if _number(request) != lorebook.number:
        return _conflict(request, lorebook, stored, chosen)
    if stored is None:
        raise NotFound("There is no such entry in this lorebook.", code="entry_not_found")
    form = EntryForm(request.POST, initial=initial_of(stored))
    if not form.is_valid():
        return _refused(request, lorebook, open_entry(stored, form))
    try:
        changed = editing.change_entries(book, [chosen], form.values())
        if changed != book:
            services.save_book(
                lorebook=lorebook, book=changed, number=lorebook.number, note="An entry changed"
            )
    except Invalid as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return _refused(request, lorebook, open_entry(stored, form))
    except Conflict:
        lorebook.refresh_from_db()
        return _conflict(request, lorebook, stored, chosen)
    messages.success(request, "Saved.")
    return _back(lorebook, view, entry=entry)


@require_POST
@member
def add(request: MemberRequest, uid: str) -> HttpResponse:
    """A new entry at the end. The number of the version does not matter: nothing is replaced."""
    lorebook = queries.get_owned(request.user, uid)
    form = EntryForm(request.POST, initial=initial_of(Entry(uid=0)))
    opened = Open(form=form, entry=None, tokens=0)
    if not form.is_valid():
        return _refused(request, lorebook, opened)
    try:
        changed, entry = editing.add_entry(book_at(lorebook.uid, lorebook.number), form.values())
        services.save_book(
            lorebook=lorebook, book=changed, number=lorebook.number, note="An entry added"
        )
    except (Invalid, Conflict) as error:
        form.add_error(error.param if error.param in form.fields else None, error.message)
        return _refused(request, lorebook, opened)
    messages.success(request, "Added.")
    return _back(lorebook, View(), entry=NEW if "again" in request.POST else entry.uid)


def _refused(request: MemberRequest, lorebook: Lorebook, opened: Open) -> HttpResponse:
    bench = build_workbench(lorebook, user=request.user, view=View.of(request.POST), opened=opened)
    return _shown(request, bench, status=400)


def _conflict(
    request: MemberRequest, lorebook: Lorebook, stored: Entry | None, uid: int
) -> HttpResponse:
    """What was typed on top of what is stored by now, with words on what happened."""
    base = _entry_at(lorebook, _number(request), uid)
    opened = merged(stored, base, request.POST)
    bench = build_workbench(lorebook, user=request.user, view=View.of(request.POST), opened=opened)
    return _shown(request, bench, status=409)


def _entry_at(lorebook: Lorebook, number: int, uid: int) -> Entry | None:
    """The entry as it was at an earlier version, if that is still kept."""
    version = lorebook.versions.filter(number=number).first()
    if version is None:
        return None
    book = services.book_of_version(version)
    return next((one for one in book.entries if one.uid == uid), None)


@require_POST
@member
def check(request: MemberRequest) -> HttpResponse:
    """Tokens of the text and what is wrong with the keys, while somebody types."""
    form = EntryForm(request.POST)
    typed = [form[name].value() or "" for name in ("keys", "secondary_keys")]
    texts = [key for text in typed for key in text.splitlines()]
    context = {
        "tokens": default_counter().count(form["content"].value() or ""),
        "problems": keycheck.problems(texts[:200], use_regex="use_regex" in request.POST),
    }
    return render(request, "lorebooks/_check.html", context)
