"""Cards inside PNG and animated PNG pictures. Pure: no pixel is decoded."""

import base64
import binascii
import re
from typing import Final

from characters.cards.json_form import read_json
from characters.cards.values import CARD_BYTES_MOST, PIXELS_MOST, Card, Member, Note, named, refuse
from core import png
from core.errors import Invalid

ASSETS_MOST: Final = 2000
ASSET_SCHEME: Final = "__asset:"
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")


def read_png(data: bytes) -> Card:
    """The card in a picture's text chunks. Raises Invalid."""
    size = png.size(data)
    if size is None or not all(size) or size[0] * size[1] > PIXELS_MOST:
        raise refuse("The picture's size is missing or absurd.", "card_picture_too_large")
    card = _from_texts(png.texts(data), data)
    card.picture = data
    card.media_type = "image/png"
    card.asset_files = _assets(data, card.notes)
    return card


def _from_texts(texts: dict[str, bytes], data: bytes) -> Card:
    newer, older = texts.get("ccv3"), texts.get("chara")
    if newer and older:
        return _from_either(newer, older)
    if newer or older:
        return _from_chunk("ccv3" if newer else "chara", newer or older or b"", notes=[])
    if "persona" in texts:
        raise refuse("This picture holds a persona, not a character.", "is_persona")
    if png.compressed_keywords(data) & {"ccv3", "chara"}:
        raise refuse("The card inside this picture is compressed, which is not read.", "no_card")
    raise refuse("There is no character card inside this picture.", "no_card")


def _from_either(newer: bytes, older: bytes) -> Card:
    """Version 3 if it can be read, else the version 2 copy beside it."""
    both = "The picture holds a version 2 and a version 3 card; version 3 was read."
    try:
        return _from_chunk("ccv3", newer, notes=[Note("ignored", both)])
    except Invalid:
        damaged = "The version 3 card in this picture is damaged; version 2 was read."
        return _from_chunk("chara", older, notes=[Note("repaired", damaged)])


def _from_chunk(keyword: str, text: bytes, *, notes: list[Note]) -> Card:
    place = f"the `{keyword}` chunk of a PNG picture"
    return read_json(decode_text(text, notes=notes), place=place, notes=notes)


def decode_text(text: bytes, *, notes: list[Note]) -> bytes:
    """The JSON in a picture's text, which is base64 or, in a few files, the bare JSON."""
    if len(text) * 3 // 4 > CARD_BYTES_MOST:
        raise refuse("The card inside this picture is too large.", "card_too_large")
    text = text.strip()
    if text[:1] == b"{":
        notes.append(Note("repaired", "The card was bare JSON where base64 is usual."))
        return text
    if text.startswith(b"rcc||"):
        raise refuse("The card inside this picture is encrypted.", "card_encrypted")
    try:
        return from_base64(text)
    except binascii.Error as error:
        raise refuse("The card inside this picture is damaged (base64).", "card_damaged") from error


def from_base64(text: bytes) -> bytes:
    """Bytes of base64 in either alphabet, with line breaks or without its padding."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        bare = _NOT_BASE64.sub(b"", text.replace(b"-", b"+").replace(b"_", b"/"))
        return base64.b64decode(bare + b"=" * (-len(bare) % 4))


def _assets(data: bytes, notes: list[Note]) -> list[Member]:
    """The files that older programs put beside the card as text chunks."""
    found: dict[str, bytes] = {}
    damaged: list[str] = []
    for name, text in png.asset_texts(data):
        if len(found) + len(damaged) >= ASSETS_MOST:
            raise refuse("The picture holds more files than any real card.", "card_too_complex")
        path = f"{ASSET_SCHEME}{name}"
        try:
            found[path] = from_base64(text)
        except binascii.Error:
            damaged.append(path)
    if found:
        notes.append(Note("read", f"Files from the picture's older chunks: {named([*found])}."))
    if damaged:
        told = f"Damaged inside the picture and left out: {named(damaged)}."
        notes.append(Note("ignored", told))
    return [Member(path, content) for path, content in found.items()]
