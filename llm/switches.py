"""The kill switches: a provider or a model off at once in every process, and on again."""

from datetime import datetime
from typing import Final, NamedTuple

from django.db import transaction

from accounts import audit
from accounts.models import AuditEntry
from core import orders
from core.errors import Invalid
from llm import registry
from llm.models import Model, Provider

_ROWS_MOST: Final = 500
"""Of what is off, so many are looked up: catalogues list models by the hundred."""


class SwitchedOff(NamedTuple):
    """A provider or model that an operator's switch holds off, and why."""

    thing: Provider | Model
    reason: str
    actor: str
    at: datetime

    @property
    def name(self) -> str:
        return target_of(self.thing)


def target_of(thing: Provider | Model) -> str:
    """What the audit log calls it."""
    return f"{kind_of(thing)} {thing.slug}"


def kind_of(thing: Provider | Model) -> str:
    return "provider" if isinstance(thing, Provider) else "model"


def switch_off(
    thing: Provider | Model, *, actor: str, reason: str, ends_running: bool = False
) -> bool:
    """Let nobody be answered by this from the next turn on, in every process.

    Replies under way go on unless `ends_running`; then they end within a second, and what came so
    far is kept. That may also be asked for later. Returns whether it was on.
    """
    was_on = _switch(thing, actor=actor, reason=reason, on=False, ends_running=ends_running)
    if ends_running:
        orders.end_turns("provider" if isinstance(thing, Provider) else "model", thing.slug)
    return was_on


def switch_on(thing: Provider | Model, *, actor: str, reason: str) -> bool:
    """Let this answer again. Returns whether it was off."""
    return _switch(thing, actor=actor, reason=reason, on=True, ends_running=False)


def _switch(
    thing: Provider | Model, *, actor: str, reason: str, on: bool, ends_running: bool
) -> bool:
    if not reason.strip():
        raise Invalid("Say why, please.", param="reason")
    with transaction.atomic():
        rows = type(thing).objects.filter(pk=thing.pk, enabled=not on)
        changed = bool(rows.update(enabled=on))
        if changed or ends_running:
            audit.record(
                actor=actor,
                action=f"{kind_of(thing)}.{'on' if on else 'off'}",
                target=target_of(thing),
                reason=reason.strip(),
                before={"enabled": on != changed},
                after={"enabled": on, **({"ended_running": True} if ends_running else {})},
            )
        orders.forget_models()
    registry.forget()
    return changed


def list_switched_off() -> list[SwitchedOff]:
    """What operators switched off and is off still, the newest first. Three queries."""
    things: list[Provider | Model] = [
        *Provider.objects.filter(enabled=False).order_by("pk")[:_ROWS_MOST],
        *Model.objects.filter(enabled=False).order_by("pk")[:_ROWS_MOST],
    ]
    by_target = {target_of(thing): thing for thing in things}
    if not by_target:
        return []
    entries = AuditEntry.objects.filter(
        target__in=by_target, action__in=("provider.off", "provider.on", "model.off", "model.on")
    ).order_by("id")
    newest = {entry.target: entry for entry in entries}
    found = [
        SwitchedOff(by_target[entry.target], entry.reason, entry.actor, entry.created_at)
        for entry in newest.values()
        if entry.action.endswith(".off")
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)
