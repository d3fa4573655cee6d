"""Taking in personas, their pictures and what they are bound to."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from django.db import transaction

from catalog.imported import find_target
from catalog.models import ImportedFile
from chats.intake.outcomes import Outcome, Status
from chats.intake.sources import Source, source_at
from chats.intake.taking import Taker
from core import pictures
from core.errors import Invalid
from lore.models import Binding
from lore.services import bind
from personas.backup import PersonaFile, read_personas
from personas.models import Persona, PersonaLock
from personas.services import add_personas, lock

_KIND: Final = ImportedFile.Kind.PERSONA


def take_backup(taker: Taker, source: Source, data: bytes) -> Iterator[Outcome]:
    """The personas of a backup or of a picture. Raises Invalid."""
    for persona in read_personas(data, source.name):
        yield take_persona(taker, source.path, persona)


def take_persona(
    taker: Taker, path: str, file: PersonaFile, picture: Path | None = None
) -> Outcome:
    """One persona, with its lorebook and the characters that it is worn for."""
    digest = sha256(msgspec.json.encode(file)).hexdigest()
    uid = find_target(taker.owner, _KIND, digest)
    here = Persona.objects.filter(owner=taker.owner, uid=uid).first() if uid else None
    here = (
        here
        or Persona.objects.filter(
            owner=taker.owner, key=file.key, name=file.name, description=file.description
        ).first()
    )
    if here is not None:
        return _outcome(path, Status.HERE, file, here.uid)
    if taker.dry_run:
        return _outcome(path, Status.READABLE, file)
    try:
        with transaction.atomic():
            [made] = add_personas(owner=taker.owner, found=[file])
            notes = [*_bind_book(taker, made, file), *_lock(taker, made, file)]
            notes += _wear(made, picture)
            taker.note(_KIND, digest, made.uid)
    except Invalid as error:
        return Outcome(
            path=path, kind="persona", status=Status.FAILED, name=file.name, message=error.message
        )
    return _outcome(path, Status.MADE, file, made.uid, tuple(notes))


def _outcome(
    path: str, status: Status, file: PersonaFile, uid: str = "", notes: tuple[str, ...] = ()
) -> Outcome:
    return Outcome(path=path, kind="persona", status=status, name=file.name, uid=uid, notes=notes)


def _bind_book(taker: Taker, persona: Persona, file: PersonaFile) -> Iterator[str]:
    if not file.lorebook:
        return
    book = taker.find_book(file.lorebook)
    if book is None:
        yield f"Its lorebook “{file.lorebook}” is not here."
        return
    bind(user=taker.owner, lorebook=book, scope=Binding.Scope.PERSONA, target=persona.uid)


def _lock(taker: Taker, persona: Persona, file: PersonaFile) -> Iterator[str]:
    """Lock it to characters that it is worn for, where no other is locked already."""
    for connection in file.connections:
        stem = Path(str(connection.get("id") or "")).stem
        if connection.get("type") != "character":
            yield "It was worn for a group too; groups are not kept."
            continue
        character = taker.people.get(stem)
        if character is None:
            yield f"The character “{stem}” that it was worn for is not here."
            continue
        locks = PersonaLock.objects.filter(user=taker.owner, character=character.uid)
        if not locks.exists():
            lock(user=taker.owner, persona=persona, character_uid=character.uid)


def _wear(persona: Persona, picture: Path | None) -> Iterator[str]:
    """Give a persona its picture. One that cannot be read is no reason to leave the rest."""
    if picture is None:
        return
    try:
        portrait = pictures.read_picture(source_at(picture).read())
    except Invalid as error:
        yield f"Its picture was left out: {error.message}"
        return
    persona.avatar, persona.hue = pictures.store(portrait), pictures.hue_of(portrait)
    persona.save(update_fields=["avatar", "hue", "updated_at"])
