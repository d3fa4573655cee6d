import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0003_key_scopes"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="user",
            options={"permissions": (("suspend_user", "Can suspend people, and let them in again"),)},
        ),
        migrations.AlterModelOptions(
            name="apikey",
            options={
                "ordering": ("-created_at",),
                "permissions": (("suspend_apikey", "Can suspend and revoke keys"),),
            },
        ),
        migrations.AddField(
            model_name="apikey",
            name="suspended_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="auditentry",
            name="user",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="audit_entries",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["target", "-id"], name="accounts_audit_by_target"),
        ),
    ]
