"""Every reply writes two messages, a turn and its chat: not into what nobody searches.

The shown path has one index with its chat's; a turn's person is found through its chat.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from core.indexes import DropKeyIndex, DropLikeIndexes


def key(to, **options):
    return models.ForeignKey(
        db_index=False, on_delete=django.db.models.deletion.CASCADE, to=to, **options
    )


class Migration(migrations.Migration):
    dependencies = [("chats", "0006_tool_calls")]

    operations = [
        migrations.AddIndex(
            "message",
            models.Index(fields=["chat", "position", "active"], name="chats_message_path"),
        ),
        migrations.RemoveIndex("message", "chats_path"),
        DropKeyIndex("message", "chat", key("chats.chat", related_name="messages")),
        migrations.AddIndex(
            "chat", models.Index(fields=["user", "character"], name="chats_chat_of_char")
        ),
        migrations.RemoveIndex("chat", "chats_chat_by_char"),
        DropKeyIndex("chat", "user", key(settings.AUTH_USER_MODEL, related_name="chats")),
        DropKeyIndex("turn", "chat", key("chats.chat", related_name="turns")),
        DropKeyIndex("turn", "user", key(settings.AUTH_USER_MODEL)),
        DropKeyIndex(
            "turn",
            "api_key",
            models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                to="accounts.apikey",
            ),
        ),
        DropLikeIndexes("chat"),
        DropLikeIndexes("message"),
        DropLikeIndexes("turn"),
    ]
