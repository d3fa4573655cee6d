"""The PostgreSQL of `core.prepared`: statements prepared once a connection, several in one trip.

Straight through libpq, which psycopg hands out: its cursors take several times the work that a
small statement does. Everything else of the connection (transactions, types that are read,
errors) is psycopg's.
"""

import itertools
import select
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from operator import call
from typing import Any, Final, NamedTuple

from psycopg import Connection, Error, OperationalError
from psycopg.adapt import Transformer
from psycopg.errors import InFailedSqlTransaction, error_from_result
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus

Statement = tuple[str, Sequence[Any]]
Call = tuple[bytes, Any]
"""The name of a prepared statement and the texts of its values, None for NULL."""
_UNDONE: Final = b"ROLLBACK"
"""What the server says instead when a transaction that had failed is to be committed."""
_GOOD: Final = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)

_SESSION: Final = "reverie_session"
_numbers: Final = itertools.count()


class _Session:
    """What is known of a connection: its statements, by their SQL, and what reads its rows.

    The connection has it, because what reads the rows keeps the connection.
    """

    __slots__ = ("names", "reader")

    def __init__(self, connection: "Connection[Any]") -> None:
        self.names: dict[str, bytes] = {}
        self.reader: Any = Transformer(connection)


class Done(NamedTuple):
    """What a statement gave: like a cursor, but read already."""

    rows: list[Any]
    rowcount: int

    def fetchall(self) -> list[Any]:
        return self.rows


def run(
    connection: "Connection[Any]",
    statements: Sequence[Statement],
    *,
    begins: bool = False,
    ends: bool = False,
) -> list[Done]:
    """Make these statements, in this order and in one trip. Raises psycopg's errors.

    Outside of autocommit, and with `begins`, a transaction that has to begin does so in the same
    trip; with `ends` it is committed in it. An error leaves what comes after it undone, a commit
    too.
    """
    session: _Session | None = connection.__dict__.get(_SESSION)
    if session is None:
        session = connection.__dict__[_SESSION] = _Session(connection)
    calls: list[Call] = [
        (session.names.get(sql) or _prepared(connection, session, sql), _texts(values))
        for sql, values in statements
    ]
    begins = (begins or not connection.autocommit) and _is_idle(connection)
    if not calls and begins == ends:
        # Nothing to begin for, or nothing to do in what has begun.
        return []
    if len(calls) == 1 and not begins and not ends:
        name, texts = calls[0]
        results = [connection.pgconn.exec_prepared(name, texts)]
    else:
        results = _piped(connection, calls, begins=begins, ends=ends)
    for result in results:
        if result.status not in _GOOD:
            raise _error(connection, result)
    if ends and results[-1].command_status == _UNDONE:
        raise InFailedSqlTransaction("the transaction had failed, and was rolled back")
    first = int(begins)
    return [_done(session.reader, result) for result in results[first : first + len(calls)]]


def _error(connection: "Connection[Any]", result: Any) -> Error:
    if connection.pgconn.status == ConnStatus.BAD:
        return OperationalError(result.get_error_message())
    return error_from_result(result, connection.info.encoding)


def _is_idle(connection: "Connection[Any]") -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE


def _piped(
    connection: "Connection[Any]", calls: Sequence[Call], *, begins: bool, ends: bool
) -> list[Any]:
    """The results of all, or of as many as came before the connection was lost."""
    wire = connection.pgconn
    wire.enter_pipeline_mode()
    if begins:
        wire.send_query_params(_begin(connection), None)
    for name, values in calls:
        wire.send_query_prepared(name, values)
    if ends:
        wire.send_query_params(b"COMMIT", None)
    wire.pipeline_sync()
    _send(wire)
    results = _results(wire, len(calls) + begins + ends)
    wire.exit_pipeline_mode()
    return results


def _send(wire: Any) -> None:
    """Hand everything over. What the server answers meanwhile is read, or it would stop reading."""
    poll = select.poll()
    poll.register(wire.socket, select.POLLIN | select.POLLOUT)
    while wire.flush():
        if any(event & ~select.POLLOUT for _, event in poll.poll()):
            wire.consume_input()


def _results(wire: Any, count: int) -> list[Any]:
    """One result for each statement, in order. Reads on to the end of the trip."""
    poll = select.poll()
    poll.register(wire.socket, select.POLLIN)
    found = []
    for _ in range(count):
        if wire.is_busy():
            _wait(wire, poll)
        result = wire.get_result()
        if result is None:
            raise OperationalError(wire.get_error_message())
        found.append(result)
        # Nothing, which says that this statement gave all it had.
        wire.get_result()
    _wait(wire, poll)
    wire.get_result()
    return found


def _wait(wire: Any, poll: select.poll) -> None:
    """Until there is a result, or the connection is lost."""
    while wire.is_busy():
        poll.poll()
        wire.consume_input()


def _begin(connection: "Connection[Any]") -> bytes:
    level = connection.isolation_level
    return f"BEGIN ISOLATION LEVEL {level.name.replace('_', ' ')}".encode() if level else b"BEGIN"


def _prepared(connection: "Connection[Any]", session: _Session, sql: str) -> bytes:
    """The name under which this connection has the statement now. The server infers its types."""
    name = f"reverie_{next(_numbers)}".encode()
    result = connection.pgconn.prepare(name, _for_server(sql))
    if result.status not in _GOOD:
        raise _error(connection, result)
    session.names[sql] = name
    return name


@lru_cache(maxsize=512)
def _for_server(sql: str) -> bytes:
    """Django's placeholders as the server's numbered ones."""
    first, *rest = sql.replace("%%", "\0").split("%s")
    numbered = "".join(f"${number}{piece}" for number, piece in enumerate(rest, 1))
    return (first + numbered).replace("\0", "%").encode()


def _texts(values: Sequence[Any]) -> list[bytes | None]:
    """Values as the server reads them."""
    return list(map(call, map(_writer_of, map(type, values)), values))


def _time(value: datetime) -> bytes:
    return value.isoformat().encode()


class _Writers(dict[type, Callable[[Any], bytes | None]]):
    """By type; of another type is what inherits from one of them."""

    def __missing__(self, kind: type) -> Callable[[Any], bytes | None]:
        for base in (str, int):
            if issubclass(kind, base):
                self[kind] = self[base]
                return self[kind]
        raise TypeError(f"a prepared statement takes no {kind.__name__}")


_WRITERS: Final = _Writers(
    {
        str: str.encode,
        int: b"%d".__mod__,
        bool: (b"f", b"t").__getitem__,
        datetime: _time,
        type(None): {None: None}.get,
    }
)
"""What writes a value of a type. Mostly nothing of Python's is run for one."""
_writer_of: Final = _WRITERS.__getitem__


def _done(reader: Any, result: Any) -> Done:
    if not result.ntuples:
        return Done([], result.command_tuples or 0)
    reader.set_pgresult(result)
    rows = reader.load_rows(0, result.ntuples, tuple)
    # Or it would keep the result for as long as the connection.
    reader.set_pgresult(None)
    return Done(rows, result.ntuples)
