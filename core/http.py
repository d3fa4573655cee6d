"""The only door out: one pooled client per event loop, with time-outs, and a guard for URLs.

Upstream addresses are the operator's and may be local. Addresses that users give must pass
`check_public_url` first.
"""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx
from httpx_aiohttp import AiohttpTransport

from core.errors import Invalid

CONNECT_SECONDS: Final = 10.0
CONNECTIONS_MOST: Final = 4096
_SCHEMES: Final = {"http", "https"}

_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE: Final = ipaddress.ip_network("::/96")

_TIMEOUT: Final = httpx.Timeout(None, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
_EXTENSIONS: Final = {"timeout": _TIMEOUT.as_dict()}

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
            keepalive_expiry=30,
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


@asynccontextmanager
async def post(
    url: httpx.URL, *, content: bytes, headers: httpx.Headers
) -> AsyncIterator[httpx.Response]:
    """A POST whose answer is read as it comes.

    Straight through the transport: the client's cookies, redirects and authentication, which
    a model's server has no use for, cost as much as the request itself.
    """
    request = httpx.Request("POST", url, headers=headers, content=content, extensions=_EXTENSIONS)
    response = await transport().handle_async_request(request)
    try:
        yield response
    finally:
        await response.aclose()


async def aclose() -> None:
    """Close the running loop's client and its connections."""
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
