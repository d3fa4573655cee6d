"""Reading ahead: what a hop read the last time, it gets in one trip at its beginning.

Nothing is predicted by hand. What a block reads before its first write is noted under a key;
the next block under that key begins with these reads, in their order, and whoever makes one of
them with the very same values gets what it gave. What is read is as new as the transaction.
"""

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from core import trips
from core.connection import here
from core.shelf import Shelf
from core.transactions import whole
from core.trips import Read

_KEYS_MOST: Final = 2_000
_READS_MOST: Final = 16
_kept: Final = Shelf[list[Read]](_KEYS_MOST)


@contextmanager
def read_ahead(key: Hashable) -> Iterator[None]:
    """On PostgreSQL, and under a key that is known, one transaction that begins so.

    Locks that reads take are taken before what is read after them. Elsewhere the block runs as
    it is, with no transaction of its own.
    """
    database = here()
    if (
        database.vendor != "postgresql"
        or database.in_atomic_block
        or trips.is_listened_to(database)
    ):
        yield
        return
    database.ensure_connection()
    ahead = _Ahead(database)
    trips.set_ahead(database, ahead)
    try:
        if reads := _kept.get(key):
            with whole():
                ahead.fetch(reads)
                yield
        else:
            yield
    finally:
        trips.set_ahead(database, None)
    _kept.put(key, ahead.made, 1)


class _Ahead:
    """What was read ahead, and a note of what is read, until the first write."""

    def __init__(self, database: Any) -> None:
        self.made: list[Read] = []
        self._database = database
        self._found: dict[Any, Any] = {}
        self._is_over = False

    def fetch(self, reads: Sequence[Read]) -> None:
        found = trips.rows_of(self._database, reads)
        self._found = {_key_of(read): rows for read, rows in zip(reads, found, strict=True)}

    def read(self, reads: Sequence[Read]) -> list[Any]:
        if not self._is_over:
            self.made += [read for read in reads if read.is_foreseen]
            self._is_over = len(self.made) >= _READS_MOST
        rows = [self._found.pop(_key_of(read), None) for read in reads]
        missing = [read for read, found in zip(reads, rows, strict=True) if found is None]
        others = iter(trips.rows_of(self._database, missing) if missing else ())
        return [next(others) if found is None else found for found in rows]

    def stop(self) -> None:
        self._is_over = True
        self._found.clear()


def _key_of(read: Read) -> Any:
    return read.sql, *read.values
