"""Making the changes that a model asked for while it replied."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
from django.db import transaction

from core.errors import Conflict, Invalid, NotFound
from memory import services
from memory.models import Memory, Notebook
from memory.tools import Change

log = structlog.get_logger(__name__)

_MODEL = str(Memory.Author.MODEL)


class Place(NamedTuple):
    """Where changes come from: a chat, its reply, and the messages that say so."""

    chat: str
    message: str
    evidence: tuple[str, ...]


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A change as it was made. `memory` is the row that says what; nothing else does, so that
    what is deleted for good is nowhere."""

    kind: str
    memory: str


def apply(changes: Sequence[Change], notebook: Notebook, place: Place) -> list[Made]:
    """Make these changes in their order. Returns those that were made.

    The notebook may be another one than when the prompt was written: what cannot be done any
    more is left out.
    """
    made: list[Made] = []
    newest: dict[str, str] = {}
    for change in changes:
        try:
            with transaction.atomic():
                done = _apply(change, notebook, place, newest)
        except (Conflict, Invalid, NotFound) as error:
            log.info("memory_change_dropped", kind=change.kind, reason=error.code)
            continue
        if done is not None:
            made.append(done)
    return made


def _apply(change: Change, notebook: Notebook, place: Place, newest: dict[str, str]) -> Made | None:
    where: dict[str, Any] = place._asdict()
    if change.kind == "save":
        saved = services.remember(
            notebook,
            change.text,
            author=_MODEL,
            scope=change.scope,
            importance=change.importance or 5,
            **where,
        )
        return Made(kind="save", memory=saved.uid)
    before = _current(notebook, newest.get(change.memory, change.memory))
    if change.kind == "delete":
        gone = services.forget(before, author=_MODEL, **where)
        return None if gone is None else Made(kind="delete", memory=gone.uid)
    after = services.correct(
        before, change.text, author=_MODEL, importance=change.importance, **where
    )
    newest[change.memory] = after.uid
    if after.uid == before.uid:
        return None
    return Made(kind="update", memory=after.uid)


def _current(notebook: Notebook, uid: str) -> Memory:
    """A memory of this notebook. Raises NotFound."""
    rows = Memory.objects.filter(notebook=notebook).select_related("notebook__user")
    found = rows.filter(uid=uid).first()
    if found is None:
        raise NotFound("There is no such memory.", code="memory_not_found")
    return found


def pending(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """Changes as JSON, for the record of a turn that still runs."""
    return [msgspec.to_builtins(change) for change in changes]


def from_pending(rows: Iterable[Any]) -> list[Change]:
    return msgspec.convert(list(rows), list[Change])
