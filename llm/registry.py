"""The models of this process: what the tables say, at most a second old, and live providers."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, Final, NamedTuple

from django.db.models import Q

from core.errors import Terminal, Unavailable
from engine.embedding.base import Embedder
from engine.embedding.openai_like import OpenAILikeEmbedder
from engine.providers.base import Provider as EngineProvider
from engine.providers.llama_cpp import LlamaCpp
from engine.providers.openai_like import OpenAILike
from engine.providers.understudy import Understudy
from llm.models import Model, Provider

FRESH_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """How to reach an upstream. Two specs are equal when one connection serves both.

    A row and when it changed say that; options may hold lists, which have no hash.
    """

    id: int
    updated_at: datetime
    slug: str = field(compare=False)
    kind: str = field(compare=False)
    name: str = field(compare=False)
    base_url: str = field(compare=False)
    api_key: str = field(compare=False)
    options: tuple[tuple[str, Any], ...] = field(compare=False)

    def __repr__(self) -> str:
        return f"ProviderSpec({self.slug})"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One enabled model of an enabled provider, as a value."""

    slug: str
    name: str
    upstream_name: str
    provider: ProviderSpec
    context_tokens: int
    reply_tokens: int
    input_multiplier_micro: int
    output_multiplier_micro: int
    free: bool
    supports_tools: bool | None
    is_default: bool
    created: int
    template: str = ""
    is_embedding: bool = False
    is_embedder: bool = False
    dimensions: int = 0
    min_plan_rank: int = 0
    answers: bool = True
    supports_json_schema: bool | None = None
    supports_vision: bool | None = None
    supports_completion: bool = False
    makes_images: bool = False
    makes_speech: bool = False
    makes_video: bool = False

    @property
    def provider_slug(self) -> str:
        return self.provider.slug

    @property
    def is_scripted(self) -> bool:
        """Whether this is the understudy, who is no AI model."""
        return self.provider.kind == Provider.Kind.UNDERSTUDY

    @property
    def abilities(self) -> tuple[str, ...]:
        """What it is known to do."""
        able = (
            ("tools", self.supports_tools and not self.template),
            ("json_schema", self.supports_json_schema and not self.template),
            ("vision", self.supports_vision),
            ("completion", self.supports_completion or self.template),
            ("embeddings", self.is_embedding),
            ("image", self.makes_images),
            ("speech", self.makes_speech),
            ("video", self.makes_video),
        )
        return tuple(name for name, is_so in able if is_so)


class Missing(NamedTuple):
    """A model of the catalogue that cannot answer, and whether it is only switched off."""

    slug: str
    is_off: bool


_specs: dict[str, ModelSpec] = {}
_default_off: str = ""
_read_at = -inf
_forgotten = 0
_providers: dict[tuple[int, ProviderSpec], EngineProvider] = {}
_instead: dict[str, EngineProvider] = {}
_embed_instead: dict[str, Embedder] = {}


def forget() -> None:
    """Read the tables again at the next look."""
    global _forgotten, _read_at  # noqa: PLW0603 - the cache belongs to the process
    _forgotten += 1
    _read_at = -inf


def reset() -> None:
    """Forget everything, stand-ins included."""
    forget()
    _instead.clear()
    _embed_instead.clear()


def serve_instead(provider_slug: str, provider: EngineProvider) -> None:
    """Let this adapter answer for a provider until `reset`: how tests script an upstream."""
    _instead[provider_slug] = provider


def embed_instead(provider_slug: str, embedder: Embedder) -> None:
    """Let this embedder stand in for those of a provider until `reset`."""
    _embed_instead[provider_slug] = embedder


def _all() -> dict[str, ModelSpec]:
    global _specs, _default_off, _read_at  # noqa: PLW0603 - the cache belongs to the process
    now = time.monotonic()
    if now - _read_at >= FRESH_SECONDS:
        forgotten = _forgotten
        rows = Model.objects.filter(Q(enabled=True, provider__enabled=True) | Q(is_default=True))
        specs: dict[str, ModelSpec] = {}
        off = ""
        for row in rows.select_related("provider"):
            if row.enabled and row.provider.enabled:
                specs[row.slug] = model_spec(row)
            else:
                off = row.slug
        _specs = dict(sorted(specs.items()))
        _default_off = off
        # What was read while it was to be forgotten may be old: it serves this once.
        _read_at = now if forgotten == _forgotten else -inf
    return _specs


