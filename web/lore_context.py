"""What the pages of a lorebook show: a window of its entries, and the entry that is open."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator

from accounts.models import User
from engine.tokens import default_counter
from lore import editing
from lore.editing import title_of
from lore.formats import FORMATS
from lore.keycheck import Problem, problems
from lore.models import Lorebook, LorebookVersion
from lore.queries import book_at
from lore.values import Book, Entry, Position
from web.lore_forms import LABELS, POSITIONS, EntryForm, initial_of

PAGE_SIZE = 50
NEW = "new"
EXPORTS = [(form, words) for form, (words, _) in FORMATS.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which part of a book a page shows: the words filtered by, the page, the open entry."""

    text: str = ""
    page: str = ""
    entry: str = ""

    @classmethod
    def of(cls, given: Any) -> "View":
        return cls(
            text=given.get("q", "").strip()[:200],
            page=given.get("page", "")[:9],
            entry=given.get("entry", "")[:20],
        )

    def query(self, **changes: Any) -> str:
        """The view as the end of an address."""
        parts = {"q": self.text, "page": self.page, "entry": self.entry, **changes}
        kept = {name: value for name, value in parts.items() if value not in ("", None)}
        return f"?{urlencode(kept)}" if kept else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    entry: Entry
    title: str
    tokens: int
    place: int
    address: str

    @property
    def position(self) -> str:
        if self.entry.position is Position.AT_DEPTH:
            return f"Depth {self.entry.depth}"
        return POSITIONS[self.entry.position]

    @property
    def keys(self) -> str:
        return ", ".join(self.entry.keys[:12])


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """The entry in the editor: its form, and what another window stored meanwhile."""

    form: EntryForm
    entry: Entry | None
    tokens: int
    problems: list[Problem] = field(default_factory=list)
    warning: str = ""
    theirs: list[tuple[str, str]] = field(default_factory=list)

    @property
    def title(self) -> str:
        return title_of(self.entry) if self.entry else "New entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workbench:
    """The table of entries and the editor beside it."""

    lorebook: Lorebook
    view: View
    rows: "Page[Entry]"
    shown: list[Row]
    found_count: int
    enabled_count: int
    constant_tokens: int
    can_edit: bool
    opened: Open | None
    last_change: LorebookVersion | None
    warning: str = ""

    @property
    def open_uid(self) -> int | None:
        return self.opened.entry.uid if self.opened and self.opened.entry else None

    @property
    def new_query(self) -> str:
        return self.view.query(entry=NEW, page=self.rows.number)

    @property
    def close_query(self) -> str:
        return self.view.query(entry="", page=self.rows.number)

    @property
    def back_query(self) -> str:
        return self.view.query(page=self.rows.number - 1)

    @property
    def on_query(self) -> str:
        return self.view.query(page=self.rows.number + 1)

    @property
    def is_filtered(self) -> bool:
        return bool(self.view.text)


def build_workbench(
    lorebook: Lorebook,
    *,
    user: User,
    view: View,
    opened: Open | None = None,
    warning: str = "",
) -> Workbench:
    """Read what the page shows. `opened` takes the place of the entry that `view` names."""
    book = book_at(lorebook.uid, lorebook.number)
    entries = editing.shown(book)
    found = matching(book, view.text)
    can_edit = lorebook.owner_id == user.pk
    opened = opened or _opened(book, view.entry, can_edit=can_edit)
    rows = Paginator(found, PAGE_SIZE).get_page(view.page or _page_of(found, opened))
    count = default_counter().count
    first = rows.start_index()
    return Workbench(
        lorebook=lorebook,
        view=view,
        rows=rows,
        shown=[
            Row(
                entry=e,
                title=title_of(e),
                tokens=count(e.content),
                place=place,
                address=view.query(entry=e.uid, page=rows.number),
            )
            for place, e in enumerate(rows, start=first)
        ],
        found_count=len(found),
        enabled_count=sum(entry.enabled for entry in entries),
        constant_tokens=sum(count(e.content) for e in entries if e.constant and e.enabled),
        can_edit=can_edit,
        opened=opened,
        last_change=lorebook.versions.defer("book").first() if can_edit else None,
        warning=warning,
    )


def matching(book: Book, text: str) -> list[Entry]:
    """The entries that hold these words, in the shown order."""
    return [entry for entry in editing.shown(book) if _matches(entry, text.casefold())]


def _matches(entry: Entry, text: str) -> bool:
    if not text:
        return True
    places = (entry.comment, entry.name, entry.content, entry.group, *entry.keys)
    return any(text in place.casefold() for place in (*places, *entry.secondary_keys))


def _page_of(found: list[Entry], opened: Open | None) -> int:
    """The page that holds the open entry."""
    entry = opened.entry if opened else None
    at = next((i for i, one in enumerate(found) if entry and one.uid == entry.uid), 0)
    return at // PAGE_SIZE + 1


def _opened(book: Book, chosen: str, *, can_edit: bool) -> Open | None:
    if chosen == NEW and can_edit:
        return Open(form=EntryForm(initial=initial_of(Entry(uid=0))), entry=None, tokens=0)
    if not (chosen.lstrip("-").isdigit() and chosen.isascii()):
        return None
    entry = next((one for one in book.entries if one.uid == int(chosen)), None)
    return open_entry(entry) if entry else None


def open_entry(entry: Entry, form: EntryForm | None = None) -> Open:
    """The editor of an entry as it is stored, or with a form somebody has filled in."""
    form = form or EntryForm(initial=initial_of(entry))
    content = str(form["content"].value() or "")
    found = problems((*entry.keys, *entry.secondary_keys), use_regex=entry.use_regex)
    return Open(form=form, entry=entry, tokens=default_counter().count(content), problems=found)


def merged(current: Entry | None, base: Entry | None, typed: Any) -> Open:
    """What somebody typed on top of what another window stored meanwhile.

    Only what differs from `base`, the entry as it was opened, counts as typed; if that is not
    known any more, everything does. `theirs` tells the stored values it would replace.
    """
    mine = EntryForm(typed, initial=initial_of(base) if base else None)
    names = mine.changed_data if base else list(mine.fields)
    stored = initial_of(current or Entry(uid=0))
    before = initial_of(base) if base else {}
    form = EntryForm(initial={**stored, **{name: mine[name].value() for name in names}})
    theirs = [
        (LABELS[name], str(stored[name]))
        for name in names
        if current and stored[name] != before.get(name, stored[name])
    ]
    if current is None:
        return Open(form=form, entry=None, tokens=0, warning=_DELETED)
    return Open(
        form=form,
        entry=current,
        tokens=open_entry(current, form).tokens,
        warning=_CHANGED,
        theirs=theirs,
    )


_CHANGED: Final = (
    "This lorebook was changed in another window, so this is not saved yet. What you typed is"
    " still here, on top of what is stored now. Save again to keep it."
)
_DELETED: Final = (
    "This entry was deleted in another window. What you typed is still here; add it as a new"
    " entry to keep it."
)
