"""Entries of the audit log are only ever added."""

from django.db import migrations

from core.append_only import append_only


class Migration(migrations.Migration):

    dependencies = [("accounts", "0004_suspension")]

    operations = [
        append_only(
            "accounts_auditentry",
            name="accounts_audit",
            refusal="entries of the audit log are never changed",
        )
    ]
