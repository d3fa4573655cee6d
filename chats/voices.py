"""Which model speaks for a character to a person, and who stands in where it cannot."""

from dataclasses import asdict, dataclass
from typing import Any, Final, NamedTuple, Self

from accounts.models import User
from billing import gates
from characters.models import Character, CharacterPreference
from characters.preferences import OFF, PLAN
from core.prepared import Select
from llm import registry
from llm.registry import ModelSpec

CHARS_PER_TOKEN_MOST: Final = 8
_OF_MODEL: Final = ("model__slug", "model__free")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Another model answers than the one that was chosen, and why.

    `reason` is `OFF`, or `PLAN` where the person's plan is not enough; `plan` is one that would be.
    """

    model: str
    reason: str
    plan: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, manifest: dict[str, Any] | None) -> Self | None:
        """What the manifest of a turn says of it."""
        said = (manifest or {}).get("fallback")
        return cls(**said) if said else None

    @property
    def words(self) -> str:
        """Why, as the end of a sentence that begins with the model's name."""
        return "is switched off" if self.reason == OFF else f"needs {self._plan}"

    @property
    def words_then(self) -> str:
        """The same of a reply that was written."""
        return "was switched off" if self.reason == OFF else f"needed {self._plan}"

    @property
    def _plan(self) -> str:
        return f"the plan {self.plan}" if self.plan else "another plan"


class Voice(NamedTuple):
    """Which model speaks for a character to this person, and how they like it."""

    preference: CharacterPreference | None
    spec: ModelSpec
    fallback: Fallback | None = None

    @property
    def chars(self) -> int:
        """How much text of a chat is read so that the model's window is filled."""
        return self.spec.context_tokens * CHARS_PER_TOKEN_MOST


preference_row: Select[CharacterPreference] = Select(
    lambda user, character: (
        CharacterPreference.objects.filter(user_id=user, character_id=character)
        .select_related("model")
        .only("nsfw_intensity", "narration_style", "response_length", "sampling", *_OF_MODEL)
    ),
    user=int,
    character=int,
)


def voice_of(user: User, character: Character) -> Voice:
    return pick(user.pk, preference_row.first(user=user.pk, character=character.pk))


def pick(user_id: int, preference: CharacterPreference | None) -> Voice:
    """The model this person prefers for this character, while they may use it; else the default.

    Whoever chose a free one is answered by a free one, if there is any.
    Raises Unavailable if there is no model, Forbidden if there is none for this person.
    """
    missed = None
    if preference is not None and preference.model is not None:
        preferred = registry.find_model(preference.model.slug)
        if preferred is None:
            missed = Fallback(model=preference.model.slug, reason=OFF)
        elif gates.may_use(user_id, preferred):
            return Voice(preference, preferred)
        else:
            missed = _gated(preferred)
        if preference.model.free and (spare := _free(user_id)) is not None:
            return Voice(preference, spare, missed)
    spec, passed_over = _default(user_id)
    return Voice(preference, spec, missed or passed_over)


def _free(user_id: int) -> ModelSpec | None:
    """A free model for this person: the default if it is one. No script, if that is no default."""
    free = [spec for spec in registry.list_models() if spec.free]
    found = gates.usable(
        user_id, [spec for spec in free if spec.is_default or not spec.is_scripted]
    )
    return min(found, key=lambda spec: (not spec.is_default, spec.slug), default=None)


def _default(user_id: int) -> tuple[ModelSpec, Fallback | None]:
    """The default for this person; the cheapest while it is off or above their plan."""
    default = registry.default_model()
    off = registry.default_off()
    missed = Fallback(model=off, reason=OFF) if off else None
    if gates.may_use(user_id, default):
        return default, missed
    others = gates.usable(user_id, registry.list_models())
    if not others:
        raise gates.refusal(default)
    return registry.spare_of(others), missed or _gated(default)


def _gated(spec: ModelSpec) -> Fallback:
    return Fallback(model=spec.slug, reason=PLAN, plan=gates.plan_for(spec))
