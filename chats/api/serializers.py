"""Wire shapes of turns and of the trash."""

from typing import Any

from rest_framework import serializers

from chats.models import Turn


class TurnSerializer(serializers.ModelSerializer[Turn]):
    """One turn: its state, what it cost, and the message it wrote."""

    turn_id = serializers.CharField(source="uid")
    session_id = serializers.CharField(source="chat_id")
    message_id = serializers.CharField(source="reply")
    # Declared, because the bounds that would be derived differ from database to database.
    prompt_tokens = serializers.IntegerField(min_value=0)
    completion_tokens = serializers.IntegerField(min_value=0)
    amount_micro = serializers.IntegerField(min_value=0)

    class Meta:
        model = Turn
        fields = (
            "turn_id",
            "session_id",
            "message_id",
            "state",
            "kind",
            "surface",
            "model",
            "sync",
            "finish_reason",
            "error_code",
            "error_message",
            "prompt_tokens",
            "completion_tokens",
            "estimated",
            "amount_micro",
            "created_at",
        )


class TrashSerializer(serializers.Serializer[dict[str, Any]]):
    """One deletion: `id` restores it."""

    id = serializers.CharField()
    trashed_at = serializers.DateTimeField()
    count = serializers.IntegerField()
    first = serializers.CharField()


class RestoredSerializer(serializers.Serializer[dict[str, Any]]):
    restored = serializers.IntegerField()


class StoppedSerializer(serializers.Serializer[dict[str, Any]]):
    stopped = serializers.BooleanField()
