"""A client of HTTP/1.1 for one thing: a POST whose answer is read as it streams in.

No redirects, proxies, cookies or compression, and no limits on how long an answer may take: those
are the caller's. Failures are httpx's errors. Only `core/http.py` uses this.
"""

import asyncio
import re
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from functools import cache, lru_cache
from typing import Final, NamedTuple, cast
from weakref import WeakKeyDictionary

import httpx
from aiohappyeyeballs import start_connection
from httptools import HttpParserError, HttpResponseParser

CONNECT_SECONDS: Final = 10.0
CONNECTIONS_MOST: Final = 4096
IDLE_SECONDS: Final = 30.0
# Of an answer that nobody reads; one more read of the socket may come on top.
UNREAD_BYTES_MOST: Final = 256 * 1024
# Head, trailers and the like: what may come in a row without a byte of the body.
HEAD_BYTES_MOST: Final = 64 * 1024
# What the next address of a name waits for the one before it (RFC 8305).
_NEXT_ADDRESS_SECONDS: Final = 0.25
_DEFAULTS: Final = {"Accept": "*/*", "User-Agent": "Reverie"}
_OURS: Final = {"connection", "content-length", "host", "transfer-encoding"}
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SWITCHING, _OK = 101, 200


class _Server(NamedTuple):
    """What a connection leads to, so that it serves whoever asks there."""

    is_tls: bool
    host: str
    port: int


class _Headers(dict[str, str]):
    """Names are in lower case; `get` takes any. A header that comes twice is one with a comma."""

    def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
        return super().get(name.lower(), default)


