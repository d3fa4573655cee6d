"""Project, the listing row, Tag, and what was imported already."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Upper

from core.ids import new_uid, short


class Tag(models.Model):
    namespace = models.CharField(max_length=40, blank=True, default="")
    name = models.CharField(max_length=80)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=("namespace", "name"), name="catalog_tag_unique"),
        )

    def __str__(self) -> str:
        return self.name


class Project(models.Model):
    """What a listing shows, whatever the kind of thing: owner, name, tags, who may see it.

    `id` is the integer that the resource API speaks; `uid` is the id used everywhere else.
    """

    class Visibility(models.TextChoices):
        PRIVATE = "private", "Private: only you"
        UNLISTED = "unlisted", "Unlisted: anyone with the link"
        PUBLIC = "public", "Public: listed for everybody here"

    uid = models.CharField(max_length=24, unique=True, default=new_uid, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="projects"
    )
    name = models.CharField(max_length=200)
    tagline = models.CharField(max_length=200, blank=True)
    nsfw = models.BooleanField(default=False)
    visibility = models.CharField(
        max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="projects")
    avatar = models.CharField(max_length=200, blank=True)
    hue = models.PositiveSmallIntegerField(default=0)
    trashed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = (
            models.Index(fields=("owner", "-updated_at"), name="catalog_project_by_owner"),
            models.Index(fields=("visibility", "-id"), name="catalog_project_listed"),
            models.Index(fields=("name",), name="catalog_project_by_name"),
            models.Index(Upper("name"), name="catalog_project_by_upper"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def short_id(self) -> str:
        return short(self.uid)

    @property
    def label(self) -> str:
        """`Name [short]`: how programs name it in `model`."""
        return f"{self.name} [{self.short_id}]"


class ImportedFile(models.Model):
    """Something in a file that was taken in, so that the same file is not taken in twice.

    `digest` is SHA-256 in hexadecimal of what tells it from others of its kind; `target` is the
    uid of what it became, "" if that is no row of its own.
    """

    class Kind(models.TextChoices):
        LOREBOOK = "lorebook"
        PERSONA = "persona"
        SETTINGS = "settings"
        CHAT = "chat"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    digest = models.CharField(max_length=64)
    target = models.CharField(max_length=24, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "kind", "digest"), name="catalog_imported_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.digest[:12]}"
