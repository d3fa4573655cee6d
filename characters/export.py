"""A character as a file again."""

import io
from dataclasses import fields
from typing import Final

import orjson
from PIL import Image

from characters import cards, portraits
from characters.cards import Card
from characters.cards.values import BESIDE_DATA
from characters.models import CardOriginal, Character, CharacterVersion
from core import pictures, png
from core.errors import Invalid, NotFound
from core.pictures import avatar_path

FORMATS: Final = ("original", "v3", "v2", "png", "charx")
_NOT_ON_THE_ROW: Final = {"tags", *BESIDE_DATA} - {"unknown"}
_FORM_OF_TYPE: Final = {"image/png": "png", "application/zip": "charx", "image/jpeg": "charx"}
_FORMS_WITH_PICTURE: Final = ("png", "charx")
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

    An imported character that nobody changed comes out as the very file it came in, if that has
    this form. Files that came with a card are read out of the original again.
    """
    original = CardOriginal.objects.filter(character=character).first()
    if form == "original" and original is None:
        raise NotFound("This character was not imported, so there is no original file.")
    if original is not None and (form == "original" or _is_that_file(character, original, form)):
        return bytes(original.data)
    card = card_of(character)
    if form == "png":
        return _as_png(character, card, original)
    if form == "charx":
        return _as_charx(character, card, original)
    whole = cards.to_v2(card) if form == "v2" else cards.to_v3(card)
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _as_png(character: Character, card: Card, original: CardOriginal | None) -> bytes:
    """In the picture it came in, with whatever else that holds, while that is the portrait."""
    if original is not None and png.is_png(data := bytes(original.data)):
        return cards.to_png(card, data if _is_portrait(character, data) else _portrait(character))
    return cards.to_png(card, _portrait(character))


def _as_charx(character: Character, card: Card, original: CardOriginal | None) -> bytes:
    """With every file of the original. The picture it brought stays while it is the portrait."""
    came = _read(original)
    if original is None or came is None:
        return cards.to_charx(card, _portrait(character))
    card.asset_files, card.other_files = came.asset_files, came.other_files
    card.picture = came.picture
    keeps = came.picture is not None and _shows_portrait(character, original, came)
    return cards.to_charx(card, None if keeps else _portrait(character))


def _is_that_file(character: Character, original: CardOriginal, form: str) -> bool:
    """Whether the file is of this form and still says and shows what the character does.

    What it says is judged by versions, for a card that was mended when it was read never says
    quite what its file says.
    """
    came = _read(original)
    if came is None or _form_of(came) != form:
        return False
    if form in _FORMS_WITH_PICTURE and not _shows_portrait(character, original, came):
        return False
    if original.number is None:
        return cards.to_v3(came) == cards.to_v3(card_of(character))
    return character.number == original.number or _same_versions(character, original.number)


def _same_versions(character: Character, number: int) -> bool:
    """Whether the current version says what that one said, as when it was restored."""
    rows = CharacterVersion.objects.filter(
        character=character, number__in=(number, character.number)
    )
    kept = dict(rows.values_list("number", "card"))
    return len(kept) > 1 and kept[number] == kept[character.number]


def _form_of(card: Card) -> str:
    if card.media_type == "application/json":
        return _FORM_OF_SPEC.get(card.spec, "")
    return "" if card.spec == "byaf" else _FORM_OF_TYPE.get(card.media_type, "")


def _read(original: CardOriginal | None) -> Card | None:
    if original is None:
        return None
    try:
        return cards.read_card(bytes(original.data), original.filename)
    except Invalid:
        return None


def _shows_portrait(character: Character, original: CardOriginal, came: Card) -> bool:
    """Whether the portrait is still the one that the file brought, or was painted for it."""
    if original.avatar:
        return original.avatar == character.avatar
    return came.picture is not None and _is_portrait(character, came.picture)


def _is_portrait(character: Character, picture: bytes) -> bool:
    """Whether the picture can be seen and is what the character shows today."""
    try:
        return pictures.name_of(pictures.read_picture(picture)) == character.avatar
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
