"""Every reply writes a hold, a charge, an entry and a usage: not into what nobody searches."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.indexes import DropKeyIndex, DropLikeIndexes


def of_account(related_name):
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name=related_name,
        to="billing.account",
    )


class Migration(migrations.Migration):
    dependencies = [("billing", "0007_usage_by_time")]

    operations = [
        migrations.AddIndex(
            "hold",
            models.Index(
                condition=models.Q(state="open"),
                fields=["account", "expires_at"],
                name="billing_holds_open",
            ),
        ),
        migrations.RemoveIndex("hold", "billing_open_holds"),
        DropKeyIndex("hold", "account", of_account("holds")),
        DropKeyIndex("charge", "account", of_account("charges")),
        DropKeyIndex("ledgerentry", "account", of_account("entries")),
        DropKeyIndex(
            "usage",
            "user",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="usage",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        DropLikeIndexes("hold"),
        DropLikeIndexes("charge"),
        DropLikeIndexes("usage"),
    ]
