"""What a start makes sure of: an owner, the starters, a model, and words to begin with."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from accounts.keys import issue_key
from accounts.links import issue_link
from accounts.models import ApiKey, User
from accounts.services import create_user
from characters.starters import add_starters
from core import http
from core.errors import ProviderError
from core.hop import hop
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike
from llm import registry, services
from llm.discovery import Found, detect
from llm.importing import Terms, import_models
from llm.models import Model, Provider

OWNER: Final = "owner"
KEY_NAME: Final = "Quick start"
UPSTREAM: Final = "upstream"
_FOUND: Final = "found_at_start"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The model an operator named on the command line or in the environment."""

    llm: str = ""
    llm_key: str = ""
    llm_model: str = ""
    gguf: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What the terminal shows. In production, link and key are shown at the first start only.

    `model` is "" where operators have switched off everything that could answer.
    """

    sign_in_token: str
    key: str
    model: str
    is_stand_in: bool
    note: str


def prepare(wanted: Wanted, *, own_port: int) -> Welcome:
    """Make sure of everything, and return what to tell the person at the terminal."""
    is_first = not User.objects.exists()
    owner = _new_owner() if is_first else _owner()
    note = asyncio.run(_find_model(wanted, own_port))
    spec = registry.default_model() if registry.list_models() else None
    may_show = is_first or not settings.PRODUCTION
    return Welcome(
        sign_in_token=issue_link(owner) if owner and may_show else "",
        key=_fresh_key(owner) if owner and may_show else "",
        model=spec.slug if spec else "",
        is_stand_in=spec is not None and spec.provider.kind == Provider.Kind.UNDERSTUDY,
        note=note,
    )


def _new_owner() -> User:
    """The account of whoever set this up, with the starters. No password: they sign in by link."""
    with transaction.atomic():
        owner = create_user(handle=OWNER, display_name="You", staff=True)
        add_starters(owner=owner)
    return owner


def _owner() -> User | None:
    """The account made at the first start, unless an operator renamed or removed it."""
    return User.objects.filter(handle=OWNER, is_active=True, is_staff=True).first()


def _fresh_key(owner: User) -> str:
    """A key to paste. A secret cannot be shown twice, so each start makes one.

    Earlier ones that nobody used go; those in use stay, so that no program stops working.
    """
    ApiKey.objects.filter(user=owner, name=KEY_NAME, last_used_at=None).delete()
    return issue_key(user=owner, name=KEY_NAME)[1]


async def _find_model(wanted: Wanted, own_port: int) -> str:
    """A model: the one named, else one that was set up, else one found here, else the stand-in."""
    try:
        if wanted.gguf:
            return await hop(_use_gguf, wanted.gguf)
        if wanted.llm:
            return await _use_server(wanted)
        if await hop(_has_model):
            return ""
        return await _use_what_runs_here(own_port)
    finally:
        await http.aclose()


def _has_model() -> bool:
    """Whether an operator chose who answers. The stand-in and what a start found do not count."""
    default = Model.objects.filter(is_default=True, enabled=True, provider__enabled=True)
    chosen = default.exclude(provider__kind=Provider.Kind.UNDERSTUDY)
    return chosen.exclude(provider__options__has_key=_FOUND).exists()


async def _use_what_runs_here(own_port: int) -> str:
    """The first server found on this machine, else the stand-in. Looked for at every start."""
    found = [server for server in await detect(skip_port=own_port) if _first_to_talk(server)]
    slug = await hop(_use_first, found)
    if not found:
        return ""
    where = ", ".join(f"{server.name} at {server.base_url}" for server in found)
    return f"Found {where}; {slug} answers."


def _use_first(found: list[Found]) -> str:
    """Let the first server answer, unless the default is one of theirs that still runs."""
    if not found:
        return services.set_default(services.ensure_understudy().slug).slug
    running = [server.slug for server in found]
    kept = Model.objects.filter(is_default=True, enabled=True, provider__slug__in=running).first()
    if kept is not None:
        return kept.slug
    return _register(found[0], options={_FOUND: True})


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
    model = services.add_model(slug=slug, provider=provider, upstream_name=file.stem, free=True)
    if model.enabled:  # a start does not undo what an operator switched off
        services.set_default(slug)
    return ""


async def _use_server(wanted: Wanted) -> str:
    upstream = OpenAILike(UPSTREAM, wanted.llm, api_key=wanted.llm_key)
    note = ""
    models: list[UpstreamModel] = []
    try:
        models = await upstream.list_models()
    except ProviderError as error:
        note = f"{wanted.llm} did not list its models: {error.message}"
    if wanted.llm_model and all(model.name != wanted.llm_model for model in models):
        models.insert(0, UpstreamModel(wanted.llm_model))
    if not models:
        await hop(services.ensure_understudy)
        return f"{note} Name one with --llm-model. Until then the stand-in answers."
    server = Found(UPSTREAM, "Upstream", wanted.llm, tuple(models))
    await hop(_register, server, key=wanted.llm_key, chosen=wanted.llm_model)
    return note


def _register(
    server: Found, *, key: str = "", chosen: str = "", options: dict[str, Any] | None = None
) -> str:
    """Put a server's models on the list; the chosen, else the first that talks, is the default."""
    provider = services.add_provider(
        slug=server.slug,
        name=server.name,
        kind=Provider.Kind.OPENAI_LIKE,
        base_url=server.base_url,
        api_key=key,
        options=options,
    )
    # What is known already, an operator may have changed: only `reverie model import` looks again.
    known = set(provider.models.values_list("upstream_name", flat=True))
    fresh = [model for model in server.models if model.name not in known]
    import_models(provider, fresh, Terms(enable=True))
    wanted = chosen or _first_to_talk(server)
    if not wanted:
        return services.set_default(services.ensure_understudy().slug).slug
    model = Model.objects.filter(provider=provider, upstream_name=wanted).first()
    if model is None:
        slug = f"{server.slug}/{wanted}"
        model = services.add_model(slug=slug, provider=provider, upstream_name=wanted)
    Model.objects.filter(pk=model.pk).update(is_embedding=False)
    if not model.enabled:  # a start does not undo what an operator switched off
        return model.slug
    return services.set_default(model.slug).slug


def _first_to_talk(server: Found) -> str:
    """The first of a server's models that is no embedding model, "" if there is none."""
    names = (model.name for model in server.models)
    return next((name for name in names if not services.makes_embeddings(name)), "")
