"""Lorebook, its versions, and where it applies."""

from django.conf import settings
from django.db import models

from catalog.models import Project


class Lorebook(Project):
    """A lorebook. `book` is the whole of it as JSON of `lore.values.Book`, entries included.

    One document, because a book is read, compiled, exported and undone as a whole (ADR 9).
    `number` grows with every change and names the version in caches.
    """

    description = models.TextField(blank=True)
    book = models.JSONField(default=dict)
    number = models.PositiveIntegerField(default=1)
    entry_count = models.PositiveIntegerField(default=0)
    token_count = models.PositiveIntegerField(default=0)


class LorebookVersion(models.Model):
    """What a lorebook said before a change, for undo."""

    lorebook = models.ForeignKey(Lorebook, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    book = models.JSONField()
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(fields=("lorebook", "number"), name="lore_version_unique"),
        )

    def __str__(self) -> str:
        return f"{self.lorebook_id} v{self.number}"


class Binding(models.Model):
    """A lorebook in use by a person: everywhere, or with one character, persona or chat.

    `target` is the uid of that character, persona or chat, and "" for a global one.
    """

    class Scope(models.TextChoices):
        GLOBAL = "global", "Every chat"
        CHARACTER = "character", "One character"
        PERSONA = "persona", "One persona"
        CHAT = "chat", "One chat"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    lorebook = models.ForeignKey(Lorebook, on_delete=models.CASCADE, related_name="bindings")
    scope = models.CharField(max_length=10, choices=Scope.choices)
    target = models.CharField(max_length=24, blank=True, default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "scope", "target", "lorebook"), name="lore_binding_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.target}"
