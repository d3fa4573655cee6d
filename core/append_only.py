"""Tables whose rows are only ever added: the database itself refuses to change or delete them.

For migrations. On SQLite a later migration that rebuilds such a table drops its triggers and must
make them anew.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.migrations import RunPython

_ON_POSTGRESQL = (
    """
    CREATE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION '{refusal}' USING ERRCODE = '23001';
    END $$
    """,
    """
    CREATE TRIGGER {name}_update BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {name}_append_only()
    """,
)
_ON_SQLITE = tuple(
    f"""
    CREATE TRIGGER {{name}}_{event} BEFORE {event} ON {{table}}
    BEGIN SELECT RAISE(ABORT, '{{refusal}}'); END
    """
    for event in ("update", "delete")
)
_MADE = {"postgresql": _ON_POSTGRESQL, "sqlite": _ON_SQLITE}
_UNMADE = {
    "postgresql": (
        "DROP TRIGGER {name}_update ON {table}",
        "DROP FUNCTION {name}_append_only()",
    ),
    "sqlite": ("DROP TRIGGER {name}_update", "DROP TRIGGER {name}_delete"),
}


def append_only(table: str, *, name: str, refusal: str) -> RunPython:
    """Refuse to change or delete rows of `table` with these words. `name` begins the triggers'."""
    words = {"table": table, "name": name, "refusal": refusal}

    def run(statements: Mapping[str, Sequence[str]], schema_editor: Any) -> None:
        for statement in statements[schema_editor.connection.vendor]:
            schema_editor.execute(statement.format(**words))

    return RunPython(
        lambda _apps, schema_editor: run(_MADE, schema_editor),
        lambda _apps, schema_editor: run(_UNMADE, schema_editor),
    )
