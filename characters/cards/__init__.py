"""Character cards: bytes to values and back. Pure: no models, no files.

Reads versions 1, 2 and 3 from JSON, PNG, WebP and CHARX, and the files of some other programs.
What people really have is often a little wrong: such cards are read, and `notes` say what was
mended. Keys and archive members that no specification lists are kept.
"""

from characters.cards.charx import asset_file
from characters.cards.read import read_card
from characters.cards.values import (
    ARCHIVE_BYTES_MOST,
    CARD_BYTES_MOST,
    FILE_BYTES_MOST,
    NAME_CHARS_MOST,
    TEXT_FIELDS,
    Card,
    Member,
    Note,
)
from characters.cards.write import to_charx, to_png, to_v2, to_v3

__all__ = [
    "ARCHIVE_BYTES_MOST",
    "CARD_BYTES_MOST",
    "FILE_BYTES_MOST",
    "NAME_CHARS_MOST",
    "TEXT_FIELDS",
    "Card",
    "Member",
    "Note",
    "asset_file",
    "read_card",
    "to_charx",
    "to_png",
    "to_v2",
    "to_v3",
]
