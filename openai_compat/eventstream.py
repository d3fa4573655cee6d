"""The answer that streams, as light as the lean handler of the wire can take it."""

from collections.abc import AsyncGenerator

from django.http import HttpResponseBase

from core.streams import STREAM_HEADERS


class EventStream(HttpResponseBase):
    """Server-sent events, written as they are.

    Without what Django's responses do beyond that (cookies, charsets, closing, checked
    headers), which costs more than the rest of an answer. Headers are ASCII texts of our own.
    """

    def __init__(self, chunks: AsyncGenerator[bytes]) -> None:
        self.chunks = chunks
        self.headers = dict(STREAM_HEADERS)  # type: ignore[assignment]  # plain on purpose
