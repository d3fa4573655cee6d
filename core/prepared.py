"""Statements of the hot path: written with the ORM, compiled once, then only executed.

Compiling a query costs Django several times what running it costs the database. A statement
here is defined by the same expression as anywhere else; its SQL and the places of its values
are found at the first call. Used where the bench shows that it matters, and nowhere else.
"""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, Generic, NamedTuple, TypeVar

from django.db import connections, models
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery

M = TypeVar("M", bound=models.Model)
Values = dict[str, Any]
_DAY_ONE: Final = datetime(2000, 1, 1, tzinfo=UTC)


def _samples(kinds: dict[str, type], round_: int) -> Values:
    """One stand-in value for each parameter, different in each round."""
    made: dict[type, Callable[[int], Any]] = {
        str: lambda n: f"sample{n}",
        int: lambda n: 1_900_000_000 + n,
        bool: lambda n: n >= 100,  # noqa: PLR2004 - the second round
        datetime: lambda n: _DAY_ONE + timedelta(days=n),
    }
    return {name: made[kind](100 * round_ + i) for i, (name, kind) in enumerate(kinds.items())}


class _Compiled:
    """SQL, and for each of its values a constant or the name of the parameter that goes there."""

    def __init__(self, compile_: Callable[[Values], tuple[str, Any]], kinds: dict[str, type]):
        base = _samples(kinds, 0)
        other = _samples(kinds, 1)
        self.sql, first = compile_(base)
        self.names: list[str | None] = [None] * len(first)
        self.constants = list(first)
        for name in kinds:
            _, changed = compile_({**base, name: other[name]})
            for place, (a, b) in enumerate(zip(first, changed, strict=True)):
                if a != b:
                    self.names[place] = name

    def values(self, given: Values) -> list[Any]:
        adapted = given
        for name, value in given.items():
            if type(value) is datetime:
                adapt = connections["default"].ops.adapt_datetimefield_value
                adapted = {**adapted, name: adapt(value)}
        return [
            constant if name is None else adapted[name]
            for name, constant in zip(self.names, self.constants, strict=True)
        ]


def _execute(sql: str, values: list[Any], fetch: Callable[[Any], Any]) -> Any:
    """Run one statement and return what `fetch` takes from its cursor.

    Straight to the driver, because Django's wrappers cost more than the statement; the usual
    way where somebody listens (query counts, debugging).
    """
    database = connections["default"]
    if database.queries_logged or database.execute_wrappers:
        with database.cursor() as wrapped:
            wrapped.execute(sql, values)
            return fetch(wrapped)
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        cursor = _execute_on(database, sql, values)
        try:
            return fetch(cursor)
        finally:
            cursor.close()


def _execute_on(database: Any, sql: str, values: list[Any]) -> Any:
    if database.vendor == "postgresql":
        from psycopg import Cursor  # noqa: PLC0415 - not there where only SQLite is used

        # Unlike Django's, this cursor binds on the server, which then plans a statement once.
        return Cursor(database.connection).execute(sql, values, prepare=True)
    return database.connection.execute(_for_driver(sql), values)


@lru_cache(maxsize=256)
def _for_driver(sql: str) -> str:
    return sql.replace("%s", "?").replace("%%", "%")


class Write(NamedTuple):
    """A change with its values, not made yet: see `write_together`."""

    sql: str
    values: list[Any]


def write_together(*writes: Write) -> None:
    """Make several changes, in this order, in one trip to the database where it allows that.

    Call inside a transaction: an error may come from any of them, and then none must stay.
    """
    database = connections["default"]
    if database.vendor != "postgresql" or database.queries_logged or database.execute_wrappers:
        for write in writes:
            _execute(write.sql, write.values, _row_count)
        return
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors, database.connection.pipeline():
        for write in writes:
            _execute_on(database, write.sql, write.values)


def _all_rows(cursor: Any) -> Any:
    return cursor.fetchall()


def _first_row(cursor: Any) -> Any:
    return cursor.fetchone()


def _row_count(cursor: Any) -> Any:
    return cursor.rowcount


class _Statement:
    """Compiles once per database vendor and process."""

    def __init__(self) -> None:
        self._compiled: dict[str, Any] = {}

    def _get(self) -> Any:
        found = self._compiled.get(connections["default"].vendor)
        if found is None:
            found = self._compiled[connections["default"].vendor] = self._compile()
        return found

    def _compile(self) -> Any:
        raise TypeError("a statement says how it is compiled")


