"""Which container a file is, by its bytes; names of files lie. Pure."""

from typing import Final

from characters.cards.archive import is_archive, read_archive
from characters.cards.byaf import MANIFEST_PATH, read_byaf
from characters.cards.charx import CARD_PATH, read_charx
from characters.cards.json_form import read_json
from characters.cards.png_form import read_png
from characters.cards.values import ARCHIVE_BYTES_MOST, FILE_BYTES_MOST, Card, Note, refuse
from characters.cards.webp import is_webp, read_webp
from characters.cards.yaml_form import is_yaml, read_yaml
from core import png

_ZIP_MARK: Final = b"PK\x03\x04"
_JPEG_MARK: Final = b"\xff\xd8"
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def read_card(data: bytes, filename: str = "") -> Card:
    """The card in a file's bytes. Raises Invalid with a reason that a person understands."""
    if len(data) > FILE_BYTES_MOST:
        return _read_large(data)
    if png.is_png(data):
        return read_png(data)
    if is_webp(data):
        return read_webp(data, filename)
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start in (b"{", b"[") or data[:2] in _UTF16_MARKS:
        return read_json(data, place="a JSON file", notes=[])
    if is_archive(data):
        return _read_archive(data)
    if is_yaml(data, filename) and data:
        return read_yaml(data)
    raise refuse(_why_unreadable(data), "card_not_readable")


def _read_large(data: bytes) -> Card:
    """Archives alone may be larger than a picture with a card."""
    is_large_archive = data.startswith((_ZIP_MARK, _JPEG_MARK)) and is_archive(data)
    most = ARCHIVE_BYTES_MOST if is_large_archive else FILE_BYTES_MOST
    if len(data) > most:
        raise refuse(f"The file is larger than {most // 2**20} MB.", "card_too_large")
    return _read_archive(data)


def _read_archive(data: bytes) -> Card:
    notes: list[Note] = []
    archive = read_archive(data, notes=notes)
    if CARD_PATH not in archive.members and MANIFEST_PATH in archive.members:
        return read_byaf(archive, notes=notes)
    return read_charx(archive, notes=notes)


def _why_unreadable(data: bytes) -> str:
    if data.startswith(_ZIP_MARK):
        return "The archive has no end; it was cut off."
    if data.startswith(_JPEG_MARK):
        return "This is a JPEG picture with no card behind it."
    if not data:
        return "The file is empty."
    return "This is no PNG, WebP, JSON, YAML or CHARX file, so there is no card to read."
