"""Language models: `reverie model list|pull|add|import|default`."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from core import http
from core.errors import Invalid, NotFound
from engine.providers.base import UpstreamModel
from engine.providers.openai_like import OpenAILike
from llm import registry, services
from llm.discovery import Found, detect
from llm.importing import Report, Terms, import_models
from llm.models import Model, Provider
from llm.prices import CREDITS_PER_DOLLAR, fraction, micro_of
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
    add.add_argument("--context", type=int, default=8192, help="tokens of context (8192)")
    _add_prices(add)
    add.add_argument("--tools", action="store_true", help="its models can call tools")
    take = verbs.add_parser("import", help="bring models in line with a provider's own list")
    take.add_argument("provider", help="the provider's slug")
    take.add_argument("--dry-run", action="store_true", help="only say what would change")
    take.add_argument("--enable", action="store_true", help="switch on what is new")
    take.add_argument("--context", type=int, default=8192, help="where it says none (8192)")
    _add_prices(take)
    add_json(take)
    default = verbs.add_parser("default", help="choose who answers when nobody chose")
    default.add_argument("slug")


def _add_prices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--multiplier", help="credits per token, such as 0.25, instead of the list's prices"
    )
    parser.add_argument(
        "--credits-per-dollar",
        type=int,
        default=CREDITS_PER_DOLLAR,
        help=f"what its prices are counted in ({CREDITS_PER_DOLLAR})",
    )


def run(options: argparse.Namespace) -> int:
    verbs = {"list": _list, "pull": _pull, "add": _add, "import": _import, "default": _default}
    return verbs[options.verb](options)


def _list(options: argparse.Namespace) -> int:
    rows = [
        {
            "slug": spec.slug,
            "provider": spec.provider_slug,
            "default": spec.is_default,
            "context": spec.context_tokens,
            "abilities": spec.abilities,
            "free": spec.free,
            "input": fraction(spec.input_multiplier_micro),
            "output": fraction(spec.output_multiplier_micro),
        }
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
        cost = "free" if row["free"] else f"×{row['input']} and ×{row['output']}"
        say(f"{'*' if row['default'] else ' '} {row['slug']}  ({row['provider']}, {cost})")
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


def _terms(options: argparse.Namespace, **more: Any) -> Terms:
    if options.credits_per_dollar < 1:
        raise Invalid("A dollar is worth at least one credit.", param="credits-per-dollar")
    return Terms(
        context_tokens=options.context,
        multiplier_micro=None if options.multiplier is None else micro_of(options.multiplier),
        credits_per_dollar=options.credits_per_dollar,
        **more,
    )


def _add(options: argparse.Namespace) -> int:
    terms = _terms(options, enable=True, supports_tools=options.tools)
    provider = services.add_provider(
        slug=options.name,
        name=options.name,
        kind=Provider.Kind.OPENAI_LIKE,
        base_url=options.url,
        api_key=options.key,
    )
    offered = asyncio.run(_offered(options))
    wanted = [m for m in offered if not options.model or m.name in options.model]
    models = import_models(provider, wanted, terms).new
    for model in models:
        say(f"added {model.slug}")
    if models:
        say(f"Choose who answers with `reverie model default {models[0].slug}`.")
    else:
        say("Nothing new: every model of this server is listed already.")
    return 0


async def _offered(options: argparse.Namespace) -> list[UpstreamModel]:
    upstream = OpenAILike(options.name, options.url, api_key=options.key)
    try:
        return await upstream.list_models()
    finally:
        await http.aclose()


def _import(options: argparse.Namespace) -> int:
    terms = _terms(options, enable=options.enable)
    provider = Provider.objects.filter(slug=options.provider).first()
    if provider is None:
        raise NotFound(f"There is no provider {options.provider}.", code="provider_not_found")
    offered = asyncio.run(_listed_by(provider))
    report = import_models(provider, offered, terms, is_dry=options.dry_run)
    if options.json:
        say_json(_as_json(report, is_dry=options.dry_run))
    else:
        _tell(report, provider, options)
    return 0


async def _listed_by(provider: Provider) -> list[UpstreamModel]:
    adapter = registry.build_provider(registry.provider_spec(provider))
    try:
        return await adapter.list_models()
    finally:
        await adapter.aclose()
        await http.aclose()


def _as_json(report: Report, *, is_dry: bool) -> dict[str, Any]:
    return {
        "dry_run": is_dry,
        "offered": report.offered,
        "new": [model.slug for model in report.new],
        "changed": {
            slug: {column: {"from": old, "to": new} for column, (old, new) in columns.items()}
            for slug, columns in report.changed.items()
        },
        "kept": report.kept,
        "gone": report.gone,
        "refused": report.refused,
    }


def _tell(report: Report, provider: Provider, options: argparse.Namespace) -> None:
    for model in report.new:
        say(f"new      {model.slug}  {_cost(model)}, {model.context_tokens} tokens")
    for slug, columns in report.changed.items():
        what = ", ".join(f"{name} {old} to {new}" for name, (old, new) in columns.items())
        say(f"changed  {slug}  {what}")
    for slug, names in report.kept.items():
        say(f"kept     {slug}  {', '.join(names)}: edited here, the list says otherwise")
    for slug in report.gone:
        say(f"gone     {slug}  not listed any more; it stays as it is")
    for name in report.refused:
        say(f"refused  {name}  another model has its name")
    end = f"{provider.slug} lists {report.offered}: {len(report.new)} new,"
    say(f"{end} {len(report.changed)} changed, {len(report.gone)} gone.")
    if options.dry_run:
        say("Nothing was changed: this was a dry run.")
    elif report.new and not options.enable:
        say("New models are switched off. Switch them on in the admin, or import with --enable.")


def _cost(model: Model) -> str:
    if model.free:
        return "free"
    costs = (model.input_multiplier_micro, model.output_multiplier_micro)
    return " and ".join(f"×{fraction(micro)}" for micro in costs)


def _default(options: argparse.Namespace) -> int:
    say(f"{services.set_default(options.slug).slug} answers from now on.")
    return 0
