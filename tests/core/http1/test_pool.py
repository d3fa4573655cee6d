"""Which connections are used again, how many there are, and how each of them ends."""

import asyncio
import socket

import httpx
import pytest

from core import http
from tests.core.http1.test_exchange import CHUNKED, told
from tests.fakes.raw_server import CLOSE, OK, serving

# Long enough for what the server closed to be known here.
SEEN_SECONDS = 0.06


@pytest.fixture
def soon(monkeypatch):
    """Who does not answer a connection is given up at once."""
    monkeypatch.setattr("core.http1.CONNECT_SECONDS", 0.1)


@pytest.fixture
def one_connection(monkeypatch):
    """A connection that leaks is the last one."""
    monkeypatch.setattr("core.http1.CONNECTIONS_MOST", 1)


async def gone(server, times=1) -> None:
    """Wait until clients hung up."""
    async with asyncio.timeout(1):
        for _ in range(times):
            await server.gone.acquire()


async def asked(server) -> http.Answer:
    return await http.post(server.url, content=b"", headers={})


async def test_exchanges_share_a_connection(server):
    for _ in range(5):
        assert await told(server) == (200, b"Hi")

    assert (server.connections, len(server.heads)) == (1, 5)


async def test_exchanges_at_once_have_one_each_and_the_last_used_comes_first(server):
    answers = [await asked(server) for _ in range(3)]
    for answer in answers:
        await answer.read()
        await answer.aclose()
    for _ in range(3):
        await told(server)

    assert (server.connections, len(server.heads)) == (3, 6)


@pytest.mark.parametrize(
    ("wire", "body"),
    [
        pytest.param(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), b"Hi", id="close"),
        pytest.param(OK.replace(b"1.1", b"1.0"), b"Hi", id="HTTP/1.0"),
        pytest.param(OK + OK, b"Hi", id="two answers"),
        pytest.param(OK + b"HTTP/1.", b"Hi", id="an answer and a bit"),
        pytest.param(OK + b"!", b"Hi", id="an answer and something else"),
        pytest.param(CHUNKED + b"0\r\n\r\n" + OK, b"", id="two answers, chunked"),
    ],
)
async def test_connection_that_cannot_last_is_dropped(server, wire, body):
    server.answers = [[wire], [OK]]

    assert await told(server) == (200, body)
    await gone(server)

    assert await told(server) == (200, b"Hi")
    assert (server.connections, len(server.heads)) == (2, 2)


async def test_what_comes_after_the_end_is_no_answer_to_the_next(server):
    server.answers = [[OK, 0.02, OK.replace(b"Hi", b"No")], [OK]]

    assert await told(server) == (200, b"Hi")
    await gone(server)

    assert await told(server) == (200, b"Hi")
    assert server.connections == 2


async def test_http_1_0_that_wants_to_go_on(server):
    server.answer(
        OK.replace(b"1.1", b"1.0").replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
    )

    await told(server)
    await told(server)

    assert server.connections == 1


async def test_server_that_answers_before_it_has_heard_all(quiet_loop):
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\n\r\n")
        refused.append(writer)

    refused = []
    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    for _ in range(2):
        answer = await http.post(url, content=b"x" * 2**25, headers={})
        assert (answer.status_code, await answer.read(), answer.is_read) == (413, b"", True)
        await answer.aclose()

    assert len(refused) == 2
    for writer in refused:
        writer.close()
    server.close()


