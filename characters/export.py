"""A character as a file again."""

import io
from dataclasses import fields
from typing import Final

import orjson
from PIL import Image

from characters import cards, portraits
from characters.cards import Card
from characters.cards.values import BESIDE_DATA
from characters.models import CardOriginal, Character
from core import pictures, png
from core.errors import Invalid, NotFound
from core.pictures import avatar_path

FORMATS: Final = ("original", "v3", "v2", "png")
_NOT_ON_THE_ROW: Final = {"tags", *BESIDE_DATA} - {"unknown"}
_FORM_OF_TYPE: Final = {"image/png": "png"}
_FORM_OF_SPEC: Final = {"chara_card_v3": "v3", "chara_card_v2": "v2"}


def card_of(character: Character) -> Card:
    """The character as a card's value."""
    values = {
        entry.name: getattr(character, entry.name)
        for entry in fields(Card)
        if entry.name not in _NOT_ON_THE_ROW
    }
    return Card(tags=list(character.card_tags), **values)


def export_character(character: Character, form: str) -> bytes:
    """The bytes of a card in one of `FORMATS`. Raises NotFound without an original.

    An imported character that nobody changed comes out as the very file it came in.
    """
    row = CardOriginal.objects.filter(character=character).first()
    original = bytes(row.data) if row else None
    if form == "original":
        if original is None:
            raise NotFound("This character was not imported, so there is no original file.")
        return original
    card = card_of(character)
    if form == "png":
        return _as_png(character, card, original)
    if original is not None and _is_untouched(card, original, form):
        return original
    whole = cards.to_v2(card) if form == "v2" else cards.to_v3(card)
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _as_png(character: Character, card: Card, original: bytes | None) -> bytes:
    if original is None or not _is_portrait(character, original):
        return cards.to_png(card, _portrait(character))
    return original if _is_untouched(card, original, "png") else cards.to_png(card, original)


def _is_untouched(card: Card, original: bytes, form: str) -> bool:
    """Whether the file is of this form and still says what the character says."""
    try:
        read = cards.read_card(original)
    except Invalid:
        return False
    is_json = read.media_type == "application/json"
    written = _FORM_OF_SPEC.get(read.spec) if is_json else _FORM_OF_TYPE.get(read.media_type)
    return written == form and cards.to_v3(read) == cards.to_v3(card)


def _is_portrait(character: Character, original: bytes) -> bool:
    """Whether the file is a PNG and shows what the character shows today."""
    if not png.is_png(original):
        return False
    try:
        return pictures.name_of(pictures.read_picture(original)) == character.avatar
    except Invalid:
        return False


def _portrait(character: Character) -> bytes:
    """Today's portrait as PNG, painted if there is none."""
    try:
        picture: Image.Image = Image.open(avatar_path(f"{character.avatar}.webp"))
    except NotFound:
        picture = portraits.paint(character.name, character.hue)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
