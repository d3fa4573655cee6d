"""Cards inside WebP pictures, where older programs put them into EXIF. Pure: nothing is decoded."""

import struct
from collections.abc import Iterator
from typing import Final

from characters.cards.json_form import read_json
from characters.cards.png_form import decode_text
from characters.cards.values import CARD_BYTES_MOST, Card, Note, refuse
from core.errors import Invalid

CHUNKS_MOST: Final = 2000
FIELDS_MOST: Final = 512
_HEAD: Final = 8
_FIELD: Final = 12
_EXIF_FOLDER: Final = 0x8769
# Where cards have been seen, the usual place first: UserComment, ImageDescription, XPComment.
_PLACES: Final = {0x9286: "UserComment", 0x010E: "ImageDescription", 0x9C9C: "XPComment"}
_CHARSETS: Final = (b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0", b"\0" * 8)
_BYTE_KINDS: Final = (1, 2, 7)
_TEXT_BYTES_MOST: Final = 2 * CARD_BYTES_MOST
_COMMA_BYTES_MOST: Final = 2 * 1024 * 1024


def is_webp(data: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == b"WEBP"


def read_webp(data: bytes, filename: str = "") -> Card:
    """The card in a WebP's EXIF. Raises Invalid."""
    notes: list[Note] = []
    if filename.lower().endswith(".png"):
        notes.append(Note("repaired", "The file is named PNG but is a WebP picture."))
    found = dict(_texts(_exif(data)))
    for tag, called in _PLACES.items():
        text = _bare(bytes(found.get(tag, b"")))
        if _may_be_card(text):
            card = _read(text, called, notes)
            card.picture, card.media_type = data, "image/webp"
            return card
    raise refuse("There is no character card inside this picture.", "no_card")


def _read(text: bytes, tag: str, notes: list[Note]) -> Card:
    place = f"the EXIF {tag} of a WebP picture"
    if text[:1] == b"{":
        return read_json(text, place=place, notes=notes)
    if text[:3].isdigit() and b"," in text[:4]:
        return read_json(_from_numbers(text), place=place, notes=notes)
    return read_json(decode_text(text, notes=notes), place=place, notes=notes)


def _exif(data: bytes) -> bytes:
    """The body of the first EXIF chunk, whose TIFF header may come after a marker."""
    offset = 12
    for _ in range(CHUNKS_MOST):
        head = data[offset : offset + _HEAD]
        if len(head) < _HEAD:
            return b""
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF":
            return data[offset + _HEAD : offset + _HEAD + length].removeprefix(b"Exif\0\0")
        offset += _HEAD + length + length % 2
    raise refuse("This WebP has more parts than any picture needs.", "card_too_complex")


def _texts(exif: bytes) -> Iterator[tuple[int, memoryview]]:
    """(tag, text) of every field that may hold text, of the picture's folders."""
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < _HEAD:
        return
    (first,) = struct.unpack_from(f"{order}I", exif, 4)
    fields = list(_fields(exif, order, first))
    inner = next((value for tag, _, _, value in fields if tag == _EXIF_FOLDER), None)
    if inner is not None:
        fields += _fields(exif, order, *struct.unpack(f"{order}I", inner))
    for field in fields:
        yield from _text(exif, order, field)


_Field = tuple[int, int, int, bytes]


def _fields(exif: bytes, order: str, offset: int) -> Iterator[_Field]:
    if offset + 2 > len(exif):
        return
    (count,) = struct.unpack_from(f"{order}H", exif, offset)
    for index in range(min(count, FIELDS_MOST)):
        place = offset + 2 + index * _FIELD
        if place + _FIELD > len(exif):
            return
        yield struct.unpack_from(f"{order}HHI4s", exif, place)


def _text(exif: bytes, order: str, field: _Field) -> Iterator[tuple[int, memoryview]]:
    """A view and no copy, for many fields may claim to hold the whole file."""
    tag, kind, count, value = field
    if tag not in _PLACES or kind not in _BYTE_KINDS or count > _TEXT_BYTES_MOST:
        return
    (start,) = struct.unpack(f"{order}I", value)
    text = memoryview(exif)[start : start + count]
    if len(text) == count:
        yield tag, text


def _bare(text: bytes) -> bytes:
    """UTF-8 without the mark that says how the text was written."""
    for charset in _CHARSETS:
        if text.startswith(charset):
            text = text[len(charset) :]
            break
    if b"\0" in text[:4]:
        order = "utf-16-be" if text[:1] == b"\0" or text[:2] == b"\xfe\xff" else "utf-16-le"
        text = text.decode(order, "replace").lstrip("\ufeff").encode("utf-8", "replace")
    return text.strip(b"\0 \t\r\n")


def _may_be_card(text: bytes) -> bool:
    """Whether this is JSON, base64 of JSON, or the bytes of JSON as numbers."""
    return text[:1] == b"{" or text[:2] in (b"ey", b"ew") or text[:4] == b"123,"


def _from_numbers(text: bytes) -> bytes:
    if len(text) > _COMMA_BYTES_MOST:
        raise refuse("The card inside this picture is too large.", "card_too_large")
    try:
        return bytes(int(number) for number in text.split(b","))
    except ValueError as error:
        raise _damaged() from error


def _damaged() -> Invalid:
    return refuse("The card inside this picture is damaged.", "card_damaged")
