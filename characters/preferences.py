"""How a person likes a character to answer them: which model, how bold, how long."""

from typing import Any, Final

from accounts.models import User
from characters.models import Character, CharacterPreference
from core.errors import Invalid, NotFound
from llm import registry
from llm.models import Model

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
    character is. Raises NotFound for a model that is off, Invalid; then nothing changed.
    """
    values = {field: _checked(field, value) for field, value in given.items()}
    preference, _ = CharacterPreference.objects.update_or_create(
        user=user, character=character, defaults=values
    )
    return preference


def _checked(field: str, value: str) -> Any:
    if field == "model":
        return _model(value) if value else None
    if field not in CHOICES:
        raise Invalid(f"There is no preference {field}.", param=field)
    if value not in CHOICES[field].values:
        raise Invalid("That is none of the choices.", param=field)
    return value


def _model(slug: str) -> Model:
    found = Model.objects.filter(slug=slug).first() if registry.find_model(slug) else None
    if found is None:
        raise NotFound("That model is not available.", code="model_not_found")
    return found
