"""What the pages say of models: who answers, what each can do and costs, and who may choose it."""

from dataclasses import dataclass
from typing import Final

from accounts.models import User
from billing import gates
from characters.models import Character, CharacterPreference
from characters.preferences import OFF
from characters.queries import visible_to
from chats.voices import Fallback, Voice, voice_of
from core.errors import Forbidden, Unavailable
from llm import registry
from llm.registry import ModelSpec

ABILITIES: Final = {
    "tools": "Uses tools",
    "json_schema": "JSON by schema",
    "vision": "Sees pictures",
    "completion": "Completes text",
    "embeddings": "Embeddings",
    "image": "Makes pictures",
    "speech": "Makes speech",
    "video": "Makes video",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model as a person sees it. `plan` is what they would need, "" if they may use it."""

    spec: ModelSpec
    plan: str = ""
    is_chosen: bool = False

    @property
    def abilities(self) -> list[str]:
        return [ABILITIES[name] for name in self.spec.abilities]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A model that a person chose for a character. `problem` says why it does not answer now."""

    character: Character
    slug: str
    problem: str = ""


def offers(user: User, *, chosen: str = "") -> list[Offer]:
    """Every model that answers now; what this person may use comes first."""
    specs = registry.list_models()
    may = {spec.slug for spec in gates.usable(user.pk, specs)}
    beyond = [spec for spec in specs if spec.slug not in may]
    plans = gates.plans_for(beyond) if beyond else {}
    found = [
        Offer(
            spec=spec,
            plan="" if spec.slug in may else plans[spec.slug] or "another plan",
            is_chosen=spec.slug == chosen,
        )
        for spec in specs
    ]
    return sorted(found, key=lambda offer: (bool(offer.plan), offer.spec.slug))


def choices_of(user: User) -> list[Choice]:
    """What this person chose, by character."""
    rows = CharacterPreference.objects.filter(user=user, character__in=visible_to(user))
    named = rows.exclude(model=None).select_related("model", "character").order_by("character")
    found = [(row, row.model) for row in named if row.model is not None]
    may = {spec.slug for spec in gates.usable(user.pk, registry.list_models())}
    return [
        Choice(character=row.character, slug=model.slug, problem=_problem(model.slug, may))
        for row, model in found
    ]


def _problem(slug: str, usable: set[str]) -> str:
    if slug in usable:
        return ""
    spec = registry.find_model(slug)
    return Fallback(model=slug, reason=OFF).words if spec is None else "needs another plan"


def voice_for(user: User, character: Character) -> Voice | None:
    """Who would answer this person's next message to this character, if anybody."""
    try:
        return voice_of(user, character)
    except (Unavailable, Forbidden):
        return None


def chosen_slug(voice: Voice | None) -> str:
    """The model that the person chose for this character, "" for the default."""
    chosen = voice.preference.model if voice and voice.preference else None
    return chosen.slug if chosen else ""
