"""Providers and the models they serve."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from engine.instruct import TEMPLATES

UNIT = 1_000_000


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
    """An LLM that people may be answered by, and what it costs.

    `slug` is what the catalogue lists (`vendor/name`); `upstream_name` is what the provider
    calls it. Multipliers are credits per token in millionths: 1_000_000 means one credit a token.
    """

    slug = models.CharField(max_length=200, unique=True)
    name = models.CharField(max_length=120, blank=True)
    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models")
    upstream_name = models.CharField(max_length=200)
    context_tokens = models.PositiveIntegerField(default=8192, validators=[MinValueValidator(512)])
    reply_tokens = models.PositiveIntegerField(default=1024, validators=[MinValueValidator(16)])
    input_multiplier_micro = models.PositiveBigIntegerField(default=UNIT)
    output_multiplier_micro = models.PositiveBigIntegerField(default=UNIT)
    free = models.BooleanField(default=False)
    supports_tools = models.BooleanField(default=False)
    template = models.CharField(
        max_length=40,
        blank=True,
        choices=[(name, name) for name in TEMPLATES],
        help_text="For models that only complete text: how a conversation is written for them.",
    )
    enabled = models.BooleanField(default=True)
    is_default = models.BooleanField(default=False)
    token_ratio_permille = models.PositiveIntegerField(default=1000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("slug",)
        constraints = (
            models.UniqueConstraint(
                fields=("is_default",), condition=Q(is_default=True), name="llm_one_default_model"
            ),
        )

    def __str__(self) -> str:
        return self.slug
