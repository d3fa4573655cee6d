"""Providers and the models they serve."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from engine.instruct import TEMPLATES
from llm.prices import MULTIPLIER_MOST, UNIT

CONTEXT_MOST = 100_000_000


class Provider(models.Model):
    """An upstream that serves models. The key is kept for calling it and is never shown."""

    class Kind(models.TextChoices):
        OPENAI_LIKE = "openai_like", "OpenAI-compatible address"
        LLAMA_CPP = "llama_cpp", "Embedded llama.cpp (a GGUF file)"
        UNDERSTUDY = "understudy", "Understudy (scripted, not an AI model)"

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=20, choices=Kind.choices)
    base_url = models.CharField(blank=True, max_length=500)
    api_key = models.CharField(max_length=500, blank=True)
    options = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.name


class Model(models.Model):
    """A model that people may be answered by, or another one, what it can do and what it costs.

    `slug` is what the catalogue lists (`vendor/name`); `upstream_name` is what the provider
    calls it. Multipliers are credits per token in millionths: 1_000_000 means one credit a token.
    An ability is yes, no, or unknown, where nobody said: then what is asked is passed on.
    `listed` is what the provider's list last said of it; what differs from that, somebody edited.
    """

    slug = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=120, blank=True)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models")
    upstream_name = models.CharField(max_length=200)
    context_tokens = models.PositiveIntegerField(
        default=8192, validators=[MinValueValidator(512), MaxValueValidator(CONTEXT_MOST)]
    )
    reply_tokens = models.PositiveIntegerField(default=1024, validators=[MinValueValidator(16)])
    input_multiplier_micro = models.PositiveBigIntegerField(
        default=UNIT, validators=[MaxValueValidator(MULTIPLIER_MOST)]
    )
    output_multiplier_micro = models.PositiveBigIntegerField(
        default=UNIT, validators=[MaxValueValidator(MULTIPLIER_MOST)]
    )
    free = models.BooleanField(
        default=False, help_text="It costs nothing, whatever its prices; a limit counts instead."
    )
    min_plan_rank = models.PositiveSmallIntegerField(
        default=0, help_text="The rank that a person's plan must have at least. 0 is everybody."
    )
    answers = models.BooleanField(
        default=True, help_text="Off for what makes pictures, speech or video and does not talk."
    )
    supports_tools = models.BooleanField(null=True, blank=True)
    supports_json_schema = models.BooleanField(null=True, blank=True)
    supports_vision = models.BooleanField(null=True, blank=True)
    supports_completion = models.BooleanField(
        default=False, help_text="It goes on with a bare text, not only with a conversation."
    )
    makes_images = models.BooleanField(default=False)
    makes_speech = models.BooleanField(default=False)
    makes_video = models.BooleanField(default=False)
    template = models.CharField(
        max_length=40,
        blank=True,
        choices=[(name, name) for name in TEMPLATES],
        help_text="For models that only complete text: how a conversation is written for them.",
    )
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    is_embedding = models.BooleanField(
        default=False,
        help_text="It turns texts into vectors instead of answering, so nobody can talk to it.",
    )
    is_embedder = models.BooleanField(default=False)
    dimensions = models.PositiveIntegerField(
        default=0, help_text="Numbers in each of its vectors. Found out at the first use."
    )
    token_ratio_permille = models.PositiveIntegerField(default=1000)
    listed = models.JSONField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.UniqueConstraint(
                fields=("is_default",), condition=Q(is_default=True), name="llm_one_default_model"
            ),
            models.UniqueConstraint(
                fields=("is_embedder",), condition=Q(is_embedder=True), name="llm_one_embedder"
            ),
        )

    def __str__(self) -> str:
        return self.slug
