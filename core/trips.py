"""How statements travel to the database: alone, several in one trip, or along with the next one.

On PostgreSQL a trip takes more time and work than most statements do. On SQLite there are none:
there everything is made at once, in the same order.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from operator import attrgetter, itemgetter, methodcaller
from typing import Any, Final, NamedTuple, Protocol

from core.connection import here

Statement = tuple[str, list[Any]]
_WAITING: Final = "reverie_waiting"
_AHEAD: Final = "reverie_ahead"


class Write(NamedTuple):
    """A change with its values, not made yet: see `write_together` and `write_later`."""

    sql: str
    values: list[Any]


class Read(NamedTuple):
    """A read with its values, not made yet: see `read_together`.

    Where `is_foreseen`, the next turn will likely make it again: see `core.readahead`.
    """

    sql: str
    values: list[Any]
    made: Callable[[Any], list[Any]]
    is_foreseen: bool = True


class Ahead(Protocol):
    """What answers reads in place of the database, until something is written."""

    def read(self, reads: Sequence[Read]) -> list[Any]:
        """The rows of each."""

    def stop(self) -> None:
        """Something is about to be written."""


def write_together(*writes: Write) -> list[int]:
    """Make several changes, in this order, in one trip to the database where it allows that.

    Returns how many rows each changed. Call inside a transaction: an error may come from any
    of them, and then none must stay.
    """
    return _together(_database_to_change(), writes, _row_count)


def write_later(*writes: Write) -> None:
    """Make changes of which nobody asks how many rows they met.

    In a `whole` transaction on PostgreSQL they travel with its next statement or with its commit,
    which then raise their errors; elsewhere they are made at once.
    """
    database = _database_to_change()
    waiting: list[Statement] | None = database.__dict__.get(_WAITING)
    if waiting is None:
        _together(database, writes, _row_count)
    else:
        waiting.extend(writes)


def write(sql: str, values: list[Any], *, returning: bool = False) -> Any:
    """Make one change: how many rows it met, or the first row of what it returns."""
    database = _database_to_change()
    fetch = _first_row if returning else _row_count
    return _together(database, [(sql, values)], fetch)[0]


def set_ahead(database: Any, ahead: Ahead | None) -> None:
    """From now on `ahead` answers the reads of this connection; with None the database does."""
    database.__dict__[_AHEAD] = ahead


def _database_to_change() -> Any:
    database = here()
    _stop_ahead(database)
    return database


def _stop_ahead(database: Any) -> None:
    ahead: Ahead | None = database.__dict__.get(_AHEAD)
    if ahead is not None:
        ahead.stop()


def read_together(*reads: Read) -> list[list[Any]]:
    """Make several reads in one trip to the database where it allows that: what each gave."""
    database = here()
    ahead: Ahead | None = database.__dict__.get(_AHEAD)
    found = rows_of(database, reads) if ahead is None else ahead.read(reads)
    return [read.made(rows) for read, rows in zip(reads, found, strict=True)]


def rows_of(database: Any, reads: Sequence[Read]) -> list[Any]:
    """The rows of each read, from the database."""
    return _together(database, list(map(_statement, reads)), _all_rows)


def _together(
    database: Any, statements: Sequence[Statement], fetch: Callable[[Any], Any]
) -> list[Any]:
    """Run statements and return what `fetch` takes from the cursor of each.

    Straight to the driver, because Django's wrappers cost more than the statement; the usual
    way where somebody listens (query counts, debugging).
    """
    if is_listened_to(database):
        return [_listened_to(database, sql, values, fetch) for sql, values in statements]
    _make_ready(database)
    try:
        if database.vendor == "postgresql":
            return list(map(fetch, _on_postgres(database, statements)))
        return _on_sqlite(database.connection.execute, statements, fetch)
    except Exception:
        # It raises Django's own.
        with database.wrap_database_errors:
            raise


def _listened_to(database: Any, sql: str, values: list[Any], fetch: Callable[[Any], Any]) -> Any:
    with database.cursor() as cursor:
        cursor.execute(sql, values)
        return fetch(cursor)


def _on_sqlite(
    execute: Callable[[str, list[Any]], Any],
    statements: Sequence[Statement],
    fetch: Callable[[Any], Any],
) -> list[Any]:
    """What `fetch` takes reads a cursor to its end, so none has to be closed."""
    return [fetch(execute(_for_driver(sql), values)) for sql, values in statements]


def is_listened_to(database: Any) -> bool:
    """Whether somebody wants to see every statement."""
    return bool(database.force_debug_cursor or database.execute_wrappers)


def _make_ready(database: Any) -> None:
    if database.connection is None:
        database.ensure_connection()
    if database.needs_rollback:
        database.validate_no_broken_transaction()


@lru_cache(maxsize=256)
def _for_driver(sql: str) -> str:
    return sql.replace("%s", "?").replace("%%", "%")


_all_rows: Final = methodcaller("fetchall")
_row_count: Final = attrgetter("rowcount")
_statement: Final = itemgetter(slice(2))
"""Of a read."""


def _first_row(cursor: Any) -> Any:
    rows = cursor.fetchall()
    return rows[0] if rows else None


def _on_postgres(database: Any, statements: Sequence[Statement], *, ends: bool = False) -> Any:
    """What each of these gave, after those that waited for a trip; with `ends` the commit too."""
    from core import postgres  # noqa: PLC0415 - its driver is not there where only SQLite is used

    waiting = _taken(database)
    done = postgres.run(
        database.connection, [*waiting, *statements], begins=gathers(database), ends=ends
    )
    return done[len(waiting) :]


def _taken(database: Any) -> list[Statement]:
    """What waited until now."""
    waiting: list[Statement] | None = database.__dict__.get(_WAITING)
    if not waiting:
        return []
    taken = waiting.copy()
    waiting.clear()
    return taken


def gather(database: Any) -> None:
    """Let writes wait in the transaction of PostgreSQL that begins with the next statement.

    Django's cursors know nothing of them, nor of what was read ahead: whoever asks for one has
    the writes made first, and what was read before counts no longer.
    """
    database.__dict__[_WAITING] = []
    database._cursor = partial(_cursor_after, database)


def gathers(database: Any) -> bool:
    return _WAITING in database.__dict__


def _cursor_after(database: Any, name: str | None = None) -> Any:
    _stop_ahead(database)
    _make_ready(database)
    with database.wrap_database_errors:
        _on_postgres(database, [])
    return type(database)._cursor(database, name)


def commit(database: Any) -> None:
    """Make what waits and commit, in one trip."""
    _make_ready(database)
    with database.wrap_database_errors:
        if database.vendor == "postgresql":
            _on_postgres(database, [], ends=True)
        else:
            database.connection.commit()


def scatter(database: Any) -> None:
    """The transaction is over: nothing waits any longer, and what still does is lost with it."""
    database.__dict__.pop(_WAITING, None)
    database.__dict__.pop("_cursor", None)
