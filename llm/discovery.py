"""Finding model servers on this machine, at the ports where they usually listen."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from core import http
from core.errors import ProviderError
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike

_PROBE_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answered: what it is, where, and what it serves."""

    slug: str
    name: str
    base_url: str
    models: tuple[UpstreamModel, ...]


_USUAL: Final = (
    ("ollama", "Ollama", 11434, "/api/version"),
    ("lm-studio", "LM Studio", 1234, "/v1/models"),
    ("llama-cpp", "llama.cpp server", 8080, "/props"),
    ("vllm", "vLLM", 8000, "/version"),
    ("koboldcpp", "KoboldCpp", 5001, "/api/extra/version"),
)


async def detect(
    *,
    skip_port: int = 0,
    seconds: float = _PROBE_SECONDS,
    places: Iterable[tuple[str, str, int, str]] = _USUAL,
) -> list[Found]:
    """Every usual server that answers on loopback, except on the port that is our own."""
    probes = [
        _probe(slug, name, port, path, seconds)
        for slug, name, port, path in places
        if port != skip_port
    ]
    return [found for found in await asyncio.gather(*probes) if found is not None]


async def _probe(slug: str, name: str, port: int, path: str, seconds: float) -> Found | None:
    base = f"http://127.0.0.1:{port}"
    if not await http.answers(f"{base}{path}", seconds=seconds):
        return None
    try:
        models = await asyncio.wait_for(OpenAILike(slug, base).list_models(), 2)
    except (ProviderError, TimeoutError):
        return None
    return Found(slug, name, base, tuple(models)) if models else None
