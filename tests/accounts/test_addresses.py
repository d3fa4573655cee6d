"""Addresses: what is read, what is refused and in which words, and whom a list admits."""

import pytest
from django.test import RequestFactory

from accounts.addresses import checked_networks, is_allowed, read_address
from accounts.credentials import address_of
from core.errors import Invalid


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9:443 ", "203.0.113.9"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("unknown", None),
        ("testclient:1", None),
        ("203.0.113.999", None),
        ("fe80::1%" + "eth" * 40, None),
    ],
)
def test_addresses_are_read_in_every_dress(text, read):
    found = read_address(text)

    assert (str(found) if found else None) == read


def test_a_list_is_stored_in_one_form():
    given = "203.0.113.9, 10.0.0.0/8\n2001:DB8::/32\n\n203.0.113.9/32"

    assert checked_networks(given) == "203.0.113.9\n10.0.0.0/8\n2001:db8::/32"
    assert checked_networks(" \n ") == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "10.0.0.0/8 example.org",
            "'example.org' is no address. Write 203.0.113.9, 2001:db8::1, or a range such as"
            " 203.0.113.0/24.",
        ),
        (
            f"10.0.0.0/{'9' * 4900}",
            f"{'10.0.0.0/' + '9' * 51!r} is no range: behind the slash stands a number from 0 to"
            " 32.",
        ),
        ("10.0.0.5/8", "10.0.0.5/8 lies inside a range; the range is 10.0.0.0/8."),
        (
            "10.0.0.0/33",
            "'10.0.0.0/33' is no range: behind the slash stands a number from 0 to 32.",
        ),
        (
            "10.0.0.0/255.0.0.0",
            "'10.0.0.0/255.0.0.0' is no range: behind the slash stands a number from 0 to 32.",
        ),
        ("::/129", "'::/129' is no range: behind the slash stands a number from 0 to 128."),
        ("10.0.0.1 " * 51, "That is more than 50 addresses; write them as ranges."),
    ],
)
def test_a_wrong_list_is_refused_in_words(text, message):
    with pytest.raises(Invalid) as caught:
        checked_networks(text)

    assert (caught.value.message, caught.value.param) == (message, "allowed_addresses")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("203.0.113.9", True),
        ("::ffff:203.0.113.9", True),
        ("203.0.113.10", False),
        ("10.255.255.255", True),
        ("2001:db8:1::5", True),
        ("2001:db9::5", False),
        ("", False),
        (None, False),
    ],
)
def test_a_list_admits_what_it_names(address, allowed):
    networks = checked_networks("203.0.113.9 10.0.0.0/8 2001:db8::/32")

    assert is_allowed(networks, address) is allowed
    assert is_allowed("", address) is True


@pytest.mark.parametrize(
    ("behind_proxy", "forwarded", "seen"),
    [
        (False, "198.51.100.7", "203.0.113.9"),
        (True, "198.51.100.7", "198.51.100.7"),
        (True, "10.0.0.1, 198.51.100.7", "198.51.100.7"),
        (True, "10.0.0.1,nonsense", None),
        (True, "", "203.0.113.9"),
    ],
)
def test_only_the_proxys_word_counts_for_an_address(settings, behind_proxy, forwarded, seen):
    settings.BEHIND_PROXY = behind_proxy
    request = RequestFactory().get(
        "/", headers={"X-Forwarded-For": forwarded}, REMOTE_ADDR="203.0.113.9"
    )

    assert address_of(request) == seen
