"""Cards and pictures made for the tests."""

import base64
import io
import json
import struct
import zlib
from typing import Any

from PIL import Image

from characters.cards import Card
from core import png

V2: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Ada",
        "description": "Counts things.",
        "personality": "Exact",
        "scenario": "A library",
        "first_mes": "One.",
        "mes_example": "<START>",
        "creator_notes": "notes",
        "system_prompt": "{{original}} Count.",
        "post_history_instructions": "Go on.",
        "alternate_greetings": ["Two."],
        "character_book": {"entries": [{"keys": ["x"], "content": "y"}], "extensions": {}},
        "tags": ["maths"],
        "creator": "us",
        "character_version": "1",
        "extensions": {"ours": {"deep": [1]}},
        "made_up": {"kept": True},
    },
    "root_extra": 5,
}


def mended(card: Card) -> list[str]:
    """What the notes say beside what was read."""
    return [note.text for note in card.notes if note.kind != "read"]


def as_json(card: Any) -> bytes:
    return json.dumps(card).encode()


def picture(size: tuple[int, int] = (8, 12)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 20, 160)).save(out, "PNG")
    return out.getvalue()


def in_png(card: Any = V2, keyword: str = "chara") -> bytes:
    return png.with_texts(picture(), {keyword: base64.b64encode(as_json(card))})


def chunk(kind: bytes, body: bytes, *, crc: int | None = None) -> bytes:
    right = zlib.crc32(kind + body)
    return (
        struct.pack(">I4s", len(body), kind)
        + body
        + struct.pack(">I", right if crc is None else crc)
    )


def v2(**data: Any) -> dict[str, Any]:
    """The version 2 card with some of its data changed."""
    return {**V2, "data": {**V2["data"], **data}}
