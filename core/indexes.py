"""Operations of migrations: without the indexes that Django makes by itself and nobody searches.

Every write to a table pays for each of its indexes. No table is rewritten here, so these are
quick on large ones too; where Django itself alters a field, SQLite copies the whole table.
"""

from collections.abc import Callable
from typing import Any

from django.db.migrations import AlterField
from django.db.migrations.operations.base import Operation

Found = dict[str, Any]


class DropKeyIndex(AlterField):
    """Alter a foreign key to `db_index=False`, which is all that may differ."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        column = model._meta.get_field(self.name).column
        _drop(schema_editor, model, lambda _, found: found["columns"] == [column])

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        for sql in schema_editor._field_indexes_sql(model, model._meta.get_field(self.name)):
            schema_editor.execute(sql)


class DropLikeIndexes(Operation):
    """Drop what PostgreSQL has beside each index of texts to find them by how they begin."""

    def __init__(self, model_name: str) -> None:
        self.model_name = model_name

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Models do not say that they have such indexes."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            model = to_state.apps.get_model(app_label, self.model_name)
            _drop(schema_editor, model, lambda name, _: name.endswith("_like"))

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            model = to_state.apps.get_model(app_label, self.model_name)
            for field in model._meta.local_fields:
                if sql := schema_editor._create_like_index_sql(model, field):
                    schema_editor.execute(sql)

    def describe(self) -> str:
        return f"Drop the indexes of {self.model_name} for how texts begin"


def _drop(editor: Any, model: Any, is_one: Callable[[str, Found], bool]) -> None:
    """Drop the model's plain indexes that are so."""
    table = model._meta.db_table
    with editor.connection.cursor() as cursor:
        constraints = editor.connection.introspection.get_constraints(cursor, table)
    for name, found in constraints.items():
        if found["index"] and not found["unique"] and is_one(name, found):
            editor.execute(f"DROP INDEX {editor.quote_name(name)}")
