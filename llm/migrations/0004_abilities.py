"""What models can do, who may use them, and what a provider's list said of them.

Until now an unticked box for tools stood for "nobody said", which has a value of its own from here.
"""

from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models

UNIT = 1_000_000
MOST = 10_000 * UNIT


def forget_unsaid(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("llm", "Model").objects
    rows.filter(supports_tools=False).update(supports_tools=None)


def say_no(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("llm", "Model").objects
    rows.filter(supports_tools=None).update(supports_tools=False)


def _added(name: str, field: Any) -> migrations.AddField:
    return migrations.AddField(model_name="model", name=name, field=field)


def _altered(name: str, field: Any) -> migrations.AlterField:
    return migrations.AlterField(model_name="model", name=name, field=field)


class Migration(migrations.Migration):
    dependencies = (("llm", "0003_embedding"),)

    operations = (
        _altered(
            "context_tokens",
            models.PositiveIntegerField(
                default=8192,
                validators=[MinValueValidator(512), MaxValueValidator(100_000_000)],
            ),
        ),
        _altered(
            "input_multiplier_micro",
            models.PositiveBigIntegerField(default=UNIT, validators=[MaxValueValidator(MOST)]),
        ),
        _altered(
            "output_multiplier_micro",
            models.PositiveBigIntegerField(default=UNIT, validators=[MaxValueValidator(MOST)]),
        ),
        _altered(
            "free",
            models.BooleanField(
                default=False,
                help_text="It costs nothing, whatever its prices; a limit counts instead.",
            ),
        ),
        _added(
            "min_plan_rank",
            models.PositiveSmallIntegerField(
                default=0,
                help_text="The rank that a person's plan must have at least. 0 is everybody.",
            ),
        ),
        _added(
            "answers",
            models.BooleanField(
                default=True,
                help_text="Off for what makes pictures, speech or video and does not talk.",
            ),
        ),
        _altered("supports_tools", models.BooleanField(null=True, blank=True)),
        migrations.RunPython(forget_unsaid, say_no),
        _added("supports_json_schema", models.BooleanField(null=True, blank=True)),
        _added("supports_vision", models.BooleanField(null=True, blank=True)),
        _added(
            "supports_completion",
            models.BooleanField(
                default=False,
                help_text="It goes on with a bare text, not only with a conversation.",
            ),
        ),
        _added("makes_images", models.BooleanField(default=False)),
        _added("makes_speech", models.BooleanField(default=False)),
        _added("makes_video", models.BooleanField(default=False)),
        _added("listed", models.JSONField(null=True, blank=True, editable=False)),
    )
