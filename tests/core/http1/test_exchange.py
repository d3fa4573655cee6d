"""One request and its answer, byte for byte."""

import asyncio

import httpx
import pytest

from core import http, http1
from tests.fakes.raw_server import CLOSE, OK, RESET, serving

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def told(server, *, content=b"{}", headers=None) -> tuple[int, bytes]:
    """Status and body of one exchange."""
    answer = await http.post(server.url, content=content, headers=headers or {})
    try:
        return answer.status_code, b"".join([piece async for piece in answer.aiter_raw()])
    finally:
        await answer.aclose()


async def test_request_is_what_was_asked_for(server):
    headers = {"Content-Type": "application/json", "user-agent": "test", "X-Name": "Señora"}

    assert await told(server, content=b'{"a": 1}', headers=headers) == (200, b"Hi")

    assert server.heads == [
        b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n"
        b"Content-Type: application/json\r\nuser-agent: test\r\nX-Name: Se\xc3\xb1ora\r\n"
        b"Content-Length: 8\r\n\r\n" % server.port
    ]
    assert server.bodies == [b'{"a": 1}']


async def test_a_large_request_arrives_whole(server):
    content = bytes(range(256)) * 2**15

    assert await told(server, content=content) == (200, b"Hi")

    assert server.bodies == [content]


async def test_query_is_sent_and_fragment_is_not(server):
    server.url += "?a=b c#part"

    await told(server)

    assert server.heads[0].startswith(b"POST /v1/x?a=b%20c HTTP/1.1\r\n")
    assert b"User-Agent: Reverie\r\n" in server.heads[0]


async def test_name_and_password_of_an_address_are_sent_as_usual(server):
    server.url = server.url.replace("//", "//ann:p%40ss@")

    await told(server)

    assert b"\r\nAuthorization: Basic YW5uOnBAc3M=\r\n" in server.heads[0]
    assert b"\r\nHost: 127.0.0.1:%d\r\n" % server.port in server.heads[0]


async def test_own_authorization_comes_before_that_of_the_address(server):
    server.url = server.url.replace("//", "//ann:p@")

    await told(server, headers={"Authorization": "Bearer k"})

    assert server.heads[0].count(b"Authorization: ") == 1
    assert b"Authorization: Bearer k\r\n" in server.heads[0]


async def test_address_of_version_6(quiet_loop):
    try:
        async with serving("::1") as server:
            assert await told(server) == (200, b"Hi")
            assert b"\r\nHost: [::1]:%d\r\n" % server.port in server.heads[0]
            await http.aclose()
    except OSError:
        pytest.skip("no IPv6 here")


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nY: b"}, {"X": "a\nb"}, {"X": "a\rb"}, {"X": "a\x00"}, {"X\r\nY": "a"},
        {"X: y": "a"}, {"": "a"}, {"Content-Length": "9"}, {"transfer-encoding": "chunked"},
    ],
)  # fmt: skip
async def test_header_that_would_break_the_request_is_not_sent(server, headers):
    with pytest.raises(httpx.LocalProtocolError):
        await told(server, headers=headers)

    assert server.connections == 0


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "//127.0.0.1/", "http://", "http://[::1", ""])
async def test_address_that_is_none(url):
    with pytest.raises(httpx.UnsupportedProtocol):
        await http.post(url, content=b"", headers={})


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        pytest.param(OK, (200, b"Hi"), id="content-length"),
        pytest.param(CHUNKED + b"2\r\nHi\r\n1;x=y\r\n!\r\n0\r\n\r\n", (200, b"Hi!"), id="chunked"),
        pytest.param(CHUNKED + b"1\r\n!\r\n0\r\nX: y\r\n\r\n", (200, b"!"), id="trailer"),
        pytest.param(CHUNKED + b"0\r\n\r\n", (200, b""), id="no chunk"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", (204, b""), id="204"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, (200, b"Hi"), id="100"),
        pytest.param(
            b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK,
            (200, b"Hi"), id="103 and 102",
        ),
        pytest.param(b"HTTP/1.1 429\r\nContent-Length: 1\r\n\r\nx", (429, b"x"), id="no reason"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 1\r\n\r\nx",
            (200, b"x"), id="offer of an upgrade",
        ),
    ],
)  # fmt: skip
async def test_answer_cut_at_every_byte(server, wire, expected):
    server.answers = [[wire], *([wire[:cut], 0.001, wire[cut:]] for cut in range(1, len(wire)))]

    got = {await told(server) for _ in wire}

    assert got == {expected}
    assert server.connections == 1


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    ],
)
async def test_body_that_ends_with_the_connection(server, head):
    server.answer(head + b"Hi", 0.005, b"!", CLOSE)

    assert await told(server) == (200, b"Hi!")


