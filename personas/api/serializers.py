"""Wire shapes of personas."""

import base64
from typing import Any, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from core.pictures import BYTES_MOST, avatar_url
from personas.models import Persona
from personas.services import DEPTH_MOST, POSITIONS, ROLES, TEXT_CHARS_MOST

_BASE64_CHARS_MOST: Final = BYTES_MOST // 3 * 4 + 100
_OF_DATA_URL: Final = ";base64,"


class PersonaSerializer(serializers.ModelSerializer[Persona]):
    """A persona: who its owner is in a conversation."""

    id = serializers.IntegerField(source="number")
    avatar_uri = serializers.SerializerMethodField()
    # Declared, because the bounds that would be derived differ from database to database.
    attributes = serializers.DictField()
    position = serializers.IntegerField()
    depth = serializers.IntegerField()
    role = serializers.IntegerField()

    class Meta:
        model = Persona
        fields = (
            "id",
            "uid",
            "name",
            "title",
            "description",
            "avatar_uri",
            "attributes",
            "position",
            "depth",
            "role",
            "is_default",
            "created_at",
            "updated_at",
        )

    def get_avatar_uri(self, persona: Persona) -> str:
        """The address of the picture, or "" for none."""
        url = avatar_url(persona.avatar, small=False)
        return self.context["request"].build_absolute_uri(url) if url else ""


class PersonaListSerializer(serializers.Serializer[dict[str, Any]]):
    """One page of personas, by name."""

    personas = PersonaSerializer(many=True)
    count = serializers.IntegerField()
    page = serializers.IntegerField()
    pages = serializers.IntegerField()
    limit = serializers.IntegerField()


class PageSerializer(serializers.Serializer[dict[str, Any]]):
    """Which page of a list is asked for."""

    page = serializers.IntegerField(min_value=1, max_value=100_000, default=1)
    limit = serializers.IntegerField(min_value=1, max_value=500, default=100)


@extend_schema_field({"type": "string", "description": "A picture as base64, or a data URL of one"})
class PictureField(serializers.CharField):
    """A picture as base64; becomes bytes, b"" for an empty text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=_BASE64_CHARS_MOST, allow_blank=True, **options)

    def run_validation(self, data: Any = empty) -> Any:
        text = super().run_validation(data)
        start = text.find(_OF_DATA_URL, 0, 100)
        try:
            return base64.b64decode(text if start < 0 else text[start + len(_OF_DATA_URL) :])
        except ValueError as error:
            raise serializers.ValidationError("This is no base64.", code="invalid") from error


class PersonaWriteSerializer(serializers.Serializer[dict[str, Any]]):
    """What can be said of a persona. An empty `avatar` takes the picture away."""

    name = serializers.CharField(max_length=200)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(
        max_length=TEXT_CHARS_MOST, required=False, allow_blank=True, trim_whitespace=False
    )
    avatar = PictureField(required=False)
    attributes = serializers.DictField(required=False)
    position = serializers.ChoiceField(choices=sorted(POSITIONS), required=False)
    depth = serializers.IntegerField(min_value=0, max_value=DEPTH_MOST, required=False)
    role = serializers.ChoiceField(choices=ROLES, required=False)
    is_default = serializers.BooleanField(required=False)

    def values(self) -> dict[str, Any]:
        """What the services take."""
        values = dict(self.validated_data)
        if (picture := values.pop("avatar", None)) is not None:
            values |= {"picture": picture} if picture else {"avatar": ""}
        return values


class PersonaDeletedSerializer(serializers.Serializer[dict[str, Any]]):
    deleted = serializers.BooleanField()
