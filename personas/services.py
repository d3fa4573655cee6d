"""Making, changing and wearing personas."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from PIL.Image import Image

from accounts.models import User
from core import pictures, png
from core.errors import Invalid
from core.jsontext import read_json
from core.text import clean
from personas.backup import PersonaFile, Position, read_personas, write_personas
from personas.models import Persona, PersonaLock

TEXT_CHARS_MOST: Final = 100_000
DEPTH_MOST: Final = 10_000
ATTRIBUTES_BYTES_MOST: Final = 64 * 1024
NOTES_MOST: Final = 50
POSITIONS: Final = frozenset(int(position) for position in Position)
ROLES: Final = (0, 1, 2)
_TEXTS: Final = ("name", "title", "description")
_PLAIN: Final = ("attributes", "position", "depth", "role", "avatar", "hue", "key", "unknown")
_SHORT_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file became: new personas, how many were here already, and what it could not say."""

    personas: tuple[Persona, ...]
    known: int
    notes: tuple[str, ...]


def create_persona(
    *, owner: User, is_default: bool = False, picture: bytes | None = None, **given: Any
) -> Persona:
    """A new persona. Raises Invalid; then nothing changed."""
    read = pictures.read_picture(picture) if picture else None
    persona = Persona(owner=owner)
    _apply(persona, {"name": "", **given})
    if "hue" not in given:
        persona.hue = pictures.hue_of_name(persona.name)
    if read is not None:
        _apply(persona, _stored(read))
    with transaction.atomic():
        persona.save()
        if is_default:
            make_default(persona=persona)
    return persona


def update_persona(
    *, persona: Persona, is_default: bool | None = None, picture: bytes | None = None, **given: Any
) -> Persona:
    """Change the given fields and no others. Raises Invalid; then nothing changed."""
    read = pictures.read_picture(picture) if picture else None
    _apply(persona, given)
    if read is not None:
        found = _stored(read)
        _apply(persona, found)
        given |= found
    with transaction.atomic():
        persona.save(update_fields=[*given, "updated_at"])
        if is_default:
            make_default(persona=persona)
        elif is_default is not None and persona.is_default:
            clear_default(owner=persona.owner)
            persona.is_default = False
    return persona


def _stored(picture: Image) -> dict[str, Any]:
    return {"avatar": pictures.store(picture), "hue": pictures.hue_of(picture)}


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


def import_personas(*, owner: User, data: bytes, filename: str = "") -> Imported:
    """New personas from a backup. Those that are here already are left as they are.

    Raises Invalid.
    """
    found = read_personas(data, filename)
    made = add_personas(owner=owner, found=found)
    notes = list(_left_out(made))
    if png.is_png(data):
        for persona in made:
            try:
                update_persona(persona=persona, picture=data)
            except Invalid:
                notes.append("The picture cannot be decoded and was left out.")
    return Imported(tuple(made), len(found) - len(made), tuple(notes[:NOTES_MOST]))


def _left_out(made: Iterable[Persona]) -> Iterator[str]:
    """What a backup says that means nothing here, or not yet."""
    if any(persona.key for persona in made):
        yield "A backup holds no pictures. Each persona's page takes one."
    for persona in made:
        if book := persona.unknown["lorebook"]:
            yield f"{persona.name} goes with the lorebook “{book}”: choose it on their page."
        if count := len(persona.unknown["connections"]):
            what = "a character or group" if count == 1 else f"{count} characters or groups"
            yield f"{persona.name} was worn with {what}: choose them on their page."


def add_personas(*, owner: User, found: Iterable[PersonaFile]) -> list[Persona]:
    """New personas for those that are not here yet. Raises Invalid; then nothing changed."""
    here = {(p.key, p.name, p.description) for p in Persona.objects.filter(owner=owner)}
    has_default = Persona.objects.filter(owner=owner, is_default=True).exists()
    made: list[Persona] = []
    with transaction.atomic():
        for file in found:
            name = _text("name", file.name) or "Unnamed"
            if (file.key, name, file.description) not in here:
                is_default = file.is_default and not has_default
                made.append(create_persona(owner=owner, is_default=is_default, **_given(file)))
    return made


def _given(file: PersonaFile) -> dict[str, Any]:
    """A persona of a file as fields. Raises Invalid, with its name, if it is too long."""
    name = _text("name", file.name) or "Unnamed"
    if len(file.description) > TEXT_CHARS_MOST:
        raise Invalid(
            f"The description of {name} has more than {TEXT_CHARS_MOST} characters.", param="file"
        )
    return {
        "name": name,
        "title": file.title,
        "description": file.description,
        "position": int(file.position),
        "depth": min(file.depth, DEPTH_MOST),
        "role": file.role,
        "key": file.key,
        "unknown": {
            "unknown": file.unknown,
            "lorebook": file.lorebook,
            "connections": list(file.connections),
        },
    }


def export_personas(*, owner: User, lorebooks: Mapping[str, str] | None = None) -> bytes:
    """All personas of this person as a SillyTavern backup.

    `lorebooks` names the lorebook of a persona by its uid, where it has one here.
    """
    books = lorebooks or {}
    rows = Persona.objects.filter(owner=owner)
    return write_personas([_file(row, books.get(row.uid, "")) for row in rows])


def _file(persona: Persona, lorebook: str) -> PersonaFile:
    kept = persona.unknown
    return PersonaFile(
        key=persona.key or f"{persona.uid}.png",
        name=persona.name,
        title=persona.title,
        description=persona.description,
        position=Position(persona.position),
        depth=persona.depth,
        role=persona.role,
        lorebook=lorebook or kept.get("lorebook", ""),
        connections=tuple(kept.get("connections", ())),
        is_default=persona.is_default,
        unknown=kept.get("unknown", {}),
    )


def _apply(persona: Persona, given: Mapping[str, Any]) -> None:
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
    if field == "position" and value not in POSITIONS:
        raise Invalid("A position is 0, 1, 2, 3, 4 or 9.", param=field)
    if field == "role" and value not in ROLES:
        raise Invalid("A role is 0 (system), 1 (user) or 2 (assistant).", param=field)
    if field == "depth" and not (isinstance(value, int) and 0 <= value <= DEPTH_MOST):
        raise Invalid(f"A depth is a number from 0 to {DEPTH_MOST}.", param=field)
    return _attributes(value) if field == "attributes" else value


def _attributes(value: Any) -> Any:
    """Whatever a program keeps with a persona: an object of JSON, of bounded size."""
    if not isinstance(value, dict):
        raise Invalid("The attributes are an object.", param="attributes")
    text = json.dumps(value).encode()
    if len(text) > ATTRIBUTES_BYTES_MOST:
        limit = ATTRIBUTES_BYTES_MOST // 1024
        raise Invalid(f"The attributes are larger than {limit} KB.", param="attributes")
    return read_json(text, what="persona", notes=[])
