"""Statements of the hot path: written with the ORM, compiled once, then only executed.

Compiling a query costs Django several times what running it costs the database. A statement
here is defined by the same expression as anywhere else; its SQL and the places of its values
are found at the first call. Used where the bench shows that it matters, and nowhere else.
"""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any, Final, Generic, TypeVar

import msgspec
from django.db import connections, models
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable, get_related_populators
from django.db.models.sql import UpdateQuery
from django.utils import timezone

from core.trips import Read, Write, read_together, write

M = TypeVar("M", bound=models.Model)
Values = dict[str, Any]
_DAY_ONE: Final = datetime(2000, 1, 1, tzinfo=UTC)
_PLAIN: Final = (models.CharField, models.TextField, models.IntegerField, models.BooleanField)
"""The values of these fields are what the database takes already."""
_OFFSET: Final = len("+00:00")


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
        self._times = [name for name, kind in kinds.items() if kind is datetime]
        self._written = _writes_times()
        self._names: list[Any] = list(range(len(first)))
        for name in kinds:
            _, changed = compile_({**base, name: other[name]})
            for place, (a, b) in enumerate(zip(first, changed, strict=True)):
                if a != b:
                    self._names[place] = name
        self._constants: dict[Any, Any] = dict(enumerate(first))

    def values(self, given: Values) -> list[Any]:
        for name in self._times:
            given[name] = self._written(given[name])
        return list(map({**self._constants, **given}.__getitem__, self._names))


class Select(Generic[M]):
    """A prepared read: `Select(lambda uid: Chat.objects.filter(uid=uid), uid=str)`.

    Yields model instances, `select_related` ones joined, or tuples for `values_list`. One whose
    values differ from turn to turn is not `foreseen`: see `core.readahead`.
    """

    def __init__(
        self,
        build: Callable[..., "models.QuerySet[Any, Any]"],
        *,
        foreseen: bool = True,
        **kinds: type,
    ) -> None:
        self._build = build
        self._is_foreseen = foreseen
        self._kinds = kinds

    @cached_property
    def _compiled(self) -> Any:
        def compile_(values: Values) -> tuple[str, Any]:
            sql, params = self._build(**values).query.get_compiler("default").as_sql()
            return sql, params

        compiled = _Compiled(compile_, self._kinds)
        rows: Any = self._build(**_samples(self._kinds, 0))
        compiler = rows.query.get_compiler("default")
        compiler.as_sql()
        converters = _converters(compiler)
        make = _maker(compiler) if rows._iterable_class is ModelIterable else tuple

        def made(rows: Any) -> list[Any]:
            if converters:
                rows = [_converted(row, converters) for row in rows]
            return list(map(make, rows))

        return compiled, made

    def bind(self, **values: Any) -> Read:
        compiled, made = self._compiled
        return Read(compiled.sql, compiled.values(values), made, self._is_foreseen)

    def all(self, **values: Any) -> list[M]:
        (found,) = read_together(self.bind(**values))
        return found

    def first(self, **values: Any) -> M | None:
        return next(iter(self.all(**values)), None)


def _converters(compiler: Any) -> list[tuple[int, Callable[[Any], Any]]]:
    """What turns columns into values of their fields."""
    found = compiler.get_converters(item[0] for item in compiler.select)
    return [
        (at, _converter(one, expression, compiler.connection))
        for at, (many, expression) in found.items()
        for one in many
    ]


def _converter(convert: Any, expression: Any, database: Any) -> Callable[[Any], Any]:
    """Django's, or a shorter one that does the same for what we store."""
    if database.vendor == "sqlite":
        if convert == database.ops.convert_booleanfield_value:
            return bool
        if convert == database.ops.convert_datetimefield_value and database.timezone is UTC:
            return _moment_of
    return lambda value: convert(value, expression, database)


def _moment_of(value: datetime | str) -> datetime:
    """A column is read as a time already, and only an expression as its text."""
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC)


def _converted(row: Any, converters: list[tuple[int, Callable[[Any], Any]]]) -> list[Any]:
    """The row with its values converted. NULL is None for every field of ours."""
    values = list(row)
    for at, convert in converters:
        if values[at] is not None:
            values[at] = convert(values[at])
    return values


def _maker(compiler: Any) -> Callable[[Any], Any]:
    """What makes an instance of a row, with the instances that were joined."""
    info = compiler.klass_info
    fields, model = info["select_fields"], info["model"]
    start, end = fields[0], fields[-1] + 1
    names = [item[0].target.attname for item in compiler.select[start:end]]
    populators_of: Any = get_related_populators
    populators = populators_of(info, compiler.select, "default")

    def make(row: Any) -> Any:
        instance = _instance(model, names, row[start:end])
        for populator in populators:
            _join(populator, row, instance)
        return instance

    return make


