"""The only door out: one pooled client per event loop, with time-outs, and a guard for URLs.

What a model streams comes by `post`, which `core/http1.py` does; all else goes through httpx.
Upstream addresses are the operator's and may be local. Addresses that users give must pass
`check_public_url` first.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx
from httpx_aiohttp import AiohttpTransport

from core import http1
from core.errors import Invalid
from core.http1 import CONNECT_SECONDS, CONNECTIONS_MOST, IDLE_SECONDS

post = http1.post
Answer = http1.Answer

REDIRECTS_MOST: Final = 3
_ADDRESSES_TRIED: Final = 3
_URL_CHARS_MOST: Final = 2000
_SCHEMES: Final = {"http", "https"}

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")

_TIMEOUT: Final = httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)

_transports: WeakKeyDictionary[asyncio.AbstractEventLoop, AiohttpTransport] = WeakKeyDictionary()
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()


def transport() -> AiohttpTransport:
    """The connections of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _transports.get(loop)
    if found is None:
        limits = httpx.Limits(
            max_connections=CONNECTIONS_MOST,
            max_keepalive_connections=CONNECTIONS_MOST,
            keepalive_expiry=IDLE_SECONDS,
        )
        found = _transports[loop] = AiohttpTransport(limits=limits, trust_env=False)
    return found


def client() -> httpx.AsyncClient:
    """The client of the running event loop. Reads have no limit here: callers set their own."""
    loop = asyncio.get_running_loop()
    found = _clients.get(loop)
    if found is None or found.is_closed:
        found = _clients[loop] = httpx.AsyncClient(
            transport=transport(), timeout=_TIMEOUT, follow_redirects=False, trust_env=False
        )
    return found


async def aclose() -> None:
    """Close the running loop's client and its connections."""
    http1.close()
    loop = asyncio.get_running_loop()
    _clients.pop(loop, None)
    found = _transports.pop(loop, None)
    if found is not None:
        await found.aclose()


async def answers(url: str, *, seconds: float) -> bool:
    """Whether a GET of this address says 200 within `seconds`."""
    try:
        response = await client().get(url, timeout=seconds)
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody on the internet could reach."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = _inner(ip) or ip
    return ip.is_global and not ip.is_multicast


def _inner(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one carries, in any of the forms that reach it."""
    if ip in _NAT64 or ip in _COMPATIBLE:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip.sixtofour


async def check_public_url(url: str) -> list[str]:
    """The addresses behind a URL that a user gave. Raises Invalid unless all are public."""
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname or "@" in parts.netloc:
        raise Invalid("Give a plain http or https address.", param="url")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(
            parts.hostname, port, type=socket.SOCK_STREAM
        )
    except (ValueError, OSError) as error:
        raise Invalid("That address cannot be reached.", param="url") from error
    addresses = sorted({str(row[4][0]) for row in found})
    if not all(is_public(address) for address in addresses):
        raise Invalid("That address cannot be reached.", param="url")
    return addresses


async def fetch_public(
    url: str,
    *,
    bytes_most: int,
    seconds: float,
    check: Callable[[str], Awaitable[list[str]]] = check_public_url,
) -> bytes:
    """What a GET of a URL that a user gave answers: at most `bytes_most`, within `seconds` in all.

    `check` gives the addresses that may be connected to, and the connection goes to those very
    addresses: asking for the name again could find another. Each of at most `REDIRECTS_MOST`
    redirects is checked anew. Raises Invalid with the reason.
    """
    try:
        async with asyncio.timeout(seconds):
            for _ in range(REDIRECTS_MOST + 1):
                answer = await _fetch_once(_plain_url(url), bytes_most, check)
                if isinstance(answer, bytes):
                    return answer
                url = str(answer)
    except TimeoutError as error:
        raise _not_fetched(f"That address did not answer within {seconds:g} seconds.") from error
    raise _not_fetched("That address only leads on to others.")


def _plain_url(text: str) -> httpx.URL:
    """The URL as it will be asked for, so that what is checked is what is asked for."""
    try:
        url = httpx.URL(text.strip()) if len(text) <= _URL_CHARS_MOST else None
    except httpx.InvalidURL:
        url = None
    if url is None or "\\" in text or url.scheme not in _SCHEMES or not url.host:
        raise Invalid("Give a plain http or https address.", param="url")
    return url.copy_with(fragment=None)


async def _fetch_once(
    url: httpx.URL, bytes_most: int, check: Callable[[str], Awaitable[list[str]]]
) -> bytes | httpx.URL:
    """The bytes behind a URL, or where it leads on to."""
    addresses = await check(str(url))
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    async with httpx.AsyncClient(trust_env=False, timeout=timeout) as alone:
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                async with _asked(alone, url, address) as response:
                    return await _read_answer(response, url, bytes_most)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
            except httpx.HTTPError as error:
                raise _not_fetched("That address broke off its answer.") from error
    raise _not_fetched("That address cannot be reached.")


@asynccontextmanager
async def _asked(
    alone: httpx.AsyncClient, url: httpx.URL, address: str
) -> AsyncIterator[httpx.Response]:
    """A GET sent to this address under the URL's own name, which its certificate must bear."""
    request = alone.build_request(
        "GET",
        url.copy_with(host=address),
        headers={
            "Host": url.netloc.decode("ascii"),
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": "Reverie",
        },
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )
    response = await alone.send(request, stream=True)
    try:
        yield response
    finally:
        await response.aclose()


async def _read_answer(
    response: httpx.Response, url: httpx.URL, bytes_most: int
) -> bytes | httpx.URL:
    if response.has_redirect_location:
        try:
            return url.join(response.headers["Location"])
        except httpx.InvalidURL as error:
            raise _not_fetched("That address leads on to none.") from error
    if response.status_code != httpx.codes.OK:
        raise _not_fetched(f"That address answered {response.status_code}, so there is no file.")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise _not_fetched("That address answered in a packed form that was not asked for.")
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        size += len(part)
        if size > bytes_most:
            raise _not_fetched(f"The file is larger than {bytes_most // 2**20} MB.")
        parts.append(part)
    return b"".join(parts)


def _not_fetched(message: str) -> Invalid:
    return Invalid(message, code="not_fetched", param="url")
