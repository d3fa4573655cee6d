"""Language models: `reverie model list|pull|add|default`."""

import argparse
import asyncio
from pathlib import Path

from core import http
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike
from llm import registry, services
from llm.discovery import Found, detect
from llm.models import UNIT, Provider
from reverie.commands.output import add_json, say, say_json
from reverie.download import fetch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True)
    add_json(verbs.add_parser("list", help="what can answer, and what runs on this machine"))
    pull = verbs.add_parser("pull", help="fetch a GGUF file, or take one, and serve it here")
    pull.add_argument("source", help="an https address or a path")
    pull.add_argument("--name", help="what to call it")
    pull.add_argument("--sha256", help="refuse the file unless it has this digest")
    pull.add_argument("--context", type=int, default=8192, help="tokens of context")
    add = verbs.add_parser("add", help="connect an OpenAI-compatible server")
    add.add_argument("url", help="with or without /v1")
    add.add_argument("--key", default="", help="its API key")
    add.add_argument("--model", action="append", help="only these of its models")
    add.add_argument("--name", default="upstream", help="a short name for the server")
    add.add_argument("--context", type=int, default=8192)
    add.add_argument("--multiplier", type=float, default=1.0, help="credits per token")
    default = verbs.add_parser("default", help="choose who answers when nobody chose")
    default.add_argument("slug")


def run(options: argparse.Namespace) -> int:
    verbs = {"list": _list, "pull": _pull, "add": _add, "default": _default}
    return verbs[options.verb](options)


def _list(options: argparse.Namespace) -> int:
    rows = [
        {"slug": spec.slug, "provider": spec.provider_slug, "default": spec.is_default}
        for spec in registry.list_models()
    ]
    found = [
        {"name": server.name, "url": server.base_url, "models": server.models}
        for server in asyncio.run(_detect())
    ]
    if options.json:
        say_json({"models": rows, "found": found})
        return 0
    for row in rows:
        say(f"{'*' if row['default'] else ' '} {row['slug']}  ({row['provider']})")
    for server in found:
        say(f"  found {server['name']} at {server['url']}; add it with `reverie model add`")
    return 0


async def _detect() -> list[Found]:
    try:
        return await detect()
    finally:
        await http.aclose()


def _pull(options: argparse.Namespace) -> int:
    path = asyncio.run(fetch(options.source, sha256=options.sha256))
    name = options.name or Path(path).stem.lower()
    slug = "".join(char if char.isalnum() else "-" for char in name.lower()).strip("-")[:48]
    provider = services.add_provider(
        slug=slug,
        name=name,
        kind=Provider.Kind.LLAMA_CPP,
        options={"path": str(path), "context_tokens": options.context},
    )
    model = services.add_model(
        slug=f"local/{slug}",
        provider=provider,
        upstream_name=Path(path).stem,
        context_tokens=options.context,
        free=True,
    )
    services.set_default(model.slug)
    say(f"{model.slug} answers from now on.")
    return 0


def _add(options: argparse.Namespace) -> int:
    provider = services.add_provider(
        slug=options.name,
        name=options.name,
        kind=Provider.Kind.OPENAI_LIKE,
        base_url=options.url,
        api_key=options.key,
    )
    offered = asyncio.run(_offered(options))
    wanted = [m for m in offered if not options.model or m.name in options.model]
    models = services.import_models(
        provider,
        wanted,
        context_tokens=options.context,
        multiplier_micro=round(options.multiplier * UNIT),
    )
    for model in models:
        say(f"added {model.slug}")
    if not models:
        say("Nothing new: every model of this server is listed already.")
    return 0


async def _offered(options: argparse.Namespace) -> list[UpstreamModel]:
    upstream = OpenAILike(options.name, options.url, api_key=options.key)
    try:
        return await upstream.list_models()
    finally:
        await http.aclose()


def _default(options: argparse.Namespace) -> int:
    say(f"{services.set_default(options.slug).slug} answers from now on.")
    return 0
