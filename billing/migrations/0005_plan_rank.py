"""Plans have a rank, which models may ask for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("billing", "0004_limits"),)

    operations = (
        migrations.AddField(
            model_name="plan",
            name="rank",
            field=models.PositiveSmallIntegerField(
                default=0,
                help_text="A model may ask for a plan of at least some rank. 0 is the lowest.",
            ),
        ),
    )
