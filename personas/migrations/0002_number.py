"""An integer for each persona, for programs that name one by a number."""

from typing import Any

from django.db import migrations, models

import core.ids


def number_all(apps: Any, schema_editor: Any) -> None:
    persona = apps.get_model("personas", "Persona")
    for row in persona.objects.filter(number=None).only("uid").iterator():
        persona.objects.filter(uid=row.uid).update(number=core.ids.new_number())


class Migration(migrations.Migration):
    dependencies = [("personas", "0001_initial")]

    operations = [
        migrations.AddField("persona", "number", models.BigIntegerField(null=True, editable=False)),
        migrations.RunPython(number_all, migrations.RunPython.noop),
        migrations.AlterField(
            "persona",
            "number",
            models.BigIntegerField(default=core.ids.new_number, editable=False, unique=True),
        ),
    ]
