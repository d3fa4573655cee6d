"""PNG chunks: reading text out of them and splicing text in, without touching a pixel."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

from core.errors import Invalid

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
CHUNKS_MOST: Final = 20_000
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
            if separator:
                found[keyword.decode("latin-1").lower()] = text
    return found


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
    """The same picture with these tEXt chunks before its end, instead of any it had."""
    replaced = {keyword.lower() for keyword in new}
    parts = [SIGNATURE]
    added = [_chunk(b"tEXt", k.encode() + b"\x00" + text) for k, text in new.items()]
    for kind, body in chunks(data):
        if kind == b"tEXt" and body.partition(b"\x00")[0].decode("latin-1").lower() in replaced:
            continue
        if kind != b"IEND":
            parts.append(_chunk(kind, body))
    return b"".join([*parts, *added, _chunk(b"IEND", b"")])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body), kind) + body + struct.pack(">I", zlib.crc32(kind + body))
