"""Fields of an entry on the wire: choices by name, every other field after its type."""

from enum import IntEnum
from typing import Any, Final, get_type_hints

from drf_spectacular.utils import extend_schema_field
from msgspec.structs import fields
from rest_framework import serializers

from lore.formats.reading import KEY_CHARS_MOST, KEYS_MOST
from lore.values import CharacterFilter, Entry, Logic, Position, Role

RENAMED: Final = {"keys": "key", "order": "insertion_order"}
"""Names of our own fields that the wire calls otherwise."""

_KEPT_INSIDE: Final = ("uid", "unknown", "display_index")
_HINTS: Final = get_type_hints(Entry)
_PLAIN: Final[dict[Any, type[serializers.Field[Any, Any, Any, Any]]]] = {
    bool: serializers.BooleanField,
    int: serializers.IntegerField,
    str: serializers.CharField,
}


class EnumField(serializers.Field[Any, Any, Any, Any]):
    """A choice by its name in lower case. Its number is taken too."""

    def __init__(self, kind: type[IntEnum], **options: Any) -> None:
        self.kind = kind
        super().__init__(**options)

    def to_internal_value(self, data: Any) -> int:
        for member in self.kind:
            by_number = data == member.value and not isinstance(data, bool)
            if by_number or data == member.name.lower():
                return int(member)
        names = ", ".join(member.name.lower() for member in self.kind)
        raise serializers.ValidationError(f"Give one of {names}.", code="invalid_choice")

    def to_representation(self, value: Any) -> str:
        return self.kind(value).name.lower()


def _schema_of(kind: type[IntEnum]) -> dict[str, Any]:
    return {"type": "string", "enum": [member.name.lower() for member in kind]}


@extend_schema_field(_schema_of(Logic))
class LogicField(EnumField):
    """How secondary keys narrow an entry."""


@extend_schema_field(_schema_of(Position))
class PositionField(EnumField):
    """Where in the prompt an entry goes."""


@extend_schema_field(_schema_of(Role))
class RoleField(EnumField):
    """Who says an entry that stands among the messages."""


class TextsField(serializers.ListField):
    """A list of texts within the limits of keys."""

    def __init__(self, **options: Any) -> None:
        child = serializers.CharField(
            allow_blank=True, trim_whitespace=False, max_length=KEY_CHARS_MOST
        )
        super().__init__(child=child, max_length=KEYS_MOST, **options)


class CharacterFilterSerializer(serializers.Serializer[CharacterFilter]):
    """With whom an entry is (or, with `is_exclude`, is not) in play."""

    is_exclude = serializers.BooleanField(required=False)
    names = TextsField(required=False)
    tags = TextsField(required=False)


_CHOICES: Final[dict[str, type[EnumField]]] = {
    "selective_logic": LogicField,
    "position": PositionField,
    "role": RoleField,
}


def _field(name: str) -> serializers.Field[Any, Any, Any, Any]:
    source = {"source": name} if name in RENAMED else {}
    options: dict[str, Any] = {"required": name in ("keys", "content"), **source}
    hint = _HINTS[name]
    if name in _CHOICES:
        return _CHOICES[name](hint, **options)
    if name == "character_filter":
        return CharacterFilterSerializer(**options)
    if hint == tuple[str, ...]:
        return TextsField(**options)
    kinds = getattr(hint, "__args__", (hint,))
    if type(None) in kinds:
        options["allow_null"] = True
    if kinds[0] is str:
        options |= {"allow_blank": True, "trim_whitespace": False}
    return _PLAIN[kinds[0]](**options)


def entry_fields() -> dict[str, serializers.Field[Any, Any, Any, Any]]:
    """The field of every part of an entry that the wire shows, by its name there."""
    names = [field.name for field in fields(Entry) if field.name not in _KEPT_INSIDE]
    return {RENAMED.get(name, name): _field(name) for name in names}
