from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chats", "0005_notebook")]

    operations = [
        migrations.AddField("message", "tool_calls", models.JSONField(blank=True, null=True)),
        migrations.AddField("turn", "changes", models.JSONField(blank=True, null=True)),
    ]
