"""Wire shapes of memories, summaries and notebooks."""

from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from memory.models import TEXT_CHARS, Memory, MemorySource, Notebook, Summary
from memory.revising import SUMMARY_CHARS_MOST
from memory.rows import IMPORTANCE_MOST
from memory.standing import Standing

UIDS_MOST: Final = 500
_UID_CHARS: Final = 24
_STANDINGS: Final = [str(standing) for standing in Standing]
_ACTIONS: Final = ("approve", "reject", "forget")


class MemorySourceSerializer(serializers.ModelSerializer[MemorySource]):
    """A message that a memory was learnt from, and whether its chat shows it as it was read."""

    class Meta:
        model = MemorySource
        fields = ("chat", "message", "evidence", "live", "stale")


class MemorySerializer(serializers.ModelSerializer[Memory]):
    """One remembered fact. An empty text stands for what the character chose to forget."""

    id = serializers.CharField(source="uid")
    notebook = serializers.CharField(source="notebook_id")
    supersedes = serializers.CharField(source="supersedes_id", allow_null=True)
    importance = serializers.IntegerField()
    status = serializers.SerializerMethodField()
    sources = MemorySourceSerializer(many=True)

    class Meta:
        model = Memory
        fields = (
            "id",
            "notebook",
            "text",
            "status",
            "scope",
            "chat",
            "author",
            "importance",
            "pinned",
            "supersedes",
            "sources",
            "created_at",
            "retired_at",
            "recalled_at",
        )

    @extend_schema_field({"type": "string", "enum": _STANDINGS})
    def get_status(self, memory: Memory) -> str:
        """How it stands on the branches that are shown now."""
        return str(self.context["standing"][memory.uid])


class MemoryDetailSerializer(MemorySerializer):
    """A memory with all that it corrected and all that corrected it, the oldest first."""

    history = serializers.SerializerMethodField()

    class Meta(MemorySerializer.Meta):
        fields = (*MemorySerializer.Meta.fields, "history")  # type: ignore[assignment]

    @extend_schema_field(MemorySerializer(many=True))
    def get_history(self, memory: Memory) -> Any:
        return MemorySerializer(self.context["family"], many=True, context=self.context).data


class MemoryListSerializer(serializers.Serializer[dict[str, Any]]):
    """A page of memories, the newest first. `next_cursor` is null on the last one."""

    memories = MemorySerializer(many=True)
    count = serializers.IntegerField()
    next_cursor = serializers.CharField(allow_null=True)


class PlaceSerializer(serializers.Serializer[dict[str, Any]]):
    """Whose notebook: that of a chat, or what all chats with a character share, by uid."""

    character = serializers.CharField(max_length=_UID_CHARS, required=False)
    chat = serializers.CharField(max_length=_UID_CHARS, required=False)


class MemoryQuerySerializer(PlaceSerializer):
    """Which memories are asked for. `q` is words that all must be in the text."""

    q = serializers.CharField(max_length=200, required=False, allow_blank=True)
    status = serializers.ChoiceField(choices=_STANDINGS, required=False)
    cursor = serializers.CharField(max_length=_UID_CHARS, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class NewMemorySerializer(PlaceSerializer):
    """A fact to remember. With scope "chat" it holds in that chat only."""

    text = serializers.CharField(max_length=TEXT_CHARS)
    scope = serializers.ChoiceField(choices=("character", "chat"), default="character")
    importance = serializers.IntegerField(min_value=1, max_value=IMPORTANCE_MOST, default=5)
    pinned = serializers.BooleanField(default=False)


class MemoryChangeSerializer(serializers.Serializer[dict[str, Any]]):
    """What can be changed. Another text is another memory, which supersedes this one."""

    text = serializers.CharField(max_length=TEXT_CHARS, required=False)
    importance = serializers.IntegerField(min_value=1, max_value=IMPORTANCE_MOST, required=False)
    pinned = serializers.BooleanField(required=False)


class ForgettingSerializer(serializers.Serializer[dict[str, Any]]):
    """Whether to delete a memory with its whole history, so that no undo brings it back."""

    for_good = serializers.BooleanField(default=False)


class ManyMemoriesSerializer(PlaceSerializer):
    """What to do with several memories. Without `memories`, with all that wait for approval."""

    action = serializers.ChoiceField(choices=_ACTIONS)
    memories = serializers.ListField(
        child=serializers.CharField(max_length=_UID_CHARS), max_length=UIDS_MOST, required=False
    )


class ManyChangedSerializer(serializers.Serializer[dict[str, Any]]):
    """How many memories were changed."""

    changed = serializers.IntegerField()


class NotebookSerializer(serializers.ModelSerializer[Notebook]):
    """What a character may do with what it hears. `approve_first` counts for all characters."""

    id = serializers.CharField(source="uid", read_only=True)
    approve_first = serializers.SerializerMethodField()

    class Meta:
        model = Notebook
        fields = ("id", "character", "is_default", "remembers", "summarises", "approve_first")
        read_only_fields = ("character", "is_default")

    def get_approve_first(self, notebook: Notebook) -> bool:
        """Whether memories that the model wrote wait for approval."""
        return bool(self.context["approve_first"])


class NotebookChangeSerializer(PlaceSerializer):
    """The switches that are to change."""

    remembers = serializers.BooleanField(required=False)
    summarises = serializers.BooleanField(required=False)
    approve_first = serializers.BooleanField(required=False)


class SummarySerializer(serializers.ModelSerializer[Summary]):
    """What happened from one position of a chat to another.

    `live` says whether the chat shows that branch, `stale` that something in it was rewritten
    since. One whose author is "carried" came from an earlier chat and covers no message.
    """

    id = serializers.CharField(source="uid")
    level = serializers.IntegerField()
    first_position = serializers.IntegerField()
    last_position = serializers.IntegerField()
    tokens = serializers.IntegerField()

    class Meta:
        model = Summary
        fields = (
            "id",
            "chat",
            "level",
            "first_position",
            "last_position",
            "last_message",
            "text",
            "tokens",
            "author",
            "model",
            "pinned",
            "live",
            "stale",
            "created_at",
            "edited_at",
        )


class SummaryQuerySerializer(serializers.Serializer[dict[str, Any]]):
    """Whose summaries are asked for, and after which one to go on."""

    chat = serializers.CharField(max_length=_UID_CHARS)
    live = serializers.BooleanField(required=False, allow_null=True, default=None)
    page = serializers.IntegerField(min_value=1, max_value=100_000, default=1)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)


class SummaryListSerializer(serializers.Serializer[dict[str, Any]]):
    """One page of a chat's summaries, by place, the coarsest first."""

    summaries = SummarySerializer(many=True)
    count = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    limit = serializers.IntegerField()


class SummaryChangeSerializer(serializers.Serializer[dict[str, Any]]):
    """What can be changed of a summary."""

    text = serializers.CharField(max_length=SUMMARY_CHARS_MOST, required=False)
    pinned = serializers.BooleanField(required=False)
