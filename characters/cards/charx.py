"""CHARX: a zip archive with the card, its pictures and whatever else its program put in. Pure.

Some programs put the archive behind a JPEG, so that the file shows as a picture.
"""

import base64
import binascii
from collections.abc import Iterable
from typing import Any, Final

from characters.cards.archive import Archive
from characters.cards.json_form import read_json
from characters.cards.values import Card, Member, Note, named, refuse

CARD_PATH: Final = "card.json"
ASSET_FOLDER: Final = "assets/"
# The specification's spelling, and the one that people write by mistake.
EMBEDDED: Final = "embeded://"
_MISSPELT: Final = "embedded://"
_JPEG: Final = b"\xff\xd8\xff"


def read_charx(archive: Archive, *, notes: list[Note]) -> Card:
    """The card in an unpacked archive, with every other member. Raises Invalid."""
    text = archive.members.get(CARD_PATH)
    if text is None:
        raise refuse("The archive has no card.json at its root, so no card.", "no_card")
    is_picture = archive.before.startswith(_JPEG)
    place = "a CHARX archive behind a JPEG" if is_picture else "a CHARX archive"
    card = read_json(text, place=place, notes=notes)
    for path, data in archive.members.items():
        if path != CARD_PATH:
            files = card.asset_files if path.startswith(ASSET_FOLDER) else card.other_files
            files.append(Member(path, data))
    card.media_type = "image/jpeg" if is_picture else "application/zip"
    card.picture = main_icon(card) or (archive.before if is_picture else None)
    _note_members(card)
    return card


def _note_members(card: Card) -> None:
    count, others = len(card.asset_files), [path for path, _ in card.other_files]
    if count:
        files = "1 asset file was" if count == 1 else f"{count} asset files were"
        card.notes.append(Note("read", f"{files} read."))
    if others:
        card.notes.append(Note("ignored", f"Kept unread from the archive: {named(others)}."))


def icon_of(assets: Iterable[Any] | None) -> dict[str, Any] | None:
    """The main icon among a card's assets: the one named main, else the first."""
    icons = [item for item in assets or () if isinstance(item, dict) and item.get("type") == "icon"]
    return next((item for item in icons if item.get("name") == "main"), icons[0] if icons else None)


def main_icon(card: Card) -> bytes | None:
    """The bytes of the card's main icon, if the card brought them."""
    icon = icon_of(card.assets)
    return asset_file(card, icon.get("uri")) if icon else None


def asset_file(card: Card, uri: Any) -> bytes | None:
    """The bytes that an asset's `uri` names, if they came with the card. Nothing is fetched."""
    if not isinstance(uri, str):
        return None
    if uri.startswith("data:"):
        return _in_line(uri)
    path = uri.removeprefix(EMBEDDED).removeprefix(_MISSPELT)
    members: list[Member] = [*card.asset_files, *card.other_files]
    return next((data for name, data in members if name == path), None)


def _in_line(uri: str) -> bytes | None:
    head, comma, text = uri.partition(",")
    if not comma or not head.endswith(";base64"):
        return None
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
