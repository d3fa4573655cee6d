"""Notebooks, memories, summaries, vectors. Chats, messages and characters are named by uids.

`MemorySource.live` and `Summary.live` say whether the message they hang on is on the path that
its chat shows now. The chats keep them so, in the transaction that changes a path.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.ids import new_uid

TEXT_CHARS = 1000


class Notebook(models.Model):
    """What one character knows of one person. A chat points to one.

    Chats share the default one; a fork has its own, so that neither timeline hears of the other.
    `version` grows with every change of what can be remembered, also when a chat's path changes.
    """

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notebooks"
    )
    character = models.CharField(max_length=24)
    is_default = models.BooleanField(default=True)
    remembers = models.BooleanField(default=True)
    summarises = models.BooleanField(default=True)
    version = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "character"),
                condition=Q(is_default=True),
                name="memory_default_notebook",
            ),
        )

    def __str__(self) -> str:
        return self.uid


class Memory(models.Model):
    """One remembered fact. It is never overwritten: a correction is a memory that `supersedes` it.

    `status` is what was decided about this row. Whether it counts is worked out from it, from its
    sources and from its successors (`memory.standing`): on a branch that never saw the
    correction, what it corrects still holds. An empty text supersedes to forget. A copy of a fork
    or of a chat that carries on names in `origin` what it was first copied from.
    """

    class Scope(models.TextChoices):
        CHARACTER = "character", "Every chat with this character"
        CHAT = "chat", "This chat only"
        ROOM = "room", "This room only"

    class Status(models.TextChoices):
        PROPOSED = "proposed"
        ACTIVE = "active"
        RETIRED = "retired"
        REJECTED = "rejected"

    class Author(models.TextChoices):
        PERSON = "person"
        MODEL = "model"
        EXTRACTION = "extraction"

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    notebook = models.ForeignKey(Notebook, on_delete=models.CASCADE, related_name="memories")
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.CHARACTER)
    chat = models.CharField(max_length=24, blank=True)
    text = models.CharField(max_length=TEXT_CHARS, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    author = models.CharField(max_length=10, choices=Author.choices)
    importance = models.PositiveSmallIntegerField(default=5)
    pinned = models.BooleanField(default=False)
    supersedes = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="successors"
    )
    origin = models.CharField(max_length=24, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    retired_at = models.DateTimeField(null=True, blank=True)
    recalled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("uid",)
        verbose_name_plural = "memories"
        constraints = (
            models.CheckConstraint(
                condition=Q(importance__gte=1, importance__lte=10), name="memory_importance"
            ),
        )

    def __str__(self) -> str:
        return self.uid


class MemorySource(models.Model):
    """A place that a memory was learnt from. One live source is enough; without any it just holds.

    `message` is the last message of the place, and `evidence` are the uids of all that it was
    read from. `stale` is set when one of them was rewritten.
    """

    memory = models.ForeignKey(Memory, on_delete=models.CASCADE, related_name="sources")
    chat = models.CharField(max_length=24)
    message = models.CharField(max_length=24)
    evidence = models.JSONField(default=list)
    live = models.BooleanField(default=True)
    stale = models.BooleanField(default=False)

    class Meta:
        ordering = ("id",)
        indexes = (models.Index(fields=("chat",), name="memory_source_chat"),)
        constraints = (
            models.UniqueConstraint(fields=("memory", "message"), name="memory_source_unique"),
        )

    def __str__(self) -> str:
        return self.message


class Summary(models.Model):
    """What happened in a stretch of one branch of a chat, `first_position` to `last_position`.

    Level 0 is written from messages, a higher one from those of the level below. `last_message`
    names the branch: a tree has one way to it. `stale` is set when something it covers was
    rewritten. A carried one came from another chat and stands before everything; its positions
    are 0 and -1 and its `last_message` is "".
    """

    class Author(models.TextChoices):
        MODEL = "model"
        PERSON = "person"
        CARRIED = "carried"

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    notebook = models.ForeignKey(Notebook, on_delete=models.CASCADE, related_name="summaries")
    chat = models.CharField(max_length=24)
    level = models.PositiveSmallIntegerField(default=0)
    first_position = models.IntegerField()
    last_position = models.IntegerField()
    last_message = models.CharField(max_length=24, blank=True)
    text = models.TextField()
    tokens = models.PositiveIntegerField(default=0)
    author = models.CharField(max_length=8, choices=Author.choices, default=Author.MODEL)
    model = models.CharField(max_length=200, blank=True)
    pinned = models.BooleanField(default=False)
    live = models.BooleanField(default=True)
    stale = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("first_position", "-level", "uid")
        verbose_name_plural = "summaries"
        constraints = (
            models.UniqueConstraint(
                fields=("chat", "level", "first_position", "last_message"),
                name="memory_summary_unique",
            ),
        )

    def __str__(self) -> str:
        return self.uid


class Reading(models.Model):
    """That the branch of a chat that ends in `message` was read for memories up to there."""

    chat = models.CharField(max_length=24)
    message = models.CharField(max_length=24, unique=True)
    position = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = (models.Index(fields=("chat", "position"), name="memory_reading_place"),)

    def __str__(self) -> str:
        return self.message


class IndexBlock(models.Model):
    """A stretch of the shown path of a chat as `memory.recall` reads it, so that it is read once.

    Blocks that hold a position which changed are deleted with the change.
    """

    chat = models.CharField(max_length=24)
    first_position = models.PositiveIntegerField()
    last_position = models.PositiveIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("chat", "first_position"), name="memory_block_unique"),
        )

    def __str__(self) -> str:
        return f"{self.chat} {self.first_position}"


class Vector(models.Model):
    """The embedding of one piece of a text: of a message, of a memory or of a lore entry.

    Each person has their own, also of a lorebook that several use. `scope` is the chat, notebook
    or lorebook in which it is looked for, `owner` the message, memory or entry it was made from.
    `model` is the name of what made it: vectors of different models cannot be compared. `data` is
    float16, little-endian, of length 1. A row is never changed: a text that changed gets a new
    row, so that ids tell what is new.
    """

    class Kind(models.TextChoices):
        PASSAGE = "passage"
        MEMORY = "memory"
        LORE = "lore"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="vectors", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    scope = models.CharField(max_length=24)
    owner = models.CharField(max_length=64)
    piece = models.PositiveIntegerField(default=0)
    model = models.CharField(max_length=260)
    digest = models.CharField(max_length=32)
    data = models.BinaryField()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "kind", "scope", "model", "owner", "piece"),
                name="memory_vector_unique",
            ),
        )
        indexes = (models.Index(fields=("scope",), name="memory_vector_scope"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.owner} {self.piece}"
