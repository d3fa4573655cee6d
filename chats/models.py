"""Chat, the Message tree and Turn. Rules live in `tree`, `sync` and `turns`."""

from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.ids import new_uid


class Surface(models.TextChoices):
    """Where a turn came from."""

    WEB = "web"
    API = "api"
    ROOM = "room"
    MCP = "mcp"
    BOT = "bot"


class Chat(models.Model):
    """One conversation of one user with one character.

    `lane_key` names the (key, character, scenario, lane) whose current chat this is; it is
    unique, and null for chats that no lane points to. `turn` and `lease_expires_at` are the
    lease: at most one turn runs at a time. `version` grows with every committed change.

    `character_number` is the version of the character that the chat holds to; 0 follows the
    character as it changes. `note` is the author's note, JSON of `engine.parts.Note`;
    `custom_prompt` and `scenario_text` stand in for the card's own.

    `path_version` grows when the shown path changes otherwise than by growing at its end.
    """

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, db_index=False, on_delete=models.CASCADE, related_name="chats"
    )
    character = models.ForeignKey(
        "characters.Character", on_delete=models.PROTECT, related_name="chats"
    )
    scenario = models.ForeignKey(
        "characters.Scenario", null=True, blank=True, on_delete=models.SET_NULL
    )
    api_key = models.ForeignKey("accounts.ApiKey", null=True, blank=True, on_delete=models.SET_NULL)
    lane_key = models.CharField(max_length=400, null=True, blank=True, unique=True)
    persona = models.ForeignKey(
        "personas.Persona", null=True, blank=True, on_delete=models.SET_NULL
    )
    character_number = models.PositiveIntegerField(default=0)
    note = models.JSONField(default=dict, blank=True)
    custom_prompt = models.TextField(blank=True)
    scenario_text = models.TextField(blank=True)
    title = models.CharField(max_length=200, blank=True)
    draft = models.TextField(blank=True)
    last_line = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=0)
    path_version = models.PositiveIntegerField(default=0)
    notebook = models.ForeignKey(
        "memory.Notebook", null=True, blank=True, on_delete=models.SET_NULL, related_name="chats"
    )
    turn = models.CharField(max_length=24, blank=True, default="")
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    forked_from = models.CharField(max_length=24, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    active_at = models.DateTimeField(auto_now_add=True)
    trashed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(fields=("user", "-active_at"), name="chats_chat_recent"),
            # Without `active_at`, which every turn moves.
            models.Index(fields=("user", "character"), name="chats_chat_of_char"),
        )

    def __str__(self) -> str:
        return self.uid


class Message(models.Model):
    """A node of a chat's tree. Siblings are versions of one another.

    `position` is the depth. `chosen` marks the one sibling that is shown when its parent is;
    `active` marks the messages on the path that is shown now, so a window of a long chat is
    one indexed query. A trashed message keeps its place; `trash` names what was deleted with it.
    `hidden` messages are shown to people and kept out of prompts.

    `state` is what lasts on this branch from here on: variables and timed lore (`chats.state`).
    `extra` keeps what an imported file said beside, for export (`chats.kept`). `tool_calls` are
    the client's tools that a reply called, as `engine.tools.ToolCall`, with what they answered.
    """

    class Role(models.TextChoices):
        USER = "user"
        ASSISTANT = "assistant"
        SYSTEM = "system"

    class Status(models.TextChoices):
        COMPLETE = "complete"
        PARTIAL = "partial"

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    chat = models.ForeignKey(
        Chat, db_index=False, on_delete=models.CASCADE, related_name="messages"
    )
    parent = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies"
    )
    position = models.PositiveIntegerField()
    active = models.BooleanField(default=True)
    chosen = models.BooleanField(default=True)
    hidden = models.BooleanField(default=False)
    role = models.CharField(max_length=10, choices=Role.choices)
    speaker = models.CharField(max_length=200, blank=True)
    content = models.TextField()
    reasoning = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.COMPLETE)
    finish_reason = models.CharField(max_length=20, blank=True)
    model = models.CharField(max_length=200, blank=True)
    surface = models.CharField(max_length=8, choices=Surface.choices, default=Surface.WEB)
    turn = models.CharField(max_length=24, blank=True, default="")
    state = models.JSONField(null=True, blank=True)
    tool_calls = models.JSONField(null=True, blank=True)
    extra = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True)
    trashed_at = models.DateTimeField(null=True, blank=True)
    trash = models.CharField(max_length=24, blank=True, default="")

    # Set by `queries.window` only: which of how many versions this one is.
    version_index = 1
    version_count = 1

    class Meta:
        ordering = ("position", "uid")
        indexes = (
            # Serves the chat's key too. `active` is last, where SQLite can test `WHERE active`
            # without a look at the row: it does not see that this means `active = 1`.
            models.Index(fields=("chat", "position", "active"), name="chats_message_path"),
            models.Index(
                fields=("trashed_at",), condition=Q(trashed_at__isnull=False), name="chats_trash"
            ),
        )

    def __str__(self) -> str:
        return self.uid


