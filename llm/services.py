"""Adding providers and models, and choosing the default."""

import re
from collections.abc import Iterable
from typing import Any, Final

from django.db import transaction

from core.errors import Conflict, Invalid, NotFound
from engine.providers.base import UpstreamModel
from llm import registry
from llm.models import UNIT, Model, Provider

UNDERSTUDY_SLUG: Final = "understudy"
UNDERSTUDY_MODEL: Final = "reverie/understudy"


def add_provider(
    *,
    slug: str,
    name: str,
    kind: str,
    base_url: str = "",
    api_key: str = "",
    options: dict[str, Any] | None = None,
) -> Provider:
    """Add an upstream, or change the one with this slug."""
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
            "enabled": True,
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
) -> Model:
    """Put a model on the list. Raises Conflict if another provider has that slug."""
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
            "enabled": True,
        },
    )
    registry.forget()
    return model


def import_models(
    provider: Provider,
    offered: Iterable[UpstreamModel],
    *,
    context_tokens: int = 8192,
    multiplier_micro: int = UNIT,
) -> list[Model]:
    """Add what an upstream offers and is not listed yet. Prices of known models stay."""
    added = []
    for upstream in offered:
        slug = upstream.name if "/" in upstream.name else f"{provider.slug}/{upstream.name}"
        if Model.objects.filter(slug=slug).exists():
            continue
        added.append(
            add_model(
                slug=slug,
                provider=provider,
                upstream_name=upstream.name,
                context_tokens=upstream.context_tokens or context_tokens,
                multiplier_micro=multiplier_micro,
            )
        )
    return added


def set_default(slug: str) -> Model:
    """Make this the model that answers when nobody chose one."""
    with transaction.atomic():
        model = Model.objects.filter(slug=slug).first()
        if model is None:
            raise NotFound(f"There is no model {slug}.", code="model_not_found")
        Model.objects.filter(is_default=True).update(is_default=False)
        Model.objects.filter(pk=model.pk).update(is_default=True, enabled=True)
    registry.forget()
    return model


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
