"""What a file that somebody brought is. Told by its contents; its name only hints. Pure."""

from enum import StrEnum
from typing import Any, Final

from characters.cards import read_card
from chats.files.foreign import read_document
from chats.files.reading import LINE_BYTES_MOST
from core import png
from core.errors import Invalid
from core.jsontext import looks_like_json, read_json

_LINES: Final = (".jsonl", ".txt")
_CARD_KEYWORDS: Final = ("ccv3", "chara")


class Kind(StrEnum):
    CARD = "character"
    BOOK = "lorebook"
    PERSONAS = "persona"
    CHAT = "chat"


def kind_of(data: bytes, filename: str = "") -> Kind:
    """The kind whose reader should be tried; that reader says what is wrong, if anything is.

    Raises Invalid for what no reader would take.
    """
    if filename.lower().endswith(_LINES):
        return Kind.CHAT
    if png.is_png(data):
        return _kind_of_picture(data)
    if not looks_like_json(data):
        read_card(data, filename)  # which knows other kinds of cards, and says best why it is none
        return Kind.CARD
    return _kind_of_json(data)


def _kind_of_picture(data: bytes) -> Kind:
    texts = png.texts(data)
    if any(texts.get(keyword) for keyword in _CARD_KEYWORDS):
        return Kind.CARD
    if texts.get("naidata"):
        return Kind.BOOK
    return Kind.PERSONAS if texts.get("persona") else Kind.CARD


def _kind_of_json(data: bytes) -> Kind:
    try:
        root = read_json(data, what="file", notes=[])
    except Invalid:
        first = data.partition(b"\n")[0]
        if len(first) < min(len(data.rstrip()), LINE_BYTES_MOST) and _is_whole(first):
            return Kind.CHAT  # lines, under another name
        raise
    if not isinstance(root, dict):
        return Kind.CHAT
    return _kind_of_object(root)


def _is_whole(line: bytes) -> bool:
    try:
        return isinstance(read_json(line, what="line", notes=[]), dict)
    except Invalid:
        return False


def _kind_of_object(root: dict[str, Any]) -> Kind:
    spec = str(root.get("spec") or "")
    if isinstance(root.get("personas"), dict) or isinstance(root.get("power_user"), dict):
        return Kind.PERSONAS
    if spec.startswith("lorebook"):
        return Kind.BOOK
    if spec.startswith("chara_card") or "first_mes" in root:
        return Kind.CARD
    if "mes" in root or "chat_metadata" in root or read_document(root):
        return Kind.CHAT
    is_book = "entries" in root or root.get("type") == "risu" or "lorebookVersion" in root
    return Kind.BOOK if is_book else Kind.CARD
