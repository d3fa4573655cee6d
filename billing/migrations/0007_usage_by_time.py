"""Operators look at what everybody used within a time."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("billing", "0006_usage")]

    operations = [
        migrations.AddIndex(
            model_name="usage",
            index=models.Index(fields=["created_at"], name="billing_usage_by_time"),
        ),
    ]
