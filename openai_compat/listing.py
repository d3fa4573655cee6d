"""What `GET models` lists: the names that work in `model` with this key."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.db.models import Max

from accounts.keys import authenticate
from accounts.models import ApiKey, Scope
from billing.gates import check, usable
from billing.limits.admission import Admission
from billing.limits.terms import for_key
from characters.models import Character, Scenario
from characters.queries import listed_for, visible_to
from chats.opening import most_reply_tokens
from chats.resolve import PlainModel, resolve
from core.errors import NotFound
from llm import registry
from llm.prices import fraction
from llm.registry import ModelSpec

CHARACTERS_MOST = 100


class Mount(Enum):
    """The prefixes of the wire. They differ in what they list, and in whether they store."""

    DEVICE = "api/device/v1"
    V1 = "v1"
    OPENAI = "api/openai/v1"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as the request says."""

    secret: str
    ip: str | None
    admission: Admission

    def key(self) -> ApiKey:
        """Their key, within its limits. Raises Unauthenticated, RateLimited."""
        key = authenticate(self.secret, ip=self.ip, needs=Scope.CHAT)
        self.admission.enter(key.user, for_key(key))
        return key


def list_models(caller: Caller, mount: Mount) -> list[dict[str, Any]]:
    """Scenarios of the key's default character, else characters; then, or only, the catalogue.

    Of the catalogue, what this person may use.
    """
    key = caller.key()
    rows: list[dict[str, Any]] = []
    if mount is not Mount.OPENAI:
        rows += _scenarios(key) if key.default_character else _characters(key)
    if mount is not Mount.DEVICE:
        rows += [_model_row(spec) for spec in usable(key.user_id, registry.list_models())]
    return rows


def get_model(caller: Caller, name: str) -> dict[str, Any]:
    """The one thing that `name` would reach. Raises NotFound for what it would not.

    Raises Forbidden for a model that this person's plan is not enough for.
    """
    key = caller.key()
    target = resolve(key.user, key, name)
    if isinstance(target, PlainModel):
        check(key.user_id, target.spec)
        return _model_row(target.spec)
    if target.rule != "model":
        raise NotFound(
            f"There is no model {name[:80]!r} for this key.", code="model_not_found", param="model"
        )
    return _scenario_row(target.scenario) if target.scenario else _character_row(target.character)


def _scenarios(key: ApiKey) -> list[dict[str, Any]]:
    rows = Scenario.objects.filter(
        character__uid=key.default_character, character__in=visible_to(key.user)
    ).select_related("character")
    return [_scenario_row(scenario) for scenario in rows]


def _characters(key: ApiKey) -> list[dict[str, Any]]:
    """Whom this person talked to, most recent first; before the first chat, whom they could."""
    talked_to = (
        visible_to(key.user)
        .filter(chats__user=key.user, chats__trashed_at=None)
        .annotate(latest=Max("chats__active_at"))
        .order_by("-latest")[:CHARACTERS_MOST]
    )
    rows: list[Character] = [*talked_to]
    rows = rows or [*listed_for(key.user).order_by("pk")[:CHARACTERS_MOST]]
    return [_character_row(character) for character in rows]


def _character_row(character: Character) -> dict[str, Any]:
    return {
        "id": character.label,
        "object": "model",
        "created": int(character.created_at.timestamp()),
        "owned_by": "character",
        "root": character.uid,
        "parent": None,
    }


def _scenario_row(scenario: Scenario) -> dict[str, Any]:
    return {
        "id": scenario.label,
        "object": "model",
        "created": int(scenario.created_at.timestamp()),
        "owned_by": "scenario",
        "root": scenario.uid,
        "parent": scenario.character.uid,
    }


def _model_row(spec: ModelSpec) -> dict[str, Any]:
    return {
        "id": spec.slug,
        "object": "model",
        "created": spec.created,
        "owned_by": spec.provider_slug,
        "root": spec.slug,
        "parent": None,
        "name": spec.name,
        "context_length": spec.context_tokens,
        "max_output_tokens": most_reply_tokens(spec),
        "abilities": list(spec.abilities),
        "free": spec.free,
        "pricing": {
            "unit": "credits_per_token",
            "input": fraction(spec.input_multiplier_micro),
            "output": fraction(spec.output_multiplier_micro),
        },
    }
