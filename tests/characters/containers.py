"""Archives and WebP pictures made for the tests, byte by byte where that matters."""

import io
import json
import stat
import struct
import zipfile
from typing import Any

from characters.cards import Card, to_v3
from tests.characters.build import V2

EMBEDDED_ICON = {"type": "icon", "uri": "embeded://assets/icon/main.png", "name": "main"}


def v3(**data: Any) -> dict[str, Any]:
    """A version 3 card with some of its data changed."""
    return {"spec": "chara_card_v3", "spec_version": "3.0", "data": {**V2["data"], **data}}


def zipped(members: dict[str, Any], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive; values that are no bytes are written as JSON."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for path, data in members.items():
            archive.writestr(path, data if isinstance(data, bytes) else json.dumps(data))
    return out.getvalue()


def with_link(members: dict[str, Any], path: str, target: bytes) -> bytes:
    out = io.BytesIO(zipped(members))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo(path)
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, target)
    return out.getvalue()


def exif(text: bytes, *, tag: int = 0x9286, order: str = "<", nested: bool = True) -> bytes:
    """A TIFF block with this text under this tag, in the EXIF folder or in the first one."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    if not nested:
        field = struct.pack(f"{order}HHHII", 1, tag, 7, len(text), 26)
        return mark + struct.pack(f"{order}I", 8) + field + b"\0" * 4 + text
    folder = struct.pack(f"{order}HHHII", 1, 0x8769, 4, 1, 26) + b"\0" * 4
    field = struct.pack(f"{order}HHHII", 1, tag, 7, len(text), 44) + b"\0" * 4
    return mark + struct.pack(f"{order}I", 8) + folder + field + text


def webp(exif_block: bytes, *, marker: bytes = b"") -> bytes:
    """A WebP file whose pixels are nonsense, for nobody looks at them here."""
    parts = [(b"VP8X", b"\0" * 10), (b"VP8 ", b"odd"), (b"EXIF", marker + exif_block)]
    body = b"".join(
        kind + struct.pack("<I", len(part)) + part + b"\0" * (len(part) % 2) for kind, part in parts
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def data_of(card: Card) -> dict[str, Any]:
    """What a card says, for comparing."""
    return to_v3(card)