async def test_headers_are_found_by_any_case(server):
    server.answer(
        b"HTTP/1.1 503 X\r\nRETRY-after: 3\r\nVary: a\r\nvary: b\r\nContent-Length: 0\r\n\r\n"
    )

    answer = await http.post(server.url, content=b"", headers={})

    assert answer.headers.get("Retry-After") == "3"
    assert answer.headers.get("vary") == "a, b"
    assert answer.headers.get("x", "none") == "none"
    await answer.aclose()


async def test_headers_of_an_interim_answer_and_trailers_are_no_headers(server):
    wire = b"HTTP/1.1 103 X\r\nX-A: 1\r\n\r\n" + CHUNKED + b"1\r\n!\r\n0\r\nX-B: 1\r\n\r\n"
    server.answer(wire)

    answer = await http.post(server.url, content=b"", headers={})

    assert [piece async for piece in answer.aiter_raw()] == [b"!"]
    assert dict(answer.headers) == {"transfer-encoding": "chunked"}
    await answer.aclose()


async def test_pieces_come_as_they_are_sent(server):
    more = asyncio.Event()
    server.answer(CHUNKED + b"2\r\nHi\r\n", more, b"1\r\n!\r\n0\r\n\r\n")
    answer = await http.post(server.url, content=b"", headers={})

    assert await answer.read() == b"Hi"
    assert answer.is_read is False
    more.set()
    assert await answer.read() == b"!"
    assert await answer.read() == b""
    assert answer.is_read is True
    await answer.aclose()
    assert answer.is_read is True


async def test_nothing_is_read_after_closing(server):
    answer = await http.post(server.url, content=b"", headers={})
    await answer.aclose()
    await answer.aclose()

    with pytest.raises(httpx.StreamClosed):
        await answer.read()


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"HTTP/1.1 200 O", id="half a status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Le", id="half a head"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", id="only an interim answer"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", id="length that is none"),
        pytest.param(
            b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            id="101",
        ),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK, id="101 to nothing"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            id="two lengths",
        ),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2**20, id="endless header"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 2**16, id="interim answers without end"),
    ],
)
async def test_broken_head(server, wire):
    server.answer(wire, CLOSE)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await told(server)

    assert len(server.heads) == 1


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nHi", id="short body"),
        pytest.param(CHUNKED + b"2\r\nHi\r\n", id="no last chunk"),
        pytest.param(CHUNKED + b"9\r\nHi", id="short chunk"),
        pytest.param(CHUNKED + b"2\r\nHi\r\n0\r\n", id="no end of the trailers"),
        pytest.param(CHUNKED + b"2\r\nHi\r\nzz\r\n", id="size that is none"),
        pytest.param(CHUNKED + b"2\r\nHi!\r\n", id="long chunk"),
    ],
)
async def test_broken_body_gives_what_came_before(server, wire):
    server.answer(wire, CLOSE)
    answer = await http.post(server.url, content=b"", headers={})

    seen = []

    with pytest.raises(httpx.RemoteProtocolError):
        [seen.append(piece) async for piece in answer.aiter_raw()]

    assert b"".join(seen) == b"Hi"
    assert answer.is_read is False
    await answer.aclose()


async def test_endless_trailers_are_not_kept(server):
    server.answer(CHUNKED + b"2\r\nHi\r\n0\r\nX: ", b"x" * 2**20)

    with pytest.raises(httpx.RemoteProtocolError):
        await told(server)


@pytest.mark.parametrize("before", [[], [CHUNKED + b"2\r\nHi\r\n", 0.02]])
async def test_connection_that_is_reset(server, before):
    server.answer(*before, RESET)

    with pytest.raises(httpx.ReadError):
        await told(server)


async def test_slow_reader_slows_the_server(server):
    piece = b"%x\r\n%b\r\n" % (2**16, b"x" * 2**16)
    server.answer(CHUNKED, *([piece] * 1024), b"0\r\n\r\n")
    answer = await http.post(server.url, content=b"", headers={})
    before = -1
    while before != server.written_bytes:
        before = server.written_bytes
        await asyncio.sleep(0.1)

    # What lies in the buffers of the two sockets is the system's affair: a few megabytes.
    assert server.written_bytes < 24 * 2**20
    size = len(await answer.read())
    assert size <= 2 * http1.UNREAD_BYTES_MOST
    while piece := await answer.read():
        size += len(piece)
    assert size == 64 * 2**20
    assert answer.is_read is True
    await answer.aclose()
