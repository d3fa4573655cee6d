"""The answer that streams, as light as the lean handler of the wire can take it."""

from collections.abc import AsyncGenerator

from django.http import HttpResponseBase

from core.streams import STREAM_HEADERS
from openai_compat.encoding import Piece


class EventStream(HttpResponseBase):
    """Server-sent events, written as they are.

    Without what Django's responses do beyond that (cookies, charsets, closing, checked
    headers), which costs more than the rest of an answer. Headers are ASCII texts of our own.

    `rest` has what follows the piece that the answer began with.
    """

    def __init__(self, first: Piece, rest: AsyncGenerator[Piece]) -> None:
        self.first = first
        self.rest = rest
        self.headers = dict(STREAM_HEADERS)  # type: ignore[assignment]  # plain on purpose
