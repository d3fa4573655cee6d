"""Cutting long messages into pieces of like size, at the ends of paragraphs and sentences."""

import re
from typing import Final

# A message up to here is one piece; a longer one is cut into pieces of about TARGET.
WHOLE: Final = 600
TARGET: Final = 450

# A sentence's end, or the end of a line; the blanks that follow go with it. A run of marks is
# looked at once, from its first, so that a million dots take no longer than other text.
_SENTENCE: Final = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+\s+|[。！？]+[」』”]*\s*|\n\s*")

Span = tuple[int, int]


def sentences(text: str) -> list[Span]:
    """Where each sentence starts and ends; together they cover the whole text."""
    spans, start = [], 0
    for found in _SENTENCE.finditer(text):
        spans.append((start, found.end()))
        start = found.end()
    if start < len(text) or not spans:
        spans.append((start, len(text)))
    return spans


def cut(text: str) -> tuple[Span, ...]:
    """Where each piece starts and ends. A text has at least one piece, even an empty one."""
    if len(text) <= WHOLE:
        return (_trimmed(text, 0, len(text)),)
    pieces: list[Span] = []
    start, end = 0, 0
    for _, sentence_end in _bounded(text):
        if end > start and sentence_end - start > TARGET:
            pieces.append((start, end))
            start = end
        end = sentence_end
    pieces.append((start, end))
    trimmed = [_trimmed(text, *piece) for piece in pieces]
    return tuple(piece for piece in trimmed if piece[0] < piece[1]) or (trimmed[0],)


def _bounded(text: str) -> list[Span]:
    """The sentences, those that are longer than a piece cut at blanks, or anywhere at last."""
    spans: list[Span] = []
    for start, end in sentences(text):
        at = start
        while end - at > TARGET:
            blank = text.rfind(" ", at + TARGET // 2, at + TARGET)
            stop = blank + 1 if blank >= 0 else at + TARGET
            spans.append((at, stop))
            at = stop
        spans.append((at, end))
    return spans


def _trimmed(text: str, start: int, end: int) -> Span:
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    return start, max(start, start + len(inner.strip()))
