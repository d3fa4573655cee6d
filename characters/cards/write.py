"""Cards as bytes again: objects of versions 2 and 3, PNG pictures and CHARX archives. Pure."""

import base64
import unicodedata
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final

import orjson

from characters.cards.archive import folders_of, write_archive
from characters.cards.charx import CARD_PATH, EMBEDDED, icon_of, main_icon
from characters.cards.json_form import OLDER_COPY_NOTE
from characters.cards.png_form import ASSET_SCHEME
from characters.cards.values import BESIDE_DATA, V1_FIELDS, Card, Member, refuse
from core import png
from lore.decorators import undecorated

_KINDS: Final = (
    (png.SIGNATURE, "png", "image"),
    (b"\xff\xd8\xff", "jpg", "image"),
    (b"GIF8", "gif", "image"),
    (b"RIFF", "webp", "image"),
    (b"OggS", "ogg", "audio"),
    (b"ID3", "mp3", "audio"),
)
_PATH_CHARS_MOST: Final = 200
_NO_PARTS: Final = ("", ".", "..")
_NEWER_FIELDS: Final = (
    "nickname",
    "creator_notes_multilingual",
    "source",
    "group_only_greetings",
    "assets",
)


def to_v3(card: Card) -> dict[str, Any]:
    """The card as a version 3 object, with every unknown key where it was found.

    Root copies of version 1 fields, which some programs read, say what the data says.
    """
    data: dict[str, Any] = {**card.unknown.get("data", {})}
    for entry in fields(card):
        if entry.name not in BESIDE_DATA:
            data[entry.name] = getattr(card, entry.name)
    for name in ("character_book", "assets", "creation_date", "modification_date"):
        if data[name] is None:
            del data[name]
    for name in ("nickname", "creator_notes_multilingual", "source"):
        if not data[name]:
            del data[name]
    root = card.unknown.get("root", {})
    copies = {name: data[name] for name in ("name", *V1_FIELDS) if name in root}
    return {**root, **copies, "spec": "chara_card_v3", "spec_version": "3.0", "data": data}


def to_v2(card: Card) -> dict[str, Any]:
    """The card as a version 2 object, for programs that know no newer one."""
    whole = to_v3(card)
    data = {k: v for k, v in whole["data"].items() if k not in _NEWER_FIELDS}
    return {**whole, "spec": "chara_card_v2", "spec_version": "2.0", "data": data}


def to_png(card: Card, picture: bytes) -> bytes:
    """The picture with the card in it, in both versions, instead of any it had.

    `picture` must be a PNG; else Invalid. The version 2 copy is for programs that cannot read
    version 3: its lore entries lose their decorators, and its creator's notes say what it is.
    """
    if not png.is_png(picture):
        raise refuse("Only PNG pictures can hold a card.", "card_picture_not_png")
    return png.with_texts(
        picture,
        {
            "chara": base64.b64encode(orjson.dumps(_older_copy(card))),
            "ccv3": base64.b64encode(orjson.dumps(to_v3(card))),
        },
    )


def _older_copy(card: Card) -> dict[str, Any]:
    whole = to_v2(card)
    data = whole["data"]
    told = "\n\n".join(text for text in (data["creator_notes"], OLDER_COPY_NOTE) if text)
    copy = {**data, "creator_notes": told}
    if card.character_book:
        entries = [_plain_entry(entry) for entry in card.character_book["entries"]]
        copy["character_book"] = {**card.character_book, "entries": entries}
    return {**whole, "data": copy}


def _plain_entry(entry: dict[str, Any]) -> dict[str, Any]:
    content = entry.get("content")
    return {**entry, "content": undecorated(content)} if isinstance(content, str) else entry


