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


class BlockSerializer(serializers.Serializer[dict[str, Any]]):
    """One block of a prompt. `text` is exact; history has none, its messages are listed.

    What was recalled has a `score`, how well it fits, and the `uids` of the memory or messages.
    """

    name = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # declared fields leave the class
    tokens = serializers.IntegerField()
    text = serializers.CharField(allow_blank=True)
    kept = serializers.BooleanField()
    reason = serializers.CharField(allow_blank=True)
    messages = serializers.IntegerField(allow_null=True)
    depth = serializers.IntegerField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    uids = serializers.ListField(child=serializers.CharField())


class PromptMessageSerializer(serializers.Serializer[Any]):
    """One message as it was sent. `changed`: it reads differently today, or is gone."""

    role = serializers.CharField()
    content = serializers.CharField(allow_blank=True)
    uid = serializers.CharField(allow_blank=True)
    changed = serializers.BooleanField()


class PromptVerdictSerializer(serializers.Serializer[dict[str, Any]]):
    """What became of one lorebook entry, by which rule, and which key called it up where."""

    entry = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    book = serializers.CharField()
    scope = serializers.CharField(allow_blank=True)
    activated = serializers.BooleanField()
    rule = serializers.CharField()
    why = serializers.CharField()
    key = serializers.CharField(allow_blank=True)
    where = serializers.DictField(allow_null=True)
    scan = serializers.IntegerField()
    tokens = serializers.IntegerField()
    score = serializers.FloatField(allow_null=True)


class PromptRoundSerializer(serializers.Serializer[dict[str, Any]]):
    """What one request of a reply used, where calls of tools made it several."""

    prompt_tokens = serializers.IntegerField()
    completion_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField()
    estimated = serializers.BooleanField()


class PromptSerializer(serializers.Serializer[Any]):
    """The prompt a reply was written from."""

    message_id = serializers.CharField(source="message.uid")
    turn_id = serializers.CharField(source="turn.uid")
    model = serializers.CharField(source="turn.model")
    created_at = serializers.DateTimeField(source="turn.created_at")
    budget_tokens = serializers.IntegerField()
    total_tokens = serializers.IntegerField()
    prompt_tokens = serializers.IntegerField(source="turn.prompt_tokens")
    completion_tokens = serializers.IntegerField(source="turn.completion_tokens")
    rounds = PromptRoundSerializer(many=True)
    persona = serializers.CharField(allow_blank=True)
    blocks = BlockSerializer(many=True)
    messages = PromptMessageSerializer(many=True)
    lore = PromptVerdictSerializer(many=True)
    slow_keys = serializers.DictField(child=serializers.CharField())
    is_over_budget = serializers.BooleanField(help_text="The budget for lore was used up.")
    is_cut_short = serializers.BooleanField(help_text="The scan for lore was too long and ended.")
    comments = serializers.ListField(child=serializers.CharField())
    banned = serializers.ListField(child=serializers.CharField())
    unsearched = serializers.IntegerField(help_text="Older messages that recall had not read yet.")