class Revision(models.Model):
    """What a message said before it was edited in place."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="revisions")
    content = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"revision {self.pk}"


class ChatSource(models.Model):
    """A file that a chat, or one of its branches, was read from. `number` 0 is the chat itself.

    `end` is the uid of its last message. `said` is the file as `chats.files.ChatFile` without
    messages: what the chat has no place for goes back into an export.
    """

    chat = models.ForeignKey(Chat, on_delete=models.CASCADE, related_name="sources")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200, blank=True)
    end = models.CharField(max_length=24)
    said = models.JSONField(default=dict)

    class Meta:
        ordering = ("number",)
        constraints = (
            models.UniqueConstraint(fields=("chat", "number"), name="chats_source_unique"),
        )

    def __str__(self) -> str:
        return self.title or f"source {self.number}"


class Cost(NamedTuple):
    """What a reply used and cost, over all the turns that wrote a part of it."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    amount_micro: int = 0
    estimated: bool = False

    def plus(self, turn: "Turn") -> "Cost":
        return Cost(
            self.prompt_tokens + turn.prompt_tokens,
            self.completion_tokens + turn.completion_tokens,
            self.amount_micro + turn.amount_micro,
            self.estimated or turn.estimated,
        )


class Turn(models.Model):
    """One request for a reply, from reserve to settle.

    `reply` is the uid the reply has or will have. `partial` is the text so far as of the last
    heartbeat: what survives when the process is killed. `changes` are those to the notebook that
    the reply asked for (`memory.tools.Change`), and once it is closed those that were made
    (`memory.changes.Made`).
    """

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        PARTIAL = "partial"
        VOIDED = "voided"

    class Kind(models.TextChoices):
        REPLY = "reply"
        REGENERATE = "regenerate"
        CONTINUE = "continue"

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    # Every reply writes a row: no index that nobody searches by.
    chat = models.ForeignKey(Chat, db_index=False, on_delete=models.CASCADE, related_name="turns")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, db_index=False, on_delete=models.CASCADE)
    api_key = models.ForeignKey(
        "accounts.ApiKey", null=True, blank=True, db_index=False, on_delete=models.SET_NULL
    )
    surface = models.CharField(max_length=8, choices=Surface.choices)
    kind = models.CharField(max_length=12, choices=Kind.choices, default=Kind.REPLY)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    parent = models.ForeignKey(Message, null=True, on_delete=models.SET_NULL, related_name="+")
    reply = models.CharField(max_length=24)
    idempotency_key = models.CharField(max_length=200, null=True, unique=True)  # noqa: DJ001
    fingerprint = models.CharField(max_length=64, blank=True)
    model = models.CharField(max_length=200)
    node = models.CharField(max_length=24)
    lease_expires_at = models.DateTimeField()
    partial = models.TextField(blank=True)
    sync = models.CharField(max_length=40, blank=True)
    finish_reason = models.CharField(max_length=20, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.CharField(max_length=500, blank=True)
    prompt_tokens = models.PositiveIntegerField(default=0)
    completion_tokens = models.PositiveIntegerField(default=0)
    estimated = models.BooleanField(default=False)
    amount_micro = models.BigIntegerField(default=0)
    manifest = models.JSONField(null=True, blank=True)
    changes = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)

    # Set by `queries.receipts` only: what the manifest says of whose place the model took, and
    # what the whole reply cost.
    fallback: "dict[str, str] | None" = None
    cost: "Cost | None" = None

    class Meta:
        indexes = (
            models.Index(fields=("chat", "-uid"), name="chats_turn_by_chat"),
            models.Index(
                fields=("lease_expires_at",), condition=Q(state="running"), name="chats_turn_open"
            ),
        )

    def __str__(self) -> str:
        return self.uid
