"""A character as a file again."""

import io
from dataclasses import fields
from typing import Final

import orjson
from PIL import Image

from characters import cards
from characters.cards import Card
from characters.media import avatar_path
from characters.models import CardOriginal, Character
from core.errors import NotFound

FORMATS: Final = ("original", "v3", "v2", "png")
_NOT_ON_THE_ROW: Final = {"tags", "spec", "picture", "media_type", "notes"}


def card_of(character: Character) -> Card:
    """The character as a card's value."""
    values = {
        entry.name: getattr(character, entry.name)
        for entry in fields(Card)
        if entry.name not in _NOT_ON_THE_ROW
    }
    return Card(tags=list(character.card_tags), **values)


def export_character(character: Character, form: str) -> bytes:
    """The bytes of a card in one of `FORMATS`. Raises NotFound without an original."""
    if form == "original":
        original = CardOriginal.objects.filter(character=character).first()
        if original is None:
            raise NotFound("This character was not imported, so there is no original file.")
        return bytes(original.data)
    card = card_of(character)
    if form == "png":
        return cards.to_png(card, _portrait(character))
    whole = cards.to_v2(card) if form == "v2" else cards.to_v3(card)
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _portrait(character: Character) -> bytes:
    """The portrait as PNG: the imported picture itself if it was one."""
    original = CardOriginal.objects.filter(character=character, media_type="image/png").first()
    if original is not None:
        return bytes(original.data)
    out = io.BytesIO()
    Image.open(avatar_path(f"{character.avatar}.webp")).save(out, "PNG")
    return out.getvalue()
