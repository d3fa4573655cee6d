"""Versions of a character: every change of its card is kept, so that chats can hold to one."""

from typing import Any, Final

from django.db.models import Max

from characters import cards
from characters.export import card_of
from characters.models import Character, CharacterVersion

_UNTOLD: Final = ("modification_date",)


def keep(character: Character, note: str = "") -> None:
    """Note the current version as its number says. Noting it again changes nothing."""
    CharacterVersion.objects.get_or_create(
        character=character,
        number=character.number,
        defaults={"card": snapshot(character), "note": note[:200]},
    )


def renumber(character: Character, note: str = "") -> bool:
    """Give a changed character its next number and keep that version. The caller saves the row.

    Returns whether anything of its card had changed. Call inside a transaction.
    """
    stored = Character.objects.select_for_update().get(pk=character.pk)
    keep(stored)
    if snapshot(stored) == snapshot(character):
        character.number = stored.number
        return False
    last = stored.versions.aggregate(last=Max("number"))["last"] or stored.number
    character.number = max(last, stored.number) + 1
    keep(character, note)
    return True


def snapshot(character: Character) -> dict[str, Any]:
    """The card of a character as version 3 writes it."""
    return cards.to_v3(card_of(character))


def get(character: Character, number: int) -> CharacterVersion | None:
    return character.versions.filter(number=number).first()


def differences(older: dict[str, Any], newer: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The fields of two cards that differ: name, then what each says (None: nothing)."""
    before, after = older.get("data", {}), newer.get("data", {})
    names = [*after, *(name for name in before if name not in after)]
    return [
        (name, before.get(name), after.get(name))
        for name in names
        if name not in _UNTOLD and before.get(name) != after.get(name)
    ]
