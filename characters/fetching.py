"""The file of a card behind an address that somebody gave."""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from asgiref.sync import async_to_sync

from characters.cards import ARCHIVE_BYTES_MOST
from core.errors import Invalid
from core.http import fetch_public
from core.text import clean

FETCH_SECONDS: Final = 30.0
_PAGE_STARTS: Final = (b"<!doctype html", b"<html", b"<!--")

Fetch = Callable[[str], Awaitable[bytes]]


async def _fetched(url: str) -> bytes:
    return await fetch_public(url, bytes_most=ARCHIVE_BYTES_MOST, seconds=FETCH_SECONDS)


def fetch_card_file(url: str, *, fetch: Fetch = _fetched) -> tuple[str, bytes]:
    """(file name, bytes) behind a URL. Raises Invalid, also if it is a page and no file.

    What the bytes are is for `read_card` to find out: neither names nor headers are believed.
    """
    data = async_to_sync(fetch)(url)
    start = data[:200].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(_PAGE_STARTS):
        raise Invalid(
            "That address is a web page, not a card's file. Give the address of the file itself: "
            "most sites have it behind their download button.",
            code="is_page",
            param="url",
        )
    path = unquote(urlsplit(url.strip()).path)
    return clean(path.rpartition("/")[2])[:120] or "card", data