def _instance(model: type[models.Model], names: list[str], values: Any) -> Any:
    """What `Model.from_db` makes, without signals and descriptors, which cost the most of it."""
    instance = model.__new__(model)
    instance.__dict__.update(zip(names, values, strict=True))
    state = instance._state = ModelState()
    state.db, state.adding = "default", False
    return instance


def _join(populator: Any, row: Any, instance: Any) -> None:
    """Put the joined instance of this row, or None, into its place: Django's, with `_instance`."""
    reorder = populator.reorder_for_init
    values = reorder(row) if reorder else row[populator.cols_start : populator.cols_end]
    joined = None
    if values[populator.pk_idx] is not None:
        joined = _instance(populator.model_cls, populator.init_list, values)
        for further in populator.related_populators:
            _join(further, row, joined)
        populator.remote_setter(joined, instance)
    populator.local_setter(instance, joined)


class Update:
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
        self._build = build
        self._returning = returning
        self._kinds = kinds

    @cached_property
    def _compiled(self) -> _Compiled:
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
        return Write(self._compiled.sql, self._compiled.values(values))

    def __call__(self, **values: Any) -> Any:
        compiled = self._compiled
        return write(compiled.sql, compiled.values(values), returning=bool(self._returning))


class Insert:
    """A prepared insert of one row: fields that are not given get the model's defaults.

    With `ignore_conflicts` a row that a unique constraint refuses is dropped silently.
    """

    def __init__(self, model: type[models.Model], *, ignore_conflicts: bool = False) -> None:
        self._model = model
        self._ignore = ignore_conflicts

    @cached_property
    def _compiled(self) -> Any:
        meta = self._model._meta
        fields = [f for f in meta.local_concrete_fields if not isinstance(f, models.AutoField)]
        quote = connections["default"].ops.quote_name
        columns = ", ".join(quote(str(field.column)) for field in fields)
        places = ", ".join(itertools.repeat("%s", len(fields)))
        sql = f"INSERT INTO {quote(meta.db_table)} ({columns}) VALUES ({places})"  # noqa: S608 - names are the model's
        if self._ignore:
            sql += " ON CONFLICT DO NOTHING"
        row: Values = {}
        made: list[tuple[str, Callable[[], Any]]] = []
        written: list[tuple[str, Callable[[Any], Any]]] = []
        for field in fields:
            default = _default(field)
            if callable(default):
                made.append((field.attname, default))
                default = None  # until a row is made
            row[field.attname] = str(default) if isinstance(default, str) else default
            if not isinstance(getattr(field, "target_field", field), _PLAIN):
                written.append((field.attname, _writer(field)))
        return sql, row, made, written

    def __call__(self, **values: Any) -> int:
        """Insert it. Returns how many rows that made: 0 if a conflict was ignored."""
        return int(write(*self.bind(**values)))

    def bind(self, **values: Any) -> Write:
        sql, template, made, written = self._compiled
        row = {**template, **values}
        if len(row) != len(template):
            unknown = next(name for name in values if name not in template)
            raise TypeError(f"{self._model.__name__} has no column {unknown!r}")
        for name, default in made:
            if name not in values:
                row[name] = default()
        for name, write_ in written:
            if row[name] is not None:
                row[name] = write_(row[name])
        return Write(sql, list(row.values()))


def _default(field: Any) -> Any:
    """The field's default: a value, or something to call for each row."""
    if getattr(field, "auto_now_add", False) or getattr(field, "auto_now", False):
        return _now
    if field.has_default() and field.default is timezone.now:
        return _now
    if field.has_default() and callable(field.default):
        return field.default
    return field.get_default()


def _now() -> datetime:
    return datetime.now(UTC)


def _writer(field: Any) -> Callable[[Any], Any]:
    """What makes of a value of this field, which is not None, what the database takes."""
    if type(field) is models.DateTimeField:
        return _writes_times()
    if type(field) is models.JSONField and field.encoder is None:
        return _json
    return lambda value: field.get_db_prep_save(value, connections["default"])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@cache
def _writes_times() -> Callable[[datetime | None], Any]:
    """How a time becomes what the database takes. Ours are in UTC: SQLite's text is soon made."""
    database = connections["default"]
    if database.vendor == "postgresql":
        return lambda value: value
    is_utc = database.timezone is UTC

    def text_of(value: datetime | None) -> Any:
        if value is not None and is_utc and value.tzinfo is UTC:
            return value.isoformat(" ")[:-_OFFSET]
        return connections["default"].ops.adapt_datetimefield_value(value)

    return text_of