class Select(_Statement, Generic[M]):
    """A prepared read: `Select(lambda uid: Chat.objects.filter(uid=uid), uid=str)`.

    Yields model instances, `select_related` ones joined, or tuples for `values_list`.
    """

    def __init__(self, build: Callable[..., "models.QuerySet[Any, Any]"], **kinds: type) -> None:
        super().__init__()
        self._build = build
        self._kinds = kinds

    def _compile(self) -> Any:
        def compile_(values: Values) -> tuple[str, Any]:
            sql, params = self._build(**values).query.get_compiler("default").as_sql()
            return sql, params

        compiled = _Compiled(compile_, self._kinds)
        rows: Any = self._build(**_samples(self._kinds, 0))
        compiler = rows.query.get_compiler("default")
        compiler.as_sql()
        if rows._iterable_class is not ModelIterable:
            compiler.klass_info = None
        return compiled, compiler, compiler.get_converters(item[0] for item in compiler.select)

    def all(self, **values: Any) -> list[M]:
        compiled, compiler, converters = self._get()
        rows: Any = _execute(compiled.sql, compiled.values(values), _all_rows)
        if converters:
            rows = compiler.apply_converters(rows, converters)
        return list(self._instances(compiler, rows))

    def first(self, **values: Any) -> M | None:
        return next(iter(self.all(**values)), None)

    def _instances(self, compiler: Any, rows: Any) -> Iterator[Any]:
        info = compiler.klass_info
        if info is None:
            yield from map(tuple, rows)
            return
        fields = info["select_fields"]
        start, end = fields[0], fields[-1] + 1
        names = [item[0].target.attname for item in compiler.select[start:end]]
        populate_with: Any = get_related_populators
        populators = populate_with(info, compiler.select, "default")
        for row in rows:
            instance = info["model"].from_db("default", names, row[start:end])
            for populate in populators:
                populate.populate(row, instance)
            yield instance


class Update(_Statement):
    """A prepared change: `Update(lambda uid, now: (Chat.objects.filter(uid=uid), {"x": now}), …)`.

    Calling it returns how many rows changed; with `returning`, the columns of the first one.
    """

    def __init__(
        self,
        build: Callable[..., "tuple[models.QuerySet[Any, Any], Values]"],
        *,
        returning: tuple[str, ...] = (),
        **kinds: type,
    ) -> None:
        super().__init__()
        self._build = build
        self._returning = returning
        self._kinds = kinds

    def _compile(self) -> Any:
        def compile_(values: Values) -> tuple[str, Any]:
            rows, changes = self._build(**values)
            query: Any = rows.query.chain(UpdateQuery)
            query.add_update_values(changes)
            sql, params = query.get_compiler("default").as_sql()
            return str(sql), params

        compiled = _Compiled(compile_, self._kinds)
        if self._returning:
            columns = ", ".join(
                connections["default"].ops.quote_name(name) for name in self._returning
            )
            compiled.sql += f" RETURNING {columns}"
        return compiled

    def bind(self, **values: Any) -> Write:
        compiled = self._get()
        return Write(compiled.sql, compiled.values(values))

    def __call__(self, **values: Any) -> Any:
        compiled = self._get()
        fetch = _first_row if self._returning else _row_count
        return _execute(compiled.sql, compiled.values(values), fetch)


class Insert(_Statement):
    """A prepared insert of one row: fields that are not given get the model's defaults.

    With `ignore_conflicts` a row that a unique constraint refuses is dropped silently.
    """

    def __init__(self, model: type[models.Model], *, ignore_conflicts: bool = False) -> None:
        super().__init__()
        self._model = model
        self._ignore = ignore_conflicts

    def _compile(self) -> Any:
        meta = self._model._meta
        fields = [f for f in meta.local_concrete_fields if not isinstance(f, models.AutoField)]
        quote = connections["default"].ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in fields)
        places = ", ".join(itertools.repeat("%s", len(fields)))
        sql = f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - names are the model's
        if self._ignore:
            sql += " ON CONFLICT DO NOTHING"
        row: list[Any] = []
        made: list[tuple[int, Any, Callable[[], Any]]] = []
        for place, field in enumerate(fields):
            default = _default(field)
            if callable(default):
                made.append((place, field, default))
                row.append(None)
            else:
                row.append(_prepared(field, default))
        places_of = {field.attname: (place, field) for place, field in enumerate(fields)}
        return sql, row, made, places_of

    def __call__(self, **values: Any) -> None:
        write = self.bind(**values)
        _execute(write.sql, write.values, _row_count)

    def bind(self, **values: Any) -> Write:
        sql, template, made, places = self._get()
        row = template.copy()
        for place, field, default in made:
            if field.attname not in values:
                row[place] = _prepared(field, default())
        try:
            for name, value in values.items():
                place, field = places[name]
                row[place] = _prepared(field, value)
        except KeyError as error:
            raise TypeError(f"{self._model.__name__} has no column {error}") from error
        return Write(sql, row)


def _default(field: Any) -> Any:
    """The field's default: a value, or something to call for each row."""
    if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False):
        return lambda: datetime.now(UTC)
    if field.has_default() and callable(field.default):
        return field.default
    return field.get_default()


def _prepared(field: Any, value: Any) -> Any:
    """The value as the database takes it. Plain texts and numbers are that already."""
    if value is None or type(value) in (str, int, bool):
        return value
    return field.get_db_prep_save(value, connections["default"])
