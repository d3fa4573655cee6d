"""The models of this process: what the tables say, at most a second old, and live providers."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from core.errors import Unavailable
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
    supports_tools: bool
    is_default: bool
    created: int
    template: str = ""

    @property
    def provider_slug(self) -> str:
        return self.provider.slug


_specs: dict[str, ModelSpec] = {}
_read_at = -FRESH_SECONDS
_providers: dict[tuple[int, ProviderSpec], EngineProvider] = {}
_instead: dict[str, EngineProvider] = {}


def forget() -> None:
    """Read the tables again at the next look."""
    global _read_at  # noqa: PLW0603 - the cache belongs to the process
    _read_at = -FRESH_SECONDS


def reset() -> None:
    """Forget everything, stand-ins included."""
    forget()
    _instead.clear()


def serve_instead(provider_slug: str, provider: EngineProvider) -> None:
    """Let this adapter answer for a provider until `reset`: how tests script an upstream."""
    _instead[provider_slug] = provider


def _all() -> dict[str, ModelSpec]:
    global _specs, _read_at  # noqa: PLW0603 - the cache belongs to the process
    now = time.monotonic()
    if now - _read_at >= FRESH_SECONDS:
        rows = Model.objects.filter(enabled=True, provider__enabled=True)
        _specs = {row.slug: _spec(row) for row in rows.select_related("provider")}
        _read_at = now
    return _specs


def _spec(row: Model) -> ModelSpec:
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
    return [spec for _, spec in sorted(_all().items())]


def find_model(slug: str) -> ModelSpec | None:
    return _all().get(slug)


def default_model() -> ModelSpec:
    """The model that answers when nobody chose one. Raises Unavailable if there is none."""
    models = list_models()
    if not models:
        raise Unavailable("No language model is set up. An operator can add one in the admin.")
    return next((spec for spec in models if spec.is_default), models[0])


def provider_for(spec: ModelSpec) -> EngineProvider:
    """The live adapter for a model's provider, made once per event loop and kept."""
    if spec.provider.slug in _instead:
        return _instead[spec.provider.slug]
    key = (id(asyncio.get_running_loop()), spec.provider)
    provider = _providers.get(key)
    if provider is None:
        provider = _providers[key] = build_provider(spec.provider)
    return provider


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
