"""The door out: one client per loop, and which addresses users may name."""

import asyncio

import httpx
import pytest

from core import http
from core.errors import Invalid


async def test_one_client_until_it_is_closed():
    first = http.client()

    assert http.client() is first
    await http.aclose()
    assert http.client() is not first
    await http.aclose()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fe80::1%eth0",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::7f00:1", "64:ff9b::7f00:1",
        "2002:7f00:1::", "2001:0:7f00:1::",
    ],
)  # fmt: skip
def test_address_inside_is_not_public(address):
    assert http.is_public(address) is False


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_address_outside_is_public(address):
    assert http.is_public(address) is True


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/", "http://localhost:8000/", "http://[::1]/", "http://2130706433/",
        "http://0x7f.1/", "http://[::ffff:7f00:1]/", "https://user@8.8.8.8/", "ftp://8.8.8.8/",
        "file:///etc/hosts", "http://", "http://8.8.8.8:99999/", "//8.8.8.8", "",
    ],
)  # fmt: skip
async def test_url_is_refused(url):
    with pytest.raises(Invalid) as raised:
        await http.check_public_url(url)

    assert raised.value.param == "url"


async def test_public_url_gives_its_addresses():
    assert await http.check_public_url("https://8.8.8.8/x") == ["8.8.8.8"]


class Site:
    """A server of files on this machine, under names that only `check` knows."""

    def __init__(self):
        self.asked: list[tuple[str, str]] = []
        self.checked: list[str] = []
        self.port = 0
        self.allowed = {"cards.example", "other.example"}

    def url(self, path: str, host: str = "cards.example") -> str:
        return f"http://{host}:{self.port}{path}"

    async def check(self, url: str) -> list[str]:
        self.checked.append(url)
        if httpx.URL(url).host not in self.allowed:
            raise Invalid("That address cannot be reached.", param="url")
        return ["127.0.0.1"]

    async def answer(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = head.split()[1]
        host = head.lower().split("host: ")[1].split("\r\n")[0]
        self.asked.append((host, path))
        await self.write(path, writer)
        writer.close()

    async def write(self, path, writer):
        ok, found = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 302 Found\r\nLocation: "
        if path == "/card.png":
            writer.write(ok + b"Content-Length: 4\r\n\r\ncard")
        elif path == "/endless":
            writer.write(ok + b"\r\n" + b"x" * 5000)
        elif path == "/slow":
            writer.write(ok + b"\r\nx")
            await writer.drain()
            await asyncio.sleep(5)
        elif path == "/packed":
            writer.write(ok + b"Content-Encoding: gzip\r\n\r\nxx")
        elif path == "/cut":
            writer.write(ok + b"Content-Length: 9\r\n\r\ncard")
        elif path == "/moved":
            writer.write(found + b"/card.png\r\n\r\n")
        elif path == "/inside":
            writer.write(found + b"http://inside.example/secret\r\n\r\n")
        elif path == "/file":
            writer.write(found + b"file:///etc/hosts\r\n\r\n")
        elif path.startswith("/hop"):
            writer.write(found + b"/hop" + str(int(path[4:]) - 1).encode() + b"\r\n\r\n")
        else:
            writer.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        await writer.drain()


@pytest.fixture
async def site():
    found = Site()
    server = await asyncio.start_server(found.answer, "127.0.0.1", 0)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


async def fetch(site, path, **given):
    url = site.url(path) if path.startswith("/") else path
    given = {"bytes_most": 1000, "seconds": 2, **given}
    return await http.fetch_public(url, check=site.check, **given)


async def test_fetch_connects_to_the_checked_address_under_the_own_name(site):
    assert await fetch(site, "/card.png#part") == b"card"

    assert site.asked == [(f"cards.example:{site.port}", "/card.png")]
    assert site.checked == [site.url("/card.png")]


async def test_redirect_is_followed_and_checked_anew(site):
    assert await fetch(site, "/moved") == b"card"

    assert site.checked == [site.url("/moved"), site.url("/card.png")]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/inside", "cannot be reached"),
        ("/file", "plain http"),
        ("/hop9", "only leads on"),
        ("/missing", "answered 404"),
        ("/endless", "larger than"),
        ("/packed", "packed"),
        ("/cut", "broke off"),
        ("http://unknown.example/", "cannot be reached"),
        ("http://[::1", "plain http"),
        ("ftp://cards.example/", "plain http"),
        ("http://cards.example\\@other.example/", "plain http"),
        ("http://cards.example/" + "x" * 2000, "plain http"),
    ],
)
async def test_fetch_is_refused_with_the_reason(site, path, told):
    with pytest.raises(Invalid) as raised:
        await fetch(site, path)

    assert told in raised.value.message
    assert raised.value.param == "url"
    assert not [path for _, path in site.asked if path == "/secret"]


async def test_redirects_have_an_end(site):
    with pytest.raises(Invalid):
        await fetch(site, "/hop9")

    assert [path for _, path in site.asked] == ["/hop9", "/hop8", "/hop7", "/hop6"]


async def test_fetch_takes_no_longer_than_it_may(site):
    with pytest.raises(Invalid) as raised:
        await fetch(site, "/slow", seconds=0.2)

    assert raised.value.message == "That address did not answer within 0.2 seconds."


async def test_fetch_of_exactly_the_most_is_taken(site):
    assert await fetch(site, "/card.png", bytes_most=4) == b"card"
    with pytest.raises(Invalid):
        await fetch(site, "/card.png", bytes_most=3)


async def test_fetch_checks_the_address_by_itself():
    with pytest.raises(Invalid):
        await http.fetch_public("http://127.0.0.1:9/", bytes_most=10, seconds=2)
