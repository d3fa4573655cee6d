"""Models from a provider's own list: what is new, what changed, what is gone.

An import is a merge of three: what the list said last time (`Model.listed`), what it says now, and
what the row has. A value that differs from what was listed was edited by somebody, and stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import transaction

from engine.providers.base import UpstreamModel
from llm import prices, registry
from llm.models import Model, Provider
from llm.services import FREE_MODEL, makes_embeddings

_COLUMNS: Final = {
    "answers": "answers",
    "tools": "supports_tools",
    "json_schema": "supports_json_schema",
    "vision": "supports_vision",
    "completion": "supports_completion",
    "embeddings": "is_embedding",
    "images": "makes_images",
    "speech": "makes_speech",
    "video": "makes_video",
}
_CONTEXT_LEAST: Final = 512
_NOT_SAID: Final = (None, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms models are taken in: what the list leaves open, and what it costs.

    A `multiplier_micro` goes before the list's prices. Known models keep their switch.
    """

    enable: bool = False
    context_tokens: int = 8192
    multiplier_micro: int | None = None
    credits_per_dollar: int = prices.CREDITS_PER_DOLLAR
    supports_tools: bool = False


@dataclass(slots=True, kw_only=True)
class Report:
    """What an import did, by slug. `changed` has old and new values by column.

    `kept` are columns where the list says something else than an operator; `gone` is what the
    provider listed once and does not list any more; it stays as it is.
    """

    offered: int = 0
    new: list[Model] = field(default_factory=list)
    changed: dict[str, dict[str, tuple[Any, Any]]] = field(default_factory=dict)
    kept: dict[str, list[str]] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def import_models(
    provider: Provider, offered: Iterable[UpstreamModel], terms: Terms, *, is_dry: bool = False
) -> Report:
    """Bring the catalogue in line with a provider's list, all of it or nothing.

    Doing it again changes nothing. `is_dry` tells what would happen and changes nothing at all.
    """
    report = Report()
    with transaction.atomic():
        Provider.objects.select_for_update().get(pk=provider.pk)
        rows = {row.upstream_name: row for row in provider.models.all()}
        listed = {model.name: model for model in offered}
        for upstream in listed.values():
            said = _said(upstream, terms)
            row = rows.get(upstream.name)
            if row is None:
                _add(provider, upstream, said, terms, report)
            else:
                _merge(row, said, report)
        report.offered = len(listed)
        report.gone = sorted(
            row.slug for name, row in rows.items() if name not in listed and row.listed is not None
        )
        transaction.set_rollback(is_dry)
    registry.forget()
    return report


def _said(upstream: UpstreamModel, terms: Terms) -> dict[str, Any]:
    """The columns that the list, or the operator who takes it in, speaks of."""
    said: dict[str, Any] = {
        _COLUMNS[name]: is_so for name, is_so in upstream.able.items() if name in _COLUMNS
    }
    if upstream.title:
        said["name"] = upstream.title
    if upstream.context_tokens:
        said["context_tokens"] = max(upstream.context_tokens, _CONTEXT_LEAST)
    if terms.multiplier_micro is not None:
        micro = (terms.multiplier_micro, terms.multiplier_micro)
    elif upstream.prices is not None:
        costs, rate = upstream.prices, terms.credits_per_dollar
        micro = (prices.from_dollars(costs[0], rate), prices.from_dollars(costs[1], rate))
    else:
        return said
    said["input_multiplier_micro"], said["output_multiplier_micro"] = micro
    # What its own list gives away costs nothing here either, and is limited as what is free.
    said["free"] = micro == (0, 0) or upstream.name == FREE_MODEL
    return said


def _add(
    provider: Provider,
    upstream: UpstreamModel,
    said: dict[str, Any],
    terms: Terms,
    report: Report,
) -> None:
    slug = _free_slug(provider, upstream.name)
    if not slug:
        report.refused.append(upstream.name)
        return
    is_embedding = said.get("is_embedding", makes_embeddings(upstream.name))
    usual = {
        "context_tokens": terms.context_tokens,
        "is_embedding": is_embedding,
        "supports_tools": True if terms.supports_tools and not is_embedding else None,
        "free": upstream.name == FREE_MODEL,
    }
    row = Model.objects.create(
        provider=provider,
        upstream_name=upstream.name,
        slug=slug,
        enabled=terms.enable,
        listed=said,
        **{**usual, **said},
    )
    report.new.append(row)


def _free_slug(provider: Provider, name: str) -> str:
    """`vendor/name`; under the provider's own name if that is taken; "" if both are."""
    own = f"{provider.slug}/{name}"
    for slug in (name, own) if "/" in name else (own,):
        if not Model.objects.filter(slug=slug).exists():
            return slug
    return ""


def _merge(row: Model, said: dict[str, Any], report: Report) -> None:
    before = row.listed or {}
    changed: dict[str, tuple[Any, Any]] = {}
    kept: list[str] = []
    for column, new in said.items():
        old = getattr(row, column)
        if old == new:
            continue
        if old in _NOT_SAID or (column in before and before[column] == old):
            changed[column] = (old, new)
            setattr(row, column, new)
        else:
            kept.append(column)
    if changed:
        report.changed[row.slug] = changed
    if kept:
        report.kept[row.slug] = sorted(kept)
    # What the list leaves out this time was still what it said last.
    listed = {**before, **said}
    if changed or row.listed != listed:
        row.listed = listed
        row.save(update_fields=[*changed, "listed"])
