"""Making, changing and deleting lorebooks, and saying where they apply."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import Project
from catalog.services import set_tags
from core.errors import Conflict, Invalid, NotFound
from core.text import clean
from engine.tokens import default_counter
from lore import editing, formats
from lore.models import Binding, Lorebook, LorebookVersion
from lore.queries import SETTINGS
from lore.scene import Settings, settings_with
from lore.values import Book, stored_book

VERSIONS_KEPT: Final = 50
NAME_CHARS_MOST: Final = 200
_LISTING_FIELDS: Final = ("tagline", "nsfw", "visibility", "description")


@dataclass(frozen=True, slots=True)
class Imported:
    """A lorebook that a file became, and what was mended on the way."""

    lorebook: Lorebook
    notes: tuple[str, ...]


def create_lorebook(
    *, owner: User, name: str, book: Book | None = None, tags: Iterable[str] = (), **listing: Any
) -> Lorebook:
    """A new lorebook of this person's. Raises Invalid; then nothing changed."""
    lorebook = Lorebook(owner=owner, name=_name(name))
    _list(lorebook, listing)
    _put(lorebook, book or Book(name=lorebook.name))
    with transaction.atomic():
        lorebook.save()
        set_tags(lorebook, tags)
    return lorebook


def import_lorebook(
    *,
    owner: User,
    data: bytes,
    filename: str = "",
    tag_names: Mapping[str, str] | None = None,
) -> Imported:
    """A new lorebook from a file. Raises Invalid. A namesake is never replaced.

    `tag_names` says what tags are called that filters of entries name by an id.
    """
    read = formats.read_book(data, filename)
    book = editing.with_tag_names(read.book, tag_names) if tag_names else read.book
    lorebook = create_lorebook(
        owner=owner, name=book.name or "Lorebook", book=book, description=book.description
    )
    return Imported(lorebook, tuple(read.notes))


def copy_lorebook(*, owner: User, source: Lorebook) -> Lorebook:
    """A private lorebook of this person's that says what `source` says now."""
    return create_lorebook(
        owner=owner,
        name=source.name,
        book=book_of(source),
        tags=source.tags.values_list("name", flat=True),
        description=source.description,
        tagline=source.tagline,
        nsfw=source.nsfw,
    )


def book_of(lorebook: Lorebook) -> Book:
    """The lorebook as a value."""
    return stored_book(lorebook.book)


def book_of_version(version: LorebookVersion) -> Book:
    """What the lorebook said at that version."""
    return stored_book(version.book)


def save_book(*, lorebook: Lorebook, book: Book, number: int, note: str = "") -> Lorebook:
    """Put `book` in the place of what the lorebook said at version `number`.

    What it said is kept for undo. Raises Conflict if somebody changed it meanwhile.
    """
    with transaction.atomic():
        current = _current(lorebook, number)
        LorebookVersion.objects.create(
            lorebook=current, number=current.number, book=current.book, note=note[:200]
        )
        old = current.versions.order_by("-number").values_list("pk", flat=True)[VERSIONS_KEPT:]
        LorebookVersion.objects.filter(pk__in=list(old)).delete()
        _put(current, book)
        current.number += 1
        current.save()
    return current


def undo(*, lorebook: Lorebook, number: int | None = None) -> Lorebook:
    """Take the last change back; the version it led to is dropped. Raises NotFound.

    With `number`, only if that is still the current version; else it raises Conflict. A listing
    that had the book's name and description gets back the old ones.
    """
    with transaction.atomic():
        current = _current(lorebook, number)
        last = current.versions.order_by("-number").first()
        if last is None:
            raise NotFound("There is nothing to undo.", code="nothing_to_undo")
        was = current.book
        current.book = last.book
        if current.name == was.get("name") and last.book.get("name"):
            current.name = _name(last.book["name"])
        if current.description == was.get("description"):
            current.description = last.book.get("description", "")
        _put(current, book_of(current))
        current.number += 1
        current.save()
        last.delete()
    return current


