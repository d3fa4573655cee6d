"""Which lorebooks a person lets apply to one chat, or to one persona of theirs."""

from collections.abc import Iterable
from typing import Final

from django.db import transaction

from accounts.models import User
from core.errors import Invalid
from lore import queries, services
from lore.models import Lorebook

LOREBOOKS_MOST: Final = 100


def choices(user: User, scope: str, target: str) -> list[Lorebook]:
    """One's own lorebooks and those of others that are bound here, by name."""
    found = {book.uid: book for book in bound(user, scope, target)}
    found |= {book.uid: book for book in queries.owned_by(user).defer("book")}
    return sorted(found.values(), key=lambda book: (book.name.casefold(), book.uid))


def bound(user: User, scope: str, target: str) -> list[Lorebook]:
    """The lorebooks bound here. None for a target that does not exist yet."""
    if not target:
        return []
    rows = queries.bindings_of(user, scope, target).defer("lorebook__book").order_by("pk")
    return [row.lorebook for row in rows]


def bind_only(*, user: User, scope: str, target: str, uids: Iterable[str]) -> None:
    """Let exactly these lorebooks apply here. Raises NotFound, Invalid; then nothing changed."""
    wanted = list(dict.fromkeys(uids))
    if len(wanted) > LOREBOOKS_MOST:
        raise Invalid(f"{LOREBOOKS_MOST} lorebooks in one place is the most.", param="lorebooks")
    with transaction.atomic():
        here = {book.uid: book for book in bound(user, scope, target)}
        for uid in wanted:
            if uid not in here:
                book = queries.get_visible(user, uid)
                services.bind(user=user, lorebook=book, scope=scope, target=target)
        for uid, book in here.items():
            if uid not in wanted:
                services.unbind(user=user, lorebook=book, scope=scope, target=target)
