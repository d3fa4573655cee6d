"""The door out: one client per loop, and which addresses users may name."""

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