def model_spec(row: Model) -> ModelSpec:
    """A row as a value, whether or not it is switched on."""
    free = row.free
    return ModelSpec(
        slug=row.slug,
        name=row.name or row.slug,
        upstream_name=row.upstream_name,
        provider=provider_spec(row.provider),
        context_tokens=row.context_tokens,
        reply_tokens=row.reply_tokens,
        input_multiplier_micro=0 if free else row.input_multiplier_micro,
        output_multiplier_micro=0 if free else row.output_multiplier_micro,
        free=free,
        supports_tools=row.supports_tools,
        is_default=row.is_default,
        template=row.template,
        is_embedding=row.is_embedding,
        is_embedder=row.is_embedder,
        dimensions=row.dimensions,
        min_plan_rank=row.min_plan_rank,
        answers=row.answers and not row.is_embedding,
        supports_json_schema=row.supports_json_schema,
        supports_vision=row.supports_vision,
        supports_completion=row.supports_completion,
        makes_images=row.makes_images,
        makes_speech=row.makes_speech,
        makes_video=row.makes_video,
        created=int(row.created_at.timestamp()),
    )


def provider_spec(row: Provider) -> ProviderSpec:
    return ProviderSpec(
        id=row.pk,
        slug=row.slug,
        kind=row.kind,
        name=row.name,
        base_url=row.base_url,
        api_key=row.api_key,
        options=tuple(sorted(row.options.items())),
        updated_at=row.updated_at,
    )


def list_models() -> list[ModelSpec]:
    """Everything that can answer now, by slug. Synchronous: call it inside a hop."""
    return [spec for spec in _all().values() if spec.answers]


def find_model(slug: str) -> ModelSpec | None:
    """The model with this slug that somebody can talk to now, or None."""
    found = _all().get(slug)
    return found if found is not None and found.answers else None


def find_missing(*slugs: str) -> Missing | None:
    """The first of these that is in the catalogue and cannot answer. Asks the database."""
    rows = Model.objects.filter(slug__in=slugs).select_related("provider")
    for row in sorted(rows, key=lambda row: slugs.index(row.slug)):
        is_off = not (row.enabled and row.provider.enabled)
        if is_off or row.is_embedding or not row.answers:
            return Missing(row.slug, is_off)
    return None


def list_embedding_models() -> list[ModelSpec]:
    """Every embedding model that can be used now, by slug."""
    return [spec for _, spec in sorted(_all().items()) if spec.is_embedding]


def default_model() -> ModelSpec:
    """The model that answers when nobody chose one. Raises Unavailable if there is none."""
    models = list_models()
    if not models:
        raise Unavailable("No language model is set up. An operator can add one in the admin.")
    chosen = next((spec for spec in models if spec.is_default), None)
    return chosen if chosen is not None else spare_of(models)


def default_off() -> str:
    """The slug of the default while it is switched off, else ""."""
    _all()
    return _default_off


def spare_of(models: Iterable[ModelSpec]) -> ModelSpec:
    """Who stands in for a default: the cheapest, so that nobody pays more unasked."""
    return min(
        models,
        key=lambda spec: (
            spec.is_scripted,
            spec.input_multiplier_micro + spec.output_multiplier_micro,
            spec.slug,
        ),
    )


def provider_for(spec: ModelSpec) -> EngineProvider:
    """The live adapter for a model's provider, made once per event loop and kept."""
    if spec.provider.slug in _instead:
        return _instead[spec.provider.slug]
    key = (id(asyncio.get_running_loop()), spec.provider)
    provider = _providers.get(key)
    if provider is None:
        provider = _providers[key] = build_provider(spec.provider)
    return provider


def embedder_for(spec: ModelSpec) -> Embedder:
    """What asks an embedding model. Raises Terminal if its provider is of a kind without any."""
    name = f"{spec.provider_slug}/{spec.upstream_name}"
    if spec.provider_slug in _embed_instead:
        return _embed_instead[spec.provider_slug]
    if spec.provider.kind != Provider.Kind.OPENAI_LIKE:
        raise Terminal(f"{spec.provider.name} makes no embeddings.")
    return OpenAILikeEmbedder(
        name,
        spec.provider.base_url,
        spec.upstream_name,
        api_key=spec.provider.api_key,
        dimensions=spec.dimensions,
    )


def build_provider(spec: ProviderSpec) -> EngineProvider:
    options = dict(spec.options)
    match spec.kind:
        case Provider.Kind.OPENAI_LIKE:
            return OpenAILike(spec.slug, spec.base_url, api_key=spec.api_key)
        case Provider.Kind.LLAMA_CPP:
            return LlamaCpp(spec.slug, str(options.pop("path", "")), options=options)
        case _:
            return Understudy(delay_seconds=float(options.get("delay_seconds", 0.02)))


async def close_providers() -> None:
    """Close every live adapter, and with them their child processes."""
    providers = list(_providers.values())
    _providers.clear()
    for provider in providers:
        await provider.aclose()
