"""Vectors in the tables: put away, read back, compared, forgotten.

Comparing is one matrix product over all vectors of a scope, which for what one person has takes
milliseconds on any database; where PostgreSQL has the extension pgvector, `search` is left to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from typing import Any, Final, NamedTuple

import numpy as np
from django.db import transaction
from django.db.models import Count, QuerySet
from numpy.typing import NDArray

from memory import pgvector
from memory.models import Vector

Kind = Vector.Kind
Row = NDArray[np.float32]
_STORED: Final = np.dtype("<f2")
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Place:
    """Where vectors lie: whose they are, what they stand for, and in which chat or book."""

    user_id: int
    kind: str
    scope: str


class Piece(NamedTuple):
    """A text to be found by its meaning: piece `number` of a message, memory or lore entry."""

    owner: str
    number: int
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked, as a vector of length 1, and the name of the model that made it."""

    text: str
    model: str
    vector: Row


class Found(NamedTuple):
    """A piece that is like what was asked for; `likeness` is the cosine."""

    owner: str
    number: int
    likeness: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """Vectors of a place: row n of `matrix` (float32) is of piece `numbers[n]` of `owners[n]`.

    Sorted by owner and number. `digests` tell of which texts they were made. `newest` goes into
    the next `load` to get only what came since.
    """

    owners: tuple[str, ...]
    numbers: tuple[int, ...]
    digests: tuple[str, ...]
    matrix: Row
    newest: int

    def by_owner(self) -> dict[str, tuple[Row, list[str]]]:
        """Rows and digests of each owner, by number from 0; owners with a gap are left out."""
        found = {}
        for owner, group in groupby(range(len(self.owners)), key=self.owners.__getitem__):
            at = list(group)
            if self.numbers[at[0]] == 0 and self.numbers[at[-1]] == len(at) - 1:
                rows = slice(at[0], at[-1] + 1)
                found[owner] = self.matrix[rows], list(self.digests[rows])
        return found


def digest(text: str) -> str:
    """What tells whether a text is still the one that a vector was made of."""
    return blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _rows(place: Place, model: str) -> QuerySet[Vector]:
    """The vectors of this model here. They start from their owner."""
    return Vector.objects.filter(
        user_id=place.user_id, kind=place.kind, scope=place.scope, model=model
    )


def exist(user_id: int, model: str) -> bool:
    """Whether this person has any vectors of this model."""
    return Vector.objects.filter(user_id=user_id, model=model).exists()


def missing(place: Place, model: str, pieces: Iterable[Piece]) -> list[Piece]:
    """Those of the pieces that have no vector yet, or one of another text."""
    known = {
        (owner, number): made_of
        for owner, number, made_of in _rows(place, model).values_list("owner", "piece", "digest")
    }
    return [piece for piece in pieces if known.get(piece[:2]) != digest(piece.text)]


def store(place: Place, model: str, pieces: Sequence[Piece], vectors: Row) -> None:
    """Put away a vector for each piece, instead of the ones that those pieces had. Twice is once.

    `vectors` has a row of length 1 for each piece.
    """
    rows = [
        Vector(
            user_id=place.user_id,
            kind=place.kind,
            scope=place.scope,
            owner=piece.owner,
            piece=piece.number,
            model=model,
            digest=digest(piece.text),
            data=vector.astype(_STORED).tobytes(),
        )
        for piece, vector in zip(pieces, vectors, strict=True)
    ]
    keys = {piece[:2] for piece in pieces}
    with transaction.atomic():
        outdated = [
            pk
            for pk, owner, number in _rows(place, model)
            .filter(owner__in={piece.owner for piece in pieces})
            .values_list("pk", "owner", "piece")
            if (owner, number) in keys
        ]
        Vector.objects.filter(pk__in=outdated).delete()
        Vector.objects.bulk_create(rows, batch_size=_BATCH, ignore_conflicts=True)
        pgvector.fill(place.user_id, place.scope)


def prune(place: Place, model: str, pieces: Iterable[Piece], *, is_all: bool) -> None:
    """Drop the vectors of pieces that their owners no longer have.

    With `is_all` the pieces are all that there are here, and every other vector goes.
    """
    now = {piece[:2] for piece in pieces}
    owners = {owner for owner, _ in now}
    gone = [
        pk
        for pk, owner, number in _rows(place, model).values_list("pk", "owner", "piece")
        if (owner, number) not in now and (is_all or owner in owners)
    ]
    Vector.objects.filter(pk__in=gone).delete()


def load(
    place: Place, model: str, *, after: int = 0, owners: Sequence[str] | None = None
) -> Loaded:
    """All vectors of a place; those that came since `after`, the `newest` of an earlier load; or
    those of some owners.
    """
    rows = _rows(place, model)
    if after:
        rows = rows.filter(pk__gt=after)
    if owners is None:
        found = _read(rows)
    else:
        parts = [owners[at : at + _BATCH] for at in range(0, len(owners), _BATCH)]
        found = sorted(row for part in parts for row in _read(rows.filter(owner__in=part)))
    if not found:
        return Loaded((), (), (), np.zeros((0, 0), np.float32), after)
    names, numbers, digests, keys, data = zip(*found, strict=True)
    return Loaded(names, numbers, digests, _matrix(data), max(keys))


def _read(rows: QuerySet[Vector]) -> list[tuple[str, int, str, int, Any]]:
    fields = ("owner", "piece", "digest", "pk", "data")
    return list(rows.order_by("owner", "piece").values_list(*fields))


def _matrix(data: Sequence[Any]) -> Row:
    """The stored bytes as float32 rows. Rows of another length than the first become zero."""
    width = len(data[0])
    whole = [row if len(row) == width else bytes(width) for row in data]
    return np.frombuffer(b"".join(whole), _STORED).reshape(len(data), -1).astype(np.float32)


def search(place: Place, model: str, vector: Row, *, k: int = 50) -> list[Found]:
    """The pieces of a place that are most like `vector` (of length 1), best first."""
    if pgvector.is_used():
        rows = pgvector.nearest(
            place.user_id, place.kind, place.scope, model=model, vector=vector, k=k
        )
        return [Found(*row) for row in rows]
    here = load(place, model)
    if here.matrix.shape[1] != len(vector):
        return []
    likeness = here.matrix @ vector
    best = np.argsort(-likeness, kind="stable")[:k]
    return [Found(here.owners[at], here.numbers[at], float(likeness[at])) for at in best]


def forget(kind: str, scope: str, owners: Iterable[str]) -> None:
    """Drop the vectors of these messages, memories or entries: of all models, whoever's they are.

    For what is deleted for good; whether it may be, others have decided.
    """
    Vector.objects.filter(kind=kind, scope=scope, owner__in=list(owners)).delete()


def forget_scope(kind: str, scope: str) -> None:
    """The same for all that was in a chat, a notebook or a lorebook."""
    Vector.objects.filter(kind=kind, scope=scope).delete()


def drop_other_models(place: Place, model: str) -> int:
    """Drop what other models made here. Call it once `model` has made all. Returns how many."""
    here = Vector.objects.filter(user_id=place.user_id, kind=place.kind, scope=place.scope)
    return here.exclude(model=model).delete()[0]


def count_by_model() -> dict[str, int]:
    """How many vectors there are of each model."""
    counted = Vector.objects.values_list("model").annotate(count=Count("pk")).order_by("model")
    return dict(counted)
