"""`whole`: Django's `atomic`, with less work at its beginning and at its end."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.transaction import Atomic

from core import trips
from core.connection import here

_VENDORS = ("sqlite", "postgresql")
_BEGIN = "BEGIN IMMEDIATE"
_BEGUN = "reverie_begun"


class _Whole(Atomic):
    """Leaves to Django every beginning and end that is not the plain one."""

    def __enter__(self) -> None:
        database = here()
        if database.atomic_blocks and isinstance(database.atomic_blocks[-1], _Whole):
            database.savepoint_ids.append(None)
        elif _is_plain(database):
            self._begin(database)
        else:
            super().__enter__()
            return
        database.atomic_blocks.append(self)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        database = here()
        has_failed = error is not None or database.needs_rollback or database.closed_in_transaction
        begun = database.__dict__.get(_BEGUN)
        if begun is self:
            del database.__dict__[_BEGUN]
            if not has_failed:
                self._commit(database)
                return
            trips.scatter(database)
        elif begun is not None and not has_failed and database.savepoint_ids[-1] is None:
            database.savepoint_ids.pop()
            database.atomic_blocks.pop()
            return
        super().__exit__(kind, error, traceback)

    def _begin(self, database: Any) -> None:
        if database.vendor == "postgresql":
            trips.gather(database)
        else:
            with database.wrap_database_errors:
                database.connection.execute(_BEGIN).close()
        database.__dict__[_BEGUN] = self
        database.autocommit = False
        database.commit_on_exit, database.needs_rollback = True, False
        database.in_atomic_block = True

    def _commit(self, database: Any) -> None:
        try:
            trips.commit(database)
        except BaseException as error:
            trips.scatter(database)
            super().__exit__(type(error), error, error.__traceback__)
            raise
        trips.scatter(database)
        database.atomic_blocks.pop()
        database.in_atomic_block, database.autocommit = False, True
        database.errors_occurred = False
        if database.run_on_commit:
            database.run_and_clear_commit_hooks()


def _is_plain(database: Any) -> bool:
    """Whether a transaction begins here, on an open connection to which nobody listens."""
    return bool(
        database.vendor in _VENDORS
        and database.connection is not None
        and not database.in_atomic_block
        and database.autocommit
        and not trips.is_listened_to(database)
    )


def whole(*, savepoint: bool = True) -> Atomic:
    """`transaction.atomic` for what every reply does: a hop of a turn. One directly within another
    is part of it: an error takes back both.

    On PostgreSQL `write_later` can wait for its end, and that is one trip with the commit.
    """
    return _Whole(DEFAULT_DB_ALIAS, savepoint=savepoint, durable=False)
