"""How a person likes a character to answer them: which model, how bold, how long."""

from typing import Any, Final

from accounts.models import User
from billing import gates
from characters.models import Character, CharacterPreference
from core.errors import Invalid, NotFound
from llm import registry
from llm.models import Model

OFF: Final = "model_off"
PLAN: Final = "plan_required"
CHOICES: Final = {
    "nsfw_intensity": CharacterPreference.Intensity,
    "narration_style": CharacterPreference.Narration,
    "response_length": CharacterPreference.Length,
}


def preference_of(user: User, character: Character) -> CharacterPreference:
    """What this person prefers; the usual, not saved, if they never said."""
    found = CharacterPreference.objects.filter(user=user, character=character)
    return found.select_related("model").first() or CharacterPreference(
        user=user, character=character
    )


def change_preference(*, user: User, character: Character, **given: Any) -> CharacterPreference:
    """Change the given wishes and no others.

    `model` is a slug, "" for the default; the others are named as in the table, "" for as the
    character is. Raises NotFound for a model that is off, Forbidden for one that this person's
    plan is not enough for, Invalid; then nothing changed.
    """
    values = {field: _checked(user, field, value) for field, value in given.items()}
    preference, _ = CharacterPreference.objects.update_or_create(
        user=user, character=character, defaults=values
    )
    return preference


def problem_of(user: User, slug: str) -> str:
    """Why a model does not answer this person now: `OFF`, `PLAN`, or "" if it would."""
    spec = registry.find_model(slug)
    if spec is None:
        return OFF
    return "" if gates.may_use(user.pk, spec) else PLAN


def _checked(user: User, field: str, value: str) -> Any:
    if field == "model":
        return _model(user, value) if value else None
    if field not in CHOICES:
        raise Invalid(f"There is no preference {field}.", param=field)
    if value not in CHOICES[field].values:
        raise Invalid("That is none of the choices.", param=field)
    return value


def _model(user: User, slug: str) -> Model:
    spec = registry.find_model(slug)
    found = Model.objects.filter(slug=slug).first() if spec else None
    if spec is None or found is None:
        raise NotFound("That model is not available.", code="model_not_found", param="model")
    gates.check(user.pk, spec)
    return found