async def test_server_that_hangs_up_while_it_is_told(quiet_loop):
    async def end(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write_eof()
        ended.append(writer)

    ended = []
    server = await asyncio.start_server(end, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async with asyncio.timeout(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await http.post(url, content=b"x" * 2**25, headers={})

    for writer in ended:
        writer.close()
    server.close()


async def test_answer_that_was_not_read_drops_its_connection(server):
    server.answer(CHUNKED + b"2\r\nHi\r\n", asyncio.Event())
    answer = await asked(server)
    assert await answer.read() == b"Hi"

    await answer.aclose()

    await gone(server)


async def test_whole_answer_that_was_not_read_drops_its_connection(server):
    answer = await asked(server)

    await answer.aclose()

    assert answer.is_read is False
    await gone(server)


async def test_idle_connection_that_the_server_closes_is_replaced(server):
    server.answers = [[OK, 0.02, CLOSE], [OK]]

    await told(server)
    await asyncio.sleep(SEEN_SECONDS)

    assert await told(server) == (200, b"Hi")
    assert (server.connections, len(server.heads)) == (2, 2)


async def test_nothing_is_sent_twice_when_a_kept_connection_breaks(server):
    server.answers = [[OK], [CLOSE], [OK]]
    await told(server)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await told(server)

    assert len(server.heads) == 2
    assert await told(server) == (200, b"Hi")
    assert server.connections == 2


async def test_idle_connections_are_dropped_after_a_while(server, monkeypatch):
    monkeypatch.setattr("core.http1.IDLE_SECONDS", 0.05)
    answers = [await asked(server) for _ in range(2)]
    for answer in answers:
        await answer.read()
        await answer.aclose()
        await asyncio.sleep(0.02)

    await gone(server, 2)

    assert await told(server) == (200, b"Hi")
    assert server.connections == 3


async def test_connection_that_was_idle_too_long_is_not_used(server, monkeypatch):
    await told(server)
    monkeypatch.setattr("core.http1.IDLE_SECONDS", 0.0)
    await asyncio.sleep(0.01)

    await told(server)

    assert server.connections == 2


async def test_one_more_than_may_be_open_waits_for_a_place(server, one_connection):
    more = asyncio.Event()
    server.answers = [[OK[:-1], more, OK[-1:]], [OK]]
    first = await asked(server)
    second = asyncio.ensure_future(told(server))
    await asyncio.sleep(0.02)
    assert server.connections == 1

    more.set()
    while await first.read():
        pass
    await first.aclose()

    assert await second == (200, b"Hi")
    assert len(server.heads) == 2


async def test_one_more_than_may_be_open_is_refused_in_the_end(server, one_connection, soon):
    server.answer(OK[:-1], asyncio.Event())
    first = await asked(server)

    with pytest.raises(httpx.PoolTimeout):
        await told(server)

    assert len(server.heads) == 1
    await first.aclose()


async def test_idle_connection_makes_place_for_another_server(server, monkeypatch):
    monkeypatch.setattr("core.http1.CONNECTIONS_MOST", 2)
    server.answer(OK, 0.02, CLOSE)
    await told(server)
    await asyncio.sleep(SEEN_SECONDS)

    async with serving() as idle, serving() as holding, serving() as other:
        holding.answer(OK[:-1], asyncio.Event())
        await told(idle)
        busy = await asked(holding)
        assert await told(other) == (200, b"Hi")
        await gone(idle)
        await busy.aclose()


async def test_nobody_listens(server):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"

        with pytest.raises(httpx.ConnectError):
            await http.post(url, content=b"", headers={})


async def test_name_that_cannot_be_one(quiet_loop):
    with pytest.raises(httpx.ConnectError):
        await http.post(f"http://{'a' * 64}.invalid/", content=b"", headers={})


async def test_nobody_answers_the_connection(quiet_loop, soon, one_connection):
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listener.getsockname()
    # Once its queue is full, the system lets those who knock wait.
    waiting = [socket.socket() for _ in range(4)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(address)
    await asyncio.sleep(0.01)

    for _ in range(2):
        with pytest.raises(httpx.ConnectTimeout):
            await http.post(f"http://127.0.0.1:{address[1]}", content=b"", headers={})

    for one in (listener, *waiting):
        one.close()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([], id="before the head"),
        pytest.param([OK[:20]], id="in the head"),
        pytest.param([OK[:-1]], id="in the body"),
    ],
)
async def test_cancelled_exchange_hangs_up(server, one_connection, steps):
    server.answers = [[*steps, asyncio.Event()], [OK]]
    asking = asyncio.ensure_future(told(server))
    async with asyncio.timeout(10):
        while not server.bodies:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await gone(server)
    assert await told(server) == (200, b"Hi")


async def test_cancelled_at_every_step_of_the_loop(server, one_connection):
    for steps in range(30):
        asking = asyncio.ensure_future(told(server))
        for _ in range(steps):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})

        async with asyncio.timeout(1):
            assert await told(server) == (200, b"Hi")


async def test_closing_drops_idle_and_busy_connections(server):
    server.answers = [[OK[:-1], asyncio.Event()], [OK]]
    busy = await asked(server)
    assert await busy.read() == b"H"
    reading = asyncio.ensure_future(busy.read())
    await told(server)

    await http.aclose()

    await gone(server, 2)
    with pytest.raises(httpx.RemoteProtocolError):
        await reading
    await busy.aclose()
    assert await told(server) == (200, b"Hi")
    assert server.connections == 3


async def test_connection_that_outlives_its_pool_is_not_kept(server):
    asking = asyncio.ensure_future(told(server))
    await asyncio.sleep(0)

    await http.aclose()

    await asyncio.wait({asking})
    await gone(server)


async def test_every_loop_has_its_own_connections(server):
    async def elsewhere():
        try:
            return [await told(server) for _ in range(2)]
        finally:
            await http.aclose()

    await told(server)

    assert await asyncio.to_thread(asyncio.run, elsewhere()) == [(200, b"Hi")] * 2
    await told(server)

    assert (server.connections, len(server.heads)) == (2, 4)
