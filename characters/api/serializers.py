"""Wire shapes of how a person likes a character to answer."""

from typing import Any

from rest_framework import serializers

from characters.models import CharacterPreference


class PreferencesWriteSerializer(serializers.Serializer[dict[str, Any]]):
    """What can be wished for. "" is the usual: the default model, or as the character is."""

    model = serializers.CharField(
        max_length=200, required=False, allow_blank=True, help_text="A slug of the catalogue."
    )
    nsfw_intensity = serializers.ChoiceField(
        choices=CharacterPreference.Intensity.values, required=False
    )
    narration_style = serializers.ChoiceField(
        choices=CharacterPreference.Narration.values, required=False
    )
    response_length = serializers.ChoiceField(
        choices=CharacterPreference.Length.values, required=False
    )


class PreferencesSerializer(serializers.Serializer[dict[str, Any]]):
    """How one likes a character to answer. `model_problem` says why another model does now."""

    model = serializers.CharField(allow_blank=True)
    model_problem = serializers.ChoiceField(choices=["", "model_off", "plan_required"])
    nsfw_intensity = serializers.ChoiceField(choices=CharacterPreference.Intensity.values)
    narration_style = serializers.ChoiceField(choices=CharacterPreference.Narration.values)
    response_length = serializers.ChoiceField(choices=CharacterPreference.Length.values)
