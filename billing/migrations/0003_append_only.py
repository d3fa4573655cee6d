"""Entries of the ledger are only ever added."""

from django.db import migrations

from core.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [("billing", "0002_plans_and_purchases")]

    operations = [
        append_only(
            "billing_ledgerentry",
            name="billing_entry",
            refusal="entries of the ledger are never changed",
        )
    ]
