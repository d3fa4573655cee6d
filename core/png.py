"""PNG chunks: reading text out of them and splicing text in, without touching a pixel."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from core.errors import Invalid

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHUNKS_MOST: Final = 20_000
# What keywords of files that older programs embedded begin with; a few leave the colon out.
_ASSET_PREFIXES: Final = ("chara-ext-asset_:", "chara-ext-asset_")
_TEXT_KINDS: Final = (b"tEXt", b"zTXt", b"iTXt")
_HEAD: Final = 8
_CRC: Final = 4


def is_png(data: bytes) -> bool:
    return data.startswith(SIGNATURE)


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of each chunk. A wrong checksum is let pass; a cut-off file ends early."""
    offset = len(SIGNATURE)
    for _ in range(CHUNKS_MOST):
        head = data[offset : offset + _HEAD]
        if len(head) < _HEAD:
            return
        length, kind = struct.unpack(">I4s", head)
        body = data[offset + _HEAD : offset + _HEAD + length]
        if len(body) < length:
            return
        yield kind, body
        if kind == b"IEND":
            return
        offset += _HEAD + length + _CRC
    raise Invalid("This PNG has more parts than any picture needs.", code="picture_too_complex")


def texts(data: bytes) -> dict[str, bytes]:
    """The tEXt chunks by lower-case keyword; the last one of a keyword counts."""
    found: dict[str, bytes] = {}
    for kind, body in chunks(data):
        if kind == b"tEXt":
            keyword, separator, text = body.partition(b"\x00")
            if separator and not _asset_name(keyword):
                found[keyword.decode("latin-1").lower()] = text
    return found


def asset_texts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """(name, base64 text) of each file embedded as a tEXt chunk `chara-ext-asset_:name`."""
    for kind, body in chunks(data):
        keyword, separator, text = body.partition(b"\x00") if kind == b"tEXt" else (b"", b"", b"")
        name = _asset_name(keyword)
        if separator and name:
            yield name, text


def _asset_name(keyword: bytes) -> str:
    text = keyword.decode("latin-1")
    for prefix in _ASSET_PREFIXES:
        if text.lower().startswith(prefix):
            return text[len(prefix) :]
    return ""


def compressed_keywords(data: bytes) -> set[str]:
    """The lower-case keywords of zTXt and iTXt chunks, whose texts are never inflated here."""
    return {
        body.partition(b"\x00")[0].decode("latin-1").lower()
        for kind, body in chunks(data)
        if kind in (b"zTXt", b"iTXt")
    }


def size(data: bytes) -> tuple[int, int] | None:
    """Width and height by the header, before anything is decoded."""
    for kind, body in chunks(data):
        if kind == b"IHDR" and len(body) >= 8:  # noqa: PLR2004 - two 32-bit numbers
            width, height = struct.unpack(">II", body[:8])
            return width, height
    return None


def with_texts(data: bytes, new: dict[str, bytes]) -> bytes:
    """The same picture with these tEXt chunks before its end, instead of any text it had.

    Every other chunk stays, in its order: animations, colour profiles, EXIF.
    """
    added = [_chunk(b"tEXt", k.encode() + b"\x00" + text) for k, text in new.items()]
    kept = _chunks_without(data, {keyword.lower() for keyword in new})
    return b"".join([SIGNATURE, *kept, *added, _chunk(b"IEND", b"")])


def without_card(data: bytes) -> bytes:
    """The same picture without a card or files in its texts."""
    kept = _chunks_without(data, {"chara", "ccv3"}, assets=True)
    return b"".join([SIGNATURE, *kept, _chunk(b"IEND", b"")])


def _chunks_without(data: bytes, keywords: set[str], *, assets: bool = False) -> Iterator[bytes]:
    for kind, body in chunks(data):
        keyword = body.partition(b"\x00")[0] if kind in _TEXT_KINDS else b""
        dropped = keyword.decode("latin-1").lower() in keywords
        if kind != b"IEND" and not dropped and not (assets and _asset_name(keyword)):
            yield _chunk(kind, body)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))
