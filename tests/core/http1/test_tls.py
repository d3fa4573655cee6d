"""Connections under TLS: whom we believe, and that they last and end as plain ones do."""

import asyncio
import datetime
import ssl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core import http, http1
from tests.core.http1.test_exchange import CHUNKED, told
from tests.core.http1.test_pool import gone
from tests.fakes.raw_server import CLOSE, OK, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> str:
    """A file with a key and a certificate for `localhost` that it signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


@pytest.fixture
async def server(quiet_loop, certificate):
    """A server that calls itself `localhost`, and asks for that name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with serving(tls=context) as found:
        found.url = found.url.replace("127.0.0.1", "localhost")
        found.names = []
        context.sni_callback = lambda _, name, __: found.names.append(name)
        yield found
        await http.aclose()
        await asyncio.sleep(0.01)


@pytest.fixture
def trusted(certificate):
    http1.trust().load_verify_locations(certificate)
    yield
    http1.trust.cache_clear()


async def test_exchanges_share_a_connection(server, trusted):
    for _ in range(3):
        assert await told(server, content=b"x" * 2**18) == (200, b"Hi")

    assert (server.connections, server.names) == (1, ["localhost"])
    assert server.heads[0].startswith(
        b"POST /v1/x HTTP/1.1\r\nHost: localhost:%d\r\n" % server.port
    )


async def test_server_that_nobody_vouches_for_is_told_nothing(server):
    with pytest.raises(httpx.ConnectError):
        await told(server)

    assert server.heads == []


async def test_server_with_another_name_is_told_nothing(server, trusted):
    server.url = server.url.replace("localhost", "127.0.0.1")

    with pytest.raises(httpx.ConnectError):
        await told(server)

    assert server.heads == []


async def test_large_answer_is_whole(server, trusted):
    server.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n", *([b"x" * 2**16] * 128))

    assert await told(server) == (200, b"x" * 2**23)


async def test_server_that_closes_an_idle_connection(server, trusted):
    server.answers = [[OK, 0.02, CLOSE], [OK]]

    await told(server)
    await asyncio.sleep(0.1)

    assert await told(server) == (200, b"Hi")
    assert (server.connections, len(server.heads)) == (2, 2)


async def test_broken_answer(server, trusted):
    server.answer(CHUNKED + b"2\r\nHi\r\n", CLOSE)

    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await told(server)


async def test_cancelled_exchange_hangs_up(server, trusted):
    server.answer(CHUNKED + b"2\r\nHi\r\n", asyncio.Event())
    asking = asyncio.ensure_future(told(server))
    await asyncio.sleep(0.1)
    assert len(server.heads) == 1

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await gone(server)


@pytest.fixture
async def silent(quiet_loop):
    """(address, event of its client hanging up): takes connections and says nothing."""
    left = asyncio.Event()

    async def serve(reader, writer):
        try:
            while await reader.read(4096):
                pass
        except ConnectionError:
            pass
        writer.close()
        left.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", left
    server.close()


async def test_handshake_without_an_answer_is_given_up(silent, monkeypatch):
    monkeypatch.setattr("core.http1.CONNECT_SECONDS", 0.1)
    monkeypatch.setattr("core.http1.CONNECTIONS_MOST", 1)
    address, left = silent

    for _ in range(2):
        with pytest.raises(httpx.ConnectTimeout):
            await http.post(address, content=b"", headers={})

    async with asyncio.timeout(1):
        await left.wait()


async def test_cancelled_handshake_hangs_up(silent):
    address, left = silent
    asking = asyncio.ensure_future(http.post(address, content=b"", headers={}))
    await asyncio.sleep(0.05)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(1):
        await left.wait()


async def test_plain_server_is_no_tls_server(quiet_loop):
    async def refuse(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    with pytest.raises(httpx.ConnectError):
        await http.post(address, content=b"", headers={})

    server.close()