class _Connection(asyncio.Protocol):
    """One connection: exchanges one after the other, each asked, read and released."""

    def __init__(self, server: _Server, pool: "_Pool") -> None:
        self.server = server
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self.status = 0  # until the head of the answer is whole
        self.headers = _Headers()
        self.is_over = True
        self._pool = pool
        self._pieces: list[bytes] = []
        # The parser adds to the list by itself: there are as many pieces as a model has tokens.
        self.on_body = self._pieces.append
        self._parser = HttpResponseParser(self)
        self._failure: httpx.HTTPError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._unread_bytes = 0
        self._bare_bytes = 0
        self._is_paused = False
        self._can_last = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none by their class.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            # Nobody asked.
            self.abort()
            return
        before = len(self._pieces)
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._break_off(str(error))
        if len(self._pieces) != before:
            self._bare_bytes = 0
            self._unread_bytes += len(data)
            if self._unread_bytes > UNREAD_BYTES_MOST and self.transport is not None:
                self._is_paused = True
                self.transport.pause_reading()
        else:
            self._bare_bytes += len(data)
            if self._bare_bytes > HEAD_BYTES_MOST:
                self._break_off("endless head")
        self._wake()

    def eof_received(self) -> None:
        self._end(None)
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        self._end(exc)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if self.is_over:
            raise httpx.RemoteProtocolError("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status == _SWITCHING:
            raise httpx.RemoteProtocolError("a switch of protocols that nobody asked for")
        if status >= _OK:
            self.status = status
            self._can_last = self._parser.should_keep_alive()

    def on_message_complete(self) -> None:
        if self.status:
            self.is_over = True
        else:
            # An interim answer (1xx): the real one follows.
            self.headers.clear()
            self._pieces.clear()

    # What an exchange does.

    async def ask(self, request: bytes) -> None:
        """Send a request and wait for the head of its answer: `status` and `headers`."""
        assert self.transport is not None
        self.status, self.headers, self.is_over = 0, _Headers(), False
        self._bare_bytes = self._unread_bytes = 0
        self.transport.write(request)
        while not self.status:
            await self._news()

    async def read(self) -> bytes:
        """What came of the body since the last call, waiting for some; nothing at its end."""
        pieces = self._pieces
        while not pieces:
            if self.is_over:
                return b""
            await self._news()
        piece = b"".join(pieces)
        pieces.clear()
        self._unread_bytes = 0
        if self._is_paused and self.transport is not None:
            self._is_paused = False
            self.transport.resume_reading()
        return piece

    @property
    def is_read(self) -> bool:
        """Whether all of the body came and was read."""
        return self.is_over and not self._pieces

    def release(self) -> None:
        """The exchange is over: keep the connection for the next one, if it is fit for that."""
        transport = self.transport
        if (
            self._can_last
            and self.is_read
            and transport is not None
            and not transport.is_closing()
            # Else the server answered before it had heard all.
            and not transport.get_write_buffer_size()
        ):
            self._pool.keep(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    async def _news(self) -> None:
        """Wait for the server to send something. Raises once it will not."""
        if self._failure is not None:
            raise self._failure
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _break_off(self, why: str) -> None:
        """What the server sent cannot be followed. An answer that was whole before still counts."""
        if not self.is_over:
            self._failure = httpx.RemoteProtocolError(f"The server broke the protocol: {why}")
        self.abort()

    def _end(self, error: Exception | None) -> None:
        """The server will send no more."""
        if self.is_over or self._failure is not None:
            return
        if error is not None:
            self._failure = httpx.ReadError(str(error) or type(error).__name__)
        elif self.status and self._ends_with_connection():
            self.is_over = True
        else:
            self._failure = httpx.RemoteProtocolError("The server broke off its answer.")
        self._wake()

    def _ends_with_connection(self) -> bool:
        coding = self.headers.get("transfer-encoding").lower()
        return "content-length" not in self.headers and "chunked" not in coding


class _Pool:
    """The connections of one event loop."""

    def __init__(self) -> None:
        self._open: set[_Connection] = set()
        self._idle: dict[_Server, list[_Connection]] = {}
        self._slots = asyncio.Semaphore(CONNECTIONS_MOST)
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    async def take(self, server: _Server) -> _Connection:
        """A connection to this server: the one last used, else a new one."""
        idle = self._idle.get(server)
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while idle:
            connection = idle.pop()
            if connection.idle_since < oldest:
                connection.abort()
            elif connection.transport is not None and not connection.transport.is_closing():
                return connection
        return await self._opened(server)

    def keep(self, connection: _Connection) -> None:
        """Take back a connection for the next exchange."""
        if self._is_closed or self._slots.locked():
            # Somebody may be waiting for its place, to go elsewhere.
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(connection.server, []).append(connection)
        if self._timer is None:
            self._timer = loop.call_later(IDLE_SECONDS, self._sweep)

    def forget(self, connection: _Connection) -> None:
        """A connection is gone."""
        if connection in self._open:
            self._open.remove(connection)
            self._slots.release()
        idle = self._idle.get(connection.server)
        if idle and connection in idle:
            idle.remove(connection)

    def close(self) -> None:
        """Drop all connections, now or as soon as they are done with."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for connection in self._open:
            connection.abort()

    async def _opened(self, server: _Server) -> _Connection:
        await self._take_slot()
        connection = _Connection(server, self)
        self._open.add(connection)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _connect(connection)
        except BaseException as error:
            connection.abort()
            self.forget(connection)
            if isinstance(error, TimeoutError):
                raise httpx.ConnectTimeout(f"{server.host} does not answer.") from error
            # uvloop has RuntimeError for some that asyncio calls OSError; a name may be too long.
            if isinstance(error, OSError | RuntimeError | UnicodeError):
                raise httpx.ConnectError(str(error)) from error
            raise
        return connection

    async def _take_slot(self) -> None:
        if self._slots.locked():
            idle = next((found for found in self._idle.values() if found), None)
            if idle is not None:
                idle.pop(0).abort()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._slots.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("Too many connections are open.") from error

    def _sweep(self) -> None:
        """Drop what was idle for too long, and come again if anything else is."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - IDLE_SECONDS
        for idle in self._idle.values():
            while idle and idle[0].idle_since <= oldest:
                idle.pop(0).abort()
        self._idle = {server: idle for server, idle in self._idle.items() if idle}
        first = min((idle[0].idle_since for idle in self._idle.values()), default=None)
        self._timer = None if first is None else loop.call_at(first + IDLE_SECONDS, self._sweep)


_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, _Pool] = WeakKeyDictionary()


class Answer:
    """What a server answered, read as it comes. Reading raises httpx's errors."""

    __slots__ = ("_connection", "_was_read", "headers", "status_code")

    def __init__(self, connection: _Connection) -> None:
        self.status_code: int = connection.status
        self.headers: Mapping[str, str] = connection.headers
        self._connection: _Connection | None = connection
        self._was_read = False

    async def read(self) -> bytes:
        """What came since the last call, waiting for some; nothing once that was all."""
        if self._connection is None:
            raise httpx.StreamClosed
        return await self._connection.read()

    async def aiter_raw(self) -> AsyncIterator[bytes]:
        """The body in pieces, as httpx's responses give theirs."""
        while piece := await self.read():
            yield piece

    @property
    def is_read(self) -> bool:
        """Whether all of the body came and was read."""
        return self._was_read if self._connection is None else self._connection.is_read

    async def aclose(self) -> None:
        """Done with it. The connection is kept if all of it was read."""
        connection = self._connection
        if connection is not None:
            self._was_read, self._connection = connection.is_read, None
            connection.release()


async def post(url: str, *, content: bytes, headers: Mapping[str, str]) -> Answer:
    """A POST whose answer is read as it comes, and must be closed. Raises httpx's errors.

    Nothing is ever sent twice: a kept connection that the server closes at this very moment is an
    error like any other.
    """
    server, head = _asked(url, tuple(headers.items()))
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        pool = _pools[loop] = _Pool()
    connection = await pool.take(server)
    try:
        await connection.ask(b"%b%d\r\n\r\n%b" % (head, len(content), content))
    except BaseException:
        connection.abort()
        raise
    return Answer(connection)


def close() -> None:
    """Drop the running loop's connections."""
    pool = _pools.pop(asyncio.get_running_loop(), None)
    if pool is not None:
        pool.close()


@cache
def trust() -> ssl.SSLContext:
    """Whom we believe to be who they say: the same as httpx does."""
    return httpx.create_ssl_context(trust_env=False)


@lru_cache(maxsize=256)
def _asked(url: str, headers: tuple[tuple[str, str], ...]) -> tuple[_Server, bytes]:
    """Whom to ask, and the head of the request up to the length of its body."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise httpx.UnsupportedProtocol(str(error)) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise httpx.UnsupportedProtocol("Not an http or https address.")
    is_tls = parsed.scheme == "https"
    server = _Server(
        is_tls, parsed.raw_host.decode("ascii"), parsed.port or (443 if is_tls else 80)
    )
    given = {name.lower() for name, _ in headers}
    lines = [(name, value) for name, value in _DEFAULTS.items() if name.lower() not in given]
    if parsed.userinfo and "authorization" not in given:
        who = f"{parsed.username}:{parsed.password}".encode()
        lines.append(("Authorization", f"Basic {b64encode(who).decode('ascii')}"))
    lines += headers
    for name, value in lines:
        if not _NAME.fullmatch(name) or name.lower() in _OURS or _CONTROL.search(value):
            raise httpx.LocalProtocolError(f"The header {name!r} cannot be sent.")
    head = [b"POST %b HTTP/1.1" % parsed.raw_path, b"Host: %b" % parsed.netloc]
    head += [f"{name}: {value}".encode() for name, value in lines]
    return server, b"\r\n".join([*head, b"Content-Length: "])


async def _connect(connection: _Connection) -> None:
    """Open a connection to its server, by whichever of its addresses answers first."""
    loop = asyncio.get_running_loop()
    is_tls, host, port = connection.server
    addresses = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found = await start_connection(addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS)
    await loop.create_connection(
        lambda: connection,
        sock=found,
        ssl=trust() if is_tls else None,
        server_hostname=host if is_tls else None,
    )
