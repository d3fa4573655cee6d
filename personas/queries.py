"""Reads of personas. Every one begins with who asks."""

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from accounts.models import User
from core.errors import NotFound
from core.prepared import Select
from core.trips import Read, read_together
from personas.models import Persona

_UNSPOKEN = ("title", "attributes", "unknown", "created_at", "updated_at")
"""What no prompt needs of a persona."""


def owned_by(user: User) -> QuerySet[Persona]:
    return Persona.objects.filter(owner=user)


def get_owned(user: User, uid: str) -> Persona:
    found = owned_by(user).filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such persona.", code="persona_not_found")
    return found


def get_numbered(user: User, number: int) -> Persona:
    """One's own persona by its integer. Raises NotFound."""
    found = owned_by(user).filter(number=number).first()
    if found is None:
        raise NotFound("There is no such persona.", code="persona_not_found")
    return found


def locked_to(user: User, character: str) -> Persona | None:
    """The persona that this person always wears with a character, by its uid."""
    return owned_by(user).filter(locks__user=user, locks__character=character).first()


def _worn(user: int, character: str, chosen: str) -> QuerySet[Persona]:
    """The chat's own first, then the one locked to the character, then the default."""
    locked = Q(locks__user_id=user, locks__character=character)
    rank = Case(
        When(uid=chosen, then=Value(0)),
        When(locked, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    rows = Persona.objects.filter(Q(uid=chosen) | locked | Q(is_default=True), owner_id=user)
    return rows.order_by(rank, "uid").defer(*_UNSPOKEN)[:1]


_wears: Select[Persona] = Select(_worn, user=int, character=str, chosen=str)


def worn(*, user_id: int, character: str, chosen: str) -> Persona | None:
    """Who a person is in a chat: `chosen` for it, locked to its character, or the default."""
    (found,) = read_together(worn_by(user_id=user_id, character=character, chosen=chosen))
    return next(iter(found), None)


def worn_by(*, user_id: int, character: str, chosen: str) -> Read:
    """The read behind `worn`: one persona or none."""
    return _wears.bind(user=user_id, character=character, chosen=chosen or "-")
