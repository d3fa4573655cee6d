"""Adding providers and models, and choosing the default."""

import re
from typing import Any, Final

from django.db import transaction

from core.errors import Conflict, Invalid, NotFound
from llm import registry
from llm.models import Model, Provider
from llm.prices import UNIT

FREE_MODEL: Final = "meta-llama/llama-3.1-8b-instruct"
"""What is free unless an operator says otherwise, wherever it is served."""
UNDERSTUDY_SLUG: Final = "understudy"
UNDERSTUDY_MODEL: Final = "reverie/understudy"
_EMBEDDING_NAMES: Final = re.compile(r"embed|(^|[/:_-])(bge|e5|gte|all-minilm|paraphrase)([:_-]|$)")


def add_provider(
    *,
    slug: str,
    name: str,
    kind: str,
    base_url: str = "",
    api_key: str = "",
    options: dict[str, Any] | None = None,
) -> Provider:
    """Add an upstream, or change the one with this slug. One that is switched off stays off."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,48}", slug):
        raise Invalid("A provider's slug has lower-case letters, digits and dashes.", param="slug")
    provider, _ = Provider.objects.update_or_create(
        slug=slug,
        defaults={
            "name": name,
            "kind": kind,
            "base_url": base_url,
            "api_key": api_key,
            "options": options or {},
        },
    )
    registry.forget()
    return provider


def add_model(
    *,
    slug: str,
    provider: Provider,
    upstream_name: str,
    context_tokens: int = 8192,
    reply_tokens: int = 1024,
    multiplier_micro: int = UNIT,
    free: bool = False,
    is_embedding: bool = False,
) -> Model:
    """Put a model on the list, or change it; one that is switched off stays off.

    Raises Conflict if another provider has that slug.
    """
    existing = Model.objects.filter(slug=slug).first()
    if existing is not None and existing.provider_id != provider.pk:
        raise Conflict(f"{slug} is served by {existing.provider.slug} already.", param="slug")
    model, _ = Model.objects.update_or_create(
        slug=slug,
        defaults={
            "provider": provider,
            "upstream_name": upstream_name,
            "context_tokens": context_tokens,
            "reply_tokens": reply_tokens,
            "input_multiplier_micro": multiplier_micro,
            "output_multiplier_micro": multiplier_micro,
            "free": free,
            "is_embedding": is_embedding,
        },
    )
    registry.forget()
    return model


def makes_embeddings(upstream_name: str) -> bool:
    """Whether a model is an embedding model, by its name: lists of models do not say."""
    return _EMBEDDING_NAMES.search(upstream_name.lower()) is not None


def set_default(slug: str) -> Model:
    """Make this the model that answers when nobody chose one."""
    with transaction.atomic():
        model = Model.objects.filter(slug=slug).first()
        if model is None:
            raise NotFound(f"There is no model {slug}.", code="model_not_found")
        if model.is_embedding or not model.answers:
            raise Invalid(f"{slug} does not talk; it cannot answer.", param="slug")
        Model.objects.filter(is_default=True).update(is_default=False)
        Model.objects.filter(pk=model.pk).update(is_default=True, enabled=True)
    registry.forget()
    return model


def set_embedder(slug: str | None) -> Model | None:
    """Make this the model whose vectors recall compares, or with None, no provider's model."""
    with transaction.atomic():
        model = Model.objects.filter(slug=slug).first() if slug else None
        if slug and model is None:
            raise NotFound(f"There is no model {slug}.", code="model_not_found")
        Model.objects.filter(is_embedder=True).update(is_embedder=False)
        if model is not None:
            Model.objects.filter(pk=model.pk).update(
                is_embedder=True, is_embedding=True, is_default=False, enabled=True
            )
            model.refresh_from_db()
    registry.forget()
    return model


def forget_dimensions(slug: str) -> None:
    """Take whatever length a model's vectors have from now on: another one goes by its name."""
    Model.objects.filter(slug=slug).update(dimensions=0)
    registry.forget()


def note_dimensions(slug: str, dimensions: int) -> None:
    """Remember how long a model's vectors are, the first time it made some."""
    if Model.objects.filter(slug=slug, dimensions=0).update(dimensions=dimensions):
        registry.forget()


def ensure_understudy() -> Model:
    """The scripted stand-in, free of charge, so that there is always somebody to answer."""
    provider, _ = Provider.objects.get_or_create(
        slug=UNDERSTUDY_SLUG,
        defaults={"name": "Understudy", "kind": Provider.Kind.UNDERSTUDY},
    )
    model, _ = Model.objects.get_or_create(
        slug=UNDERSTUDY_MODEL,
        defaults={
            "name": "Understudy (not an AI model)",
            "provider": provider,
            "upstream_name": "understudy",
            "free": True,
        },
    )
    if not Model.objects.filter(is_default=True, enabled=True).exists():
        set_default(model.slug)
    registry.forget()
    return model