def to_charx(card: Card, picture: bytes | None = None) -> bytes:
    """The card, its asset files and its other members as a CHARX archive, stored.

    `picture` becomes the main icon; without it, the icon that the card brought stays, else the
    picture it was read from. Paths that are not ASCII are renamed, and files of older pictures
    get paths, with the URIs that name them. Raises Invalid if the archive would be too large.
    """
    members, renamed = _placed([*card.asset_files, *card.other_files])
    whole = to_v3(card)
    data = whole["data"]
    for name in ("assets", "extensions"):
        if name in data:
            data[name] = _with_uris(data[name], renamed)
    own = main_icon(card)
    picture = picture if picture is not None else own or card.picture
    if picture is not None and picture != own:
        icon, member = _as_icon(picture, {path for path, _ in members})
        data["assets"] = [icon, *_without_icon(data.get("assets"))]
        members = [member, *members]
    text = orjson.dumps(whole, option=orjson.OPT_INDENT_2)
    return write_archive([Member(CARD_PATH, text), *members])


def _placed(files: Iterable[Member]) -> tuple[list[Member], dict[str, str]]:
    """The files under ASCII paths of an archive, and the new URI of each old one."""
    placed: dict[str, bytes] = {}
    renamed: dict[str, str] = {}
    taken = {CARD_PATH}
    for old, data in files:
        path = _path_of(old, data)
        if any(folder in placed for folder in folders_of(path)):
            path = path.replace("/", "_")
        path = _free(path, taken)
        taken.update((path, *folders_of(path)))
        placed[path] = data
        if path != old:
            uri = old if old.startswith(ASSET_SCHEME) else f"{EMBEDDED}{old}"
            renamed[uri] = f"{EMBEDDED}{path}"
    return [Member(path, data) for path, data in placed.items()], renamed


def _path_of(old: str, data: bytes) -> str:
    if old.startswith(ASSET_SCHEME):
        name = old.removeprefix(ASSET_SCHEME).replace("/", "_").lstrip(".")
        suffix, kind = _kind_of(data)
        return _ascii(f"assets/other/{kind}/{name or 'file'}.{suffix}")
    return _ascii(old)


def _ascii(path: str) -> str:
    """The path as `read_archive` takes it, in ASCII: accents off, other letters by number."""
    plain = path if path.isascii() else unicodedata.normalize("NFKD", path)
    spelt = "".join(
        letter if letter.isascii() and letter.isprintable() else f"u{ord(letter):x}"
        for letter in plain
        if not unicodedata.combining(letter)
    )
    parts = [
        part
        for part in spelt.replace("\\", "/").replace(":", "-").split("/")
        if part not in _NO_PARTS
    ]
    clean = "/".join(parts) or "file"
    return clean if len(clean) <= _PATH_CHARS_MOST else f"{clean[:100]}~{clean[-80:]}"


def _free(path: str, taken: set[str]) -> str:
    """The path, or the first numbered one that no other file has."""
    stem, dot, suffix = path.rpartition(".")
    if not dot or "/" in suffix:
        stem, suffix = path, ""
    number = 1
    while path in taken:
        number += 1
        path = f"{stem}-{number}{dot if suffix else ''}{suffix}"
    return path


def _kind_of(data: bytes) -> tuple[str, str]:
    """A file's suffix and the folder of its kind, by how it begins."""
    for start, suffix, kind in _KINDS:
        if data.startswith(start):
            return suffix, f"{kind}s" if kind == "image" else kind
    return "bin", "other"


def _with_uris(value: Any, renamed: dict[str, str]) -> Any:
    if isinstance(value, str):
        return renamed.get(value, value)
    if isinstance(value, list):
        return [_with_uris(item, renamed) for item in value]
    if isinstance(value, dict):
        return {key: _with_uris(item, renamed) for key, item in value.items()}
    return value


def _as_icon(picture: bytes, taken: set[str]) -> tuple[dict[str, str], Member]:
    """A picture as the main icon. A card in its texts would soon be stale, so it goes."""
    data = png.without_card(picture) if png.is_png(picture) else picture
    suffix, _ = _kind_of(data)
    path = _free(f"assets/icon/images/main.{suffix}", taken)
    asset = {"type": "icon", "uri": f"{EMBEDDED}{path}", "name": "main", "ext": suffix}
    return asset, Member(path, data)


def _without_icon(assets: list[Any] | None) -> list[Any]:
    """The other assets; the main icon is replaced."""
    main = icon_of(assets)
    return [item for item in assets or [] if item is not main]