def update_lorebook(
    *,
    lorebook: Lorebook,
    number: int,
    book: Book,
    name: str,
    tags: Iterable[str] | None = None,
    **listing: Any,
) -> Lorebook:
    """Change book and listing together. Raises Invalid or Conflict; then nothing changed.

    A book that is as it was makes no new version.
    """
    with transaction.atomic():
        current = _current(lorebook, number)
        if book != book_of(current):
            current = save_book(lorebook=current, book=book, number=number, note="Settings")
        return update_listing(lorebook=current, name=name, tags=tags, **listing)


def _current(lorebook: Lorebook, number: int | None) -> Lorebook:
    """The row, locked. Raises Conflict unless it is at version `number` still."""
    current = Lorebook.objects.select_for_update().get(pk=lorebook.pk)
    if number is not None and current.number != number:
        raise Conflict(
            "This lorebook was changed in another window. Reload it, then change it again.",
            code="lorebook_changed",
        )
    return current


def update_listing(
    *, lorebook: Lorebook, name: str, tags: Iterable[str] | None = None, **listing: Any
) -> Lorebook:
    """Change what a listing shows. Raises Invalid; then nothing changed."""
    lorebook.name = _name(name)
    _list(lorebook, listing)
    with transaction.atomic():
        lorebook.save(update_fields=["name", "updated_at", *listing])
        if tags is not None:
            set_tags(lorebook, tags)
    return lorebook


def trash_lorebook(*, lorebook: Lorebook) -> None:
    """Move a lorebook to the trash: it applies nowhere until it is restored."""
    Project.objects.filter(pk=lorebook.pk, trashed_at=None).update(trashed_at=timezone.now())


def restore_lorebook(*, lorebook: Lorebook) -> None:
    Project.objects.filter(pk=lorebook.pk).update(trashed_at=None)


def bind(*, user: User, lorebook: Lorebook, scope: str, target: str = "") -> None:
    """Let a lorebook apply somewhere for this person. Twice is once. Raises Invalid."""
    if scope not in Binding.Scope.values:
        raise Invalid("A scope is global, character, persona or chat.", param="scope")
    if bool(target) == (scope == Binding.Scope.GLOBAL):
        raise Invalid("Say which character, persona or chat it applies to.", param="target")
    Binding.objects.get_or_create(user=user, lorebook=lorebook, scope=scope, target=target)


def unbind(*, user: User, lorebook: Lorebook, scope: str, target: str = "") -> None:
    """Let it apply there no longer. Twice changes nothing."""
    Binding.objects.filter(user=user, lorebook=lorebook, scope=scope, target=target).delete()


def change_settings(*, user: User, values: Mapping[str, Any]) -> None:
    """Change how this person's books are scanned. Raises Invalid; then nothing changed."""
    settings_with(Settings(), values)
    user.preferences = {**user.preferences, SETTINGS: dict(values)}
    user.save(update_fields=["preferences"])


def _put(lorebook: Lorebook, book: Book) -> None:
    count = default_counter().count
    lorebook.book = msgspec.to_builtins(book)
    lorebook.entry_count = len(book.entries)
    lorebook.token_count = sum(count(entry.content) for entry in book.entries)


def _name(value: str) -> str:
    name = " ".join(clean(value).split())[:NAME_CHARS_MOST]
    if not name:
        raise Invalid("A lorebook needs a name.", param="name")
    return name


def _list(lorebook: Lorebook, given: Mapping[str, Any]) -> None:
    for field, value in given.items():
        if field not in _LISTING_FIELDS:
            raise Invalid(f"A lorebook has no field {field}.", param=field)
        if field == "visibility" and value not in Project.Visibility.values:
            raise Invalid("Visibility is private, unlisted or public.", param=field)
        setattr(lorebook, field, clean(value) if isinstance(value, str) else value)
