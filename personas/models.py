"""Persona: who a person is in a conversation."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.ids import new_number, new_uid, short
from personas.backup import Position


class Persona(models.Model):
    """A name and a description that stand for a person. `{{user}}` becomes the name.

    `position`, `depth` and `role` say where in the prompt the description goes. `unknown` keeps
    what an imported backup said beside, for export; `key` is its name there. `number` is the
    integer that the resource API speaks; `uid` is the id used everywhere else.
    """

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    number = models.BigIntegerField(unique=True, default=new_number, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="personas"
    )
    name = models.CharField(max_length=200)
    title = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    avatar = models.CharField(max_length=200, blank=True)
    hue = models.PositiveSmallIntegerField(default=0)
    position = models.PositiveSmallIntegerField(
        default=Position.IN_PROMPT,
        choices=[
            (int(Position.IN_PROMPT), "In the prompt"),
            (int(Position.NOTE_TOP), "At the top of the author's note"),
            (int(Position.NOTE_BOTTOM), "At the bottom of the author's note"),
            (int(Position.AT_DEPTH), "Among the messages, at a depth"),
            (int(Position.NOWHERE), "Nowhere: only the name is used"),
        ],
    )
    depth = models.PositiveSmallIntegerField(default=2)
    role = models.PositiveSmallIntegerField(
        default=0, choices=[(0, "System"), (1, "User"), (2, "Assistant")]
    )
    is_default = models.BooleanField(default=False)
    key = models.CharField(max_length=200, blank=True)
    unknown = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name", "uid")
        constraints = (
            models.UniqueConstraint(
                fields=("owner",), condition=Q(is_default=True), name="personas_one_default"
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def short_id(self) -> str:
        return short(self.uid)


class PersonaLock(models.Model):
    """The persona that a person always wears with one character, by the character's uid."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    persona = models.ForeignKey(Persona, on_delete=models.CASCADE, related_name="locks")
    character = models.CharField(max_length=24)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("user", "character"), name="personas_lock_unique"),
        )

    def __str__(self) -> str:
        return f"{self.persona_id} for {self.character}"
