"""Character, its scenarios, the original card, and what each user prefers."""

from django.conf import settings
from django.db import models

from catalog.models import Project
from core.ids import new_uid, short


class Character(Project):
    """A personality, with every field of a version 3 card. `number` names its current version.

    Names follow the card specification. `unknown` keeps root and data keys that no
    specification lists (`{"root": {...}, "data": {...}}`), so that nothing imported is lost.
    """

    nickname = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    personality = models.TextField(blank=True)
    scenario = models.TextField(blank=True)
    first_mes = models.TextField(blank=True)
    mes_example = models.TextField(blank=True)
    creator_notes = models.TextField(blank=True)
    creator_notes_multilingual = models.JSONField(default=dict, blank=True)
    system_prompt = models.TextField(blank=True)
    post_history_instructions = models.TextField(blank=True)
    alternate_greetings = models.JSONField(default=list, blank=True)
    group_only_greetings = models.JSONField(default=list, blank=True)
    character_book = models.JSONField(null=True, blank=True)
    creator = models.CharField(max_length=200, blank=True)
    character_version = models.CharField(max_length=200, blank=True)
    card_tags = models.JSONField(default=list, blank=True)
    assets = models.JSONField(null=True, blank=True)
    source = models.JSONField(default=list, blank=True)
    creation_date = models.BigIntegerField(null=True, blank=True)
    modification_date = models.BigIntegerField(null=True, blank=True)
    extensions = models.JSONField(default=dict, blank=True)
    unknown = models.JSONField(default=dict, blank=True)
    token_count = models.PositiveIntegerField(default=0)
    number = models.PositiveIntegerField(default=1)

    @property
    def spoken_name(self) -> str:
        """What `{{char}}` expands to."""
        return self.nickname or self.name


class CharacterVersion(models.Model):
    """A character as it was: its card (version 3, as JSON) under one number.

    The current version has a row too, so a chat that pinned a number always finds it.
    """

    character = models.ForeignKey(Character, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    card = models.JSONField()
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("character", "number"), name="characters_version_unique"
            ),
        )

    def __str__(self) -> str:
        return f"{self.character_id} v{self.number}"


class CardOriginal(models.Model):
    """The file a character was imported from, byte for byte.

    The files that came with a card are read out of it again whenever they are needed. `number`
    and `avatar` are the character's version and portrait that say what the file says; both are
    unknown (None and "") for characters imported before these were noted.
    """

    character = models.OneToOneField(Character, on_delete=models.CASCADE, related_name="original")
    filename = models.CharField(max_length=255, blank=True)
    media_type = models.CharField(max_length=60)
    sha256 = models.CharField(max_length=64, db_index=True)
    data = models.BinaryField()
    number = models.PositiveIntegerField(null=True, blank=True)
    avatar = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.filename or self.sha256[:12]


class Scenario(models.Model):
    """A situation to meet a character in: context for the model and, if set, its own greeting."""

    uid = models.CharField(max_length=24, unique=True, default=new_uid, editable=False)
    character = models.ForeignKey(Character, on_delete=models.CASCADE, related_name="scenarios")
    title = models.CharField(max_length=120)
    context = models.TextField(blank=True)
    greeting = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("position", "id")

    def __str__(self) -> str:
        return self.title

    @property
    def short_id(self) -> str:
        return short(self.uid)

    @property
    def label(self) -> str:
        """`Title [short]`: how programs name it in `model`."""
        return f"{self.title} [{self.short_id}]"


class CharacterPreference(models.Model):
    """How one user likes one character: which model answers, how bold, how long."""

    class Intensity(models.TextChoices):
        DEFAULT = "", "As the character is"
        NONE = "none", "None"
        MILD = "mild", "Mild"
        FULL = "full", "Full"

    class Narration(models.TextChoices):
        DEFAULT = "", "As the character is"
        FIRST = "first_person", "First person"
        THIRD = "third_person", "Third person"
        DIALOGUE = "dialogue", "Dialogue only"

    class Length(models.TextChoices):
        DEFAULT = "", "As the character is"
        SHORT = "short", "Short"
        MEDIUM = "medium", "Medium"
        LONG = "long", "Long"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    character = models.ForeignKey(Character, on_delete=models.CASCADE)
    model = models.ForeignKey("llm.Model", null=True, blank=True, on_delete=models.SET_NULL)
    nsfw_intensity = models.CharField(max_length=20, blank=True, choices=Intensity.choices)
    narration_style = models.CharField(max_length=20, blank=True, choices=Narration.choices)
    response_length = models.CharField(max_length=20, blank=True, choices=Length.choices)
    sampling = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("user", "character"), name="characters_preference_unique"
            ),
        )

    def __str__(self) -> str:
        return f"preference {self.pk}"
