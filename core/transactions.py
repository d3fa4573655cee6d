"""`whole`: Django's `atomic`, with less work before the first statement on SQLite."""

from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.transaction import Atomic

_BEGIN = "BEGIN IMMEDIATE"


class _Whole(Atomic):
    """Leaves the end to Django, and every beginning that is not the plain one."""

    def __enter__(self) -> None:
        database: Any = connections[DEFAULT_DB_ALIAS]
        if not _is_plain(database):
            super().__enter__()
            return
        with database.wrap_database_errors:
            database.connection.execute(_BEGIN).close()
        database.autocommit = False
        database.commit_on_exit, database.needs_rollback = True, False
        database.in_atomic_block = True
        database.atomic_blocks.append(self)


def _is_plain(database: Any) -> bool:
    """Whether a transaction of SQLite begins on an open connection to which nobody listens."""
    return bool(
        database.vendor == "sqlite"
        and database.connection is not None
        and database.autocommit
        and not database.in_atomic_block
        and not database.force_debug_cursor
        and not database.execute_wrappers
    )


def whole(*, savepoint: bool = True) -> Atomic:
    """`transaction.atomic` for what every reply does: a hop of a turn."""
    return _Whole(DEFAULT_DB_ALIAS, savepoint=savepoint, durable=False)
