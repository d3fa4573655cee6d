"""Reads of lorebooks. Every one begins with who asks."""

from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from django.db.models import Q, QuerySet
from msgspec.structs import replace

from accounts.models import User
from catalog.models import Project
from core.errors import NotFound
from core.prepared import Select
from core.trips import Read, read_together
from lore.books import CompiledBook, Scope, compile_book
from lore.models import Binding, Lorebook
from lore.scene import Settings
from lore.values import Book, stored_book

COMPILED_MOST = 64
SETTINGS = "scan_settings"
"""Where a person's preferences hold what differs from the usual settings of a scan."""
BOOKS_MOST = 16


class Use(NamedTuple):
    """A lorebook that applies: which version of it, and why."""

    uid: str
    number: int
    scope: Scope


def owned_by(user: User) -> QuerySet[Lorebook]:
    """One's own lorebooks that are not in the trash."""
    return Lorebook.objects.filter(owner=user, trashed_at=None)


def visible_to(user: User) -> QuerySet[Lorebook]:
    """What this person may read: their own, and what others made public or unlisted."""
    shared = Q(visibility__in=(Project.Visibility.PUBLIC, Project.Visibility.UNLISTED))
    return Lorebook.objects.filter(Q(owner=user) | shared, trashed_at=None)


def get_owned(user: User, uid: str) -> Lorebook:
    """One's own lorebook, the book itself not read yet. Raises NotFound."""
    return _one(owned_by(user).filter(uid=uid).defer("book"))


def get_visible(user: User, uid: str) -> Lorebook:
    """A lorebook one may read, the book itself not read yet. Raises NotFound."""
    return _one(visible_to(user).filter(uid=uid).select_related("owner").defer("book"))


def get_trashed(user: User, uid: str) -> Lorebook:
    """One's own lorebook, also if it is in the trash."""
    return _one(Lorebook.objects.filter(owner=user, uid=uid))


def _one(rows: QuerySet[Lorebook]) -> Lorebook:
    found = rows.first()
    if found is None:
        raise NotFound("There is no such lorebook.", code="lorebook_not_found")
    return found


def bindings_of(user: User, scope: str, target: str = "") -> QuerySet[Binding]:
    """What this person bound here and may still read."""
    return Binding.objects.filter(
        user=user, scope=scope, target=target, lorebook__in=visible_to(user)
    ).select_related("lorebook")


def _bound(user: int, character: str, chat: str) -> "QuerySet[Binding, Any]":
    here = (
        Q(scope__in=("global", "persona"))
        | Q(scope="character", target=character)
        | Q(scope="chat", target=chat)
    )
    shared = Q(lorebook__visibility__in=("public", "unlisted"))
    may_read = Q(lorebook__owner_id=user) | shared
    return (
        Binding.objects.filter(here, may_read, user_id=user, lorebook__trashed_at=None)
        .order_by("pk")
        .values_list("lorebook__uid", "lorebook__number", "scope", "target")
    )


_uses: Select[Any] = Select(_bound, user=int, character=str, chat=str)


def uses_in(*, user_id: int, character: str, persona: str, chat: str) -> list[Use]:
    """The lorebooks that apply to a turn. Uids of what it is about; "" for none."""
    (rows,) = read_together(uses_of(user_id=user_id, character=character, chat=chat))
    return uses_with(rows, persona)


def uses_of(*, user_id: int, character: str, chat: str) -> Read:
    """The read behind `uses_in`, for whichever persona: give what it reads to `uses_with`."""
    return _uses.bind(user=user_id, character=character, chat=chat or "-")


def uses_with(rows: list[Any], persona: str) -> list[Use]:
    """What applies of `uses_of` while this persona, by its uid, is worn."""
    return [Use(*use) for *use, target in rows if use[2] != "persona" or target == persona]


@lru_cache(maxsize=BOOKS_MOST)
def book_at(uid: str, number: int) -> Book:
    """One version of a lorebook, read once per process while somebody works on it.

    If it was changed since `number` was read, that is its newest version; saving over it with
    `number` is refused then.
    """
    row = Lorebook.objects.values_list("book", flat=True).get(uid=uid)
    return stored_book(row)


@lru_cache(maxsize=COMPILED_MOST)
def compiled(uid: str, number: int) -> CompiledBook:
    """One version of a lorebook, compiled once per process, under the name it is listed by.

    If it was changed since `number` was read, that is its newest version.
    """
    row, name = Lorebook.objects.values_list("book", "name").get(uid=uid)
    return compile_book(replace(stored_book(row), name=name), uid)


def settings_of(user: User) -> Settings:
    """How this person's lorebooks are scanned, without the budget, which depends on the model."""
    changed = user.preferences.get(SETTINGS)
    return msgspec.convert(changed, Settings) if changed else Settings()
