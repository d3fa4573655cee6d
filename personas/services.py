"""Making, changing and wearing personas."""

from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction

from accounts.models import User
from core.errors import Invalid
from core.text import clean
from personas.backup import PersonaFile, Position, read_personas, write_personas
from personas.models import Persona, PersonaLock

TEXT_CHARS_MOST: Final = 100_000
DEPTH_MOST: Final = 10_000
_TEXTS: Final = ("name", "title", "description")
_PLAIN: Final = ("attributes", "position", "depth", "role", "avatar", "hue", "key", "unknown")
_SHORT_MOST: Final = 200


def create_persona(*, owner: User, is_default: bool = False, **given: Any) -> Persona:
    """A new persona. Raises Invalid; then nothing changed."""
    persona = Persona(owner=owner)
    _apply(persona, {"name": "", **given})
    with transaction.atomic():
        persona.save()
        if is_default:
            make_default(persona=persona)
    return persona


def update_persona(*, persona: Persona, **given: Any) -> Persona:
    """Change the given fields and no others. Raises Invalid; then nothing changed."""
    _apply(persona, given)
    persona.save(update_fields=[*given, "updated_at"])
    return persona


def delete_persona(*, persona: Persona) -> None:
    """Delete a persona. Chats that wore it go on under the default one, or the person's name."""
    persona.delete()


def make_default(*, persona: Persona) -> None:
    """Wear this one wherever no other is locked."""
    with transaction.atomic():
        Persona.objects.filter(owner=persona.owner_id, is_default=True).update(is_default=False)
        Persona.objects.filter(pk=persona.pk).update(is_default=True)
    persona.is_default = True


def clear_default(*, owner: User) -> None:
    """Wear none wherever none is locked."""
    Persona.objects.filter(owner=owner, is_default=True).update(is_default=False)


def lock(*, user: User, persona: Persona | None, character_uid: str) -> None:
    """Always wear this persona with a character; None takes the lock away."""
    if persona is None:
        PersonaLock.objects.filter(user=user, character=character_uid).delete()
    else:
        PersonaLock.objects.update_or_create(
            user=user, character=character_uid, defaults={"persona": persona}
        )


def import_personas(*, owner: User, data: bytes, filename: str = "") -> list[Persona]:
    """New personas from a backup. Those that are here already are left as they are.

    Raises Invalid.
    """
    return add_personas(owner=owner, found=read_personas(data, filename))


def add_personas(*, owner: User, found: Iterable[PersonaFile]) -> list[Persona]:
    here = {(p.key, p.name, p.description) for p in Persona.objects.filter(owner=owner)}
    has_default = Persona.objects.filter(owner=owner, is_default=True).exists()
    made: list[Persona] = []
    with transaction.atomic():
        for file in found:
            if (file.key, file.name, file.description) in here:
                continue
            persona = create_persona(
                owner=owner,
                is_default=file.is_default and not has_default,
                name=file.name or "Unnamed",
                title=file.title,
                description=file.description,
                position=int(file.position),
                depth=min(file.depth, DEPTH_MOST),
                role=file.role,
                key=file.key,
                unknown={
                    "unknown": file.unknown,
                    "lorebook": file.lorebook,
                    "connections": list(file.connections),
                },
            )
            made.append(persona)
    return made


def export_personas(*, owner: User) -> bytes:
    """All personas of this person as a SillyTavern backup."""
    return write_personas([_file(p) for p in Persona.objects.filter(owner=owner)])


def _file(persona: Persona) -> PersonaFile:
    kept = persona.unknown
    return PersonaFile(
        key=persona.key or f"{persona.uid}.png",
        name=persona.name,
        title=persona.title,
        description=persona.description,
        position=Position(persona.position),
        depth=persona.depth,
        role=persona.role,
        lorebook=kept.get("lorebook", ""),
        connections=tuple(kept.get("connections", ())),
        is_default=persona.is_default,
        unknown=kept.get("unknown", {}),
    )


def _apply(persona: Persona, given: dict[str, Any]) -> None:
    for field, value in given.items():
        if field in _TEXTS:
            setattr(persona, field, _text(field, value))
        elif field in _PLAIN:
            setattr(persona, field, _checked(field, value))
        else:
            raise Invalid(f"A persona has no field {field}.", param=field)
    if not persona.name:
        raise Invalid("A persona needs a name.", param="name")


def _text(field: str, value: str) -> str:
    text = clean(value)
    if field == "description":
        if len(text) > TEXT_CHARS_MOST:
            raise Invalid(
                f"The description has more than {TEXT_CHARS_MOST} characters.", param=field
            )
        return text
    return " ".join(text.split())[:_SHORT_MOST]


def _checked(field: str, value: Any) -> Any:
    if field == "position" and value not in list(Position):
        raise Invalid("A position is 0, 1, 2, 3, 4 or 9.", param=field)
    if field == "role" and value not in (0, 1, 2):
        raise Invalid("A role is 0 (system), 1 (user) or 2 (assistant).", param=field)
    if field == "depth" and not (isinstance(value, int) and 0 <= value <= DEPTH_MOST):
        raise Invalid(f"A depth is a number from 0 to {DEPTH_MOST}.", param=field)
    return value
