"""`jobs_of_user` finds the jobs of a person already."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.indexes import DropKeyIndex, DropLikeIndexes


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]

    operations = [
        DropKeyIndex(
            "job",
            "user",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="jobs",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        DropLikeIndexes("job"),
    ]
