"""pgvector, where PostgreSQL has it: a column beside the stored bytes, searched in the database.

Plain SQL, so that nothing needs to be installed here. The bytes stay the truth: the column is
made and filled by `prepare`, and without it everything works as on any database.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import structlog
from django.db import DatabaseError, connection, transaction
from numpy.typing import NDArray

log = structlog.get_logger(__name__)

_FILL_BATCH: Final = 500
_NEAREST: Final = """
    SELECT owner, piece, 1 - (embedding <=> %(vector)s::halfvec) FROM memory_vector
    WHERE user_id = %(user)s AND kind = %(kind)s AND scope = %(scope)s AND model = %(model)s
      AND vector_dims(embedding) = %(dimensions)s
    ORDER BY embedding <=> %(vector)s::halfvec, owner, piece LIMIT %(k)s
"""


@lru_cache(maxsize=1)
def is_used() -> bool:
    """Whether searches go to pgvector. Looked up once for each process."""
    if connection.vendor != "postgresql":
        return False
    return _has_column()


def _has_column() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('memory_vector')"
            " AND attname = 'embedding' AND NOT attisdropped"
        )
        return cursor.fetchone() is not None


def available_version() -> str:
    """The version that the server has at hand, "" if none."""
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT default_version FROM pg_available_extensions WHERE name = 'vector'")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def prepare() -> bool:
    """Use pgvector from now on, if the server has it and lets us. Safe to run twice.

    Needs version 0.7 or newer. Returns whether it is used.
    """
    if not available_version():
        return False
    if not _has_column():
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
                cursor.execute("ALTER TABLE memory_vector ADD COLUMN embedding halfvec")
        except DatabaseError as error:
            log.warning("pgvector_not_used", reason=str(error).partition("\n")[0])
            return False
    is_used.cache_clear()
    _fill("", [])
    return True


def fill(user_id: int, scope: str) -> None:
    """Copy the stored bytes of a scope that the column lacks into it, where pgvector is used."""
    if is_used():
        _fill("AND user_id = %s AND scope = %s", [user_id, scope])


def _fill(where: str, values: list[int | str]) -> None:
    """In batches, each of which stays if the next one is interrupted."""
    lacking = f"SELECT id, data FROM memory_vector WHERE embedding IS NULL {where} LIMIT %s"  # noqa: S608 - constants
    with connection.cursor() as cursor:
        while True:
            cursor.execute(lacking, [*values, _FILL_BATCH])
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.executemany(
                "UPDATE memory_vector SET embedding = %s::halfvec WHERE id = %s",
                [(_text(np.frombuffer(data, "<f2")), pk) for pk, data in rows],
            )


def nearest(
    user_id: int, kind: str, scope: str, *, model: str, vector: NDArray[np.float32], k: int
) -> list[tuple[str, int, float]]:
    """(owner, piece, cosine) of the most alike, best first."""
    values: dict[str, str | int] = {
        "user": user_id,
        "kind": str(kind),
        "scope": scope,
        "model": model,
        "vector": _text(vector),
        "dimensions": len(vector),
        "k": k,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEAREST, values)
        return [(owner, piece, float(likeness)) for owner, piece, likeness in cursor.fetchall()]


def _text(vector: NDArray[np.floating]) -> str:
    return "[" + ",".join(f"{number:.5g}" for number in vector.tolist()) + "]"
