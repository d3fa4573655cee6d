"""Usage keeps the cached tokens too: free work has no charge that would tell them."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("billing", "0005_plan_rank")]

    operations = [
        migrations.AddField(
            model_name="usage",
            name="cached_tokens",
            field=models.PositiveIntegerField(default=0),
        ),
    ]
