"""Job: one piece of work that is to be done, under way, or over."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.ids import new_uid


class Job(models.Model):
    """The truth about a piece of work; a message of the queue only wakes somebody up.

    `kind` says what is done and `key` to what. At most one job of a kind and key is waiting or
    running; asking again while it runs sets `again`. `claim` names who holds it until
    `lease_expires_at`. `done` of `total` steps are behind it. `note` says why it ended without
    having done anything, `error` why it failed.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    uid = models.CharField(primary_key=True, max_length=24, default=new_uid, editable=False)
    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=60)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="jobs",
    )
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    again = models.BooleanField(default=False)
    attempts = models.PositiveSmallIntegerField(default=0)
    run_at = models.DateTimeField(default=timezone.now)
    claim = models.CharField(max_length=24, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    note = models.CharField(max_length=200, blank=True)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-uid",)
        indexes = (
            models.Index(fields=("run_at",), condition=Q(state="queued"), name="jobs_waiting"),
            models.Index(
                fields=("lease_expires_at",), condition=Q(state="running"), name="jobs_under_way"
            ),
            models.Index(fields=("user", "key"), name="jobs_of_user"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("kind", "key"),
                condition=Q(state__in=("queued", "running")),
                name="jobs_one_open",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
