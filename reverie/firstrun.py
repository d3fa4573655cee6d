"""What a start makes sure of: an owner, the starters, a model, and words to begin with."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from accounts.keys import issue_key, revoke_key
from accounts.links import issue_link
from accounts.models import ApiKey, User
from accounts.services import create_user
from characters.starters import add_starters
from core import http
from core.errors import ProviderError
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike
from llm import registry, services
from llm.discovery import detect
from llm.models import Model, Provider

OWNER = "owner"
KEY_NAME = "Quick start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The model an operator named on the command line or in the environment."""

    llm: str = ""
    llm_key: str = ""
    llm_model: str = ""
    gguf: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What the terminal shows."""

    sign_in_token: str
    key: str
    model: str
    is_stand_in: bool
    note: str


def prepare(wanted: Wanted, *, own_port: int) -> Welcome:
    """Make sure of everything, and return what to tell the person at the terminal.

    Keys cannot be shown again, so each start replaces the quick-start key by a fresh one.
    """
    owner = User.objects.filter(handle=OWNER).first()
    if owner is None:
        owner = create_user(handle=OWNER, display_name="You", staff=True)
        add_starters(owner=owner)
    note = asyncio.run(_find_model(wanted, own_port))
    spec = registry.default_model()
    for old in ApiKey.objects.filter(user=owner, name=KEY_NAME, revoked_at=None):
        revoke_key(key=old)
    _, secret = issue_key(user=owner, name=KEY_NAME)
    return Welcome(
        sign_in_token=issue_link(owner),
        key=secret,
        model=spec.slug,
        is_stand_in=spec.provider.kind == Provider.Kind.UNDERSTUDY,
        note=note,
    )


async def _find_model(wanted: Wanted, own_port: int) -> str:
    """A model: the one named, else one that was set up, else one found here, else the stand-in."""
    try:
        if wanted.gguf:
            return await asyncio.to_thread(_use_gguf, wanted.gguf)
        if wanted.llm:
            return await _use_server(wanted)
        if await asyncio.to_thread(_has_model):
            return ""
        found = await detect(skip_port=own_port)
        if found:
            first = found[0]
            slug = await asyncio.to_thread(
                _register, first.slug, first.name, first.base_url, "", list(first.models), ""
            )
            return f"Found {first.name} at {first.base_url}; {slug} answers."
        await asyncio.to_thread(services.ensure_understudy)
        return ""
    finally:
        await http.aclose()


def _has_model() -> bool:
    """Whether somebody real can answer already; the stand-in does not count."""
    return (
        Model.objects.filter(enabled=True, provider__enabled=True)
        .exclude(provider__kind=Provider.Kind.UNDERSTUDY)
        .exists()
    )


def _use_gguf(path: str) -> str:
    file = Path(path).expanduser().resolve()
    if not file.is_file():
        services.ensure_understudy()
        return f"There is no file {file}; the stand-in answers."
    provider = services.add_provider(
        slug="embedded",
        name=file.stem,
        kind=Provider.Kind.LLAMA_CPP,
        options={"path": str(file)},
    )
    slug = f"local/{file.stem.lower()}"
    services.add_model(slug=slug, provider=provider, upstream_name=file.stem, free=True)
    services.set_default(slug)
    return ""


async def _use_server(wanted: Wanted) -> str:
    upstream = OpenAILike("upstream", wanted.llm, api_key=wanted.llm_key)
    note = ""
    models: list[UpstreamModel] = []
    try:
        models = await upstream.list_models()
    except ProviderError as error:
        note = f"{wanted.llm} did not list its models: {error.message}"
    if wanted.llm_model and all(model.name != wanted.llm_model for model in models):
        models.insert(0, UpstreamModel(wanted.llm_model))
    if not models:
        await asyncio.to_thread(services.ensure_understudy)
        return f"{note} Name one with --llm-model. Until then the stand-in answers."
    await asyncio.to_thread(
        _register, "upstream", "Upstream", wanted.llm, wanted.llm_key, models, wanted.llm_model
    )
    return note


def _register(
    slug: str, name: str, url: str, key: str, models: list[UpstreamModel], chosen: str
) -> str:
    """Put a server's models on the list; the chosen, else the first one, is the default."""
    provider = services.add_provider(
        slug=slug, name=name, kind=Provider.Kind.OPENAI_LIKE, base_url=url, api_key=key
    )
    services.import_models(provider, models)
    wanted = chosen or models[0].name
    model = Model.objects.filter(provider=provider, upstream_name=wanted).first()
    assert model is not None
    services.set_default(model.slug)
    return model.slug
