"""Internet addresses: who calls, and from where a key may be used. Knows no tables."""

import re
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from core.errors import Invalid

NETWORKS_MOST: Final = 50
_CHARS_MOST: Final = 120
_LENGTH: Final = re.compile(r"[0-9]{1,3}")

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


def read_address(text: str) -> Address | None:
    """The address in `203.0.113.9`, `2001:db8::1`, `[2001:db8::1]:443` or `203.0.113.9:443`.

    An IPv4 address in the clothes of IPv6 is IPv4. None for what is no address.
    """
    return _read(text) if len(text) <= _CHARS_MOST else None


@lru_cache(maxsize=1024)
def _read(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def checked_networks(text: str) -> str:
    """A list of addresses and networks as it is stored: each once, on its own line.

    Raises Invalid, naming the first that is wrong and what is wrong with it.
    """
    words = text.replace(",", " ").split()
    if len(words) > NETWORKS_MOST:
        raise _invalid(f"That is more than {NETWORKS_MOST} addresses; write them as ranges.")
    return "\n".join(dict.fromkeys(_written(_network(word)) for word in words))


def _network(word: str) -> Network:
    address, slash, length = word.partition("/")
    try:
        found = ip_address(address)
    except ValueError as error:
        raise _invalid(
            f"{word[:60]!r} is no address. Write 203.0.113.9, 2001:db8::1, or a range such as"
            " 203.0.113.0/24."
        ) from error
    if slash and not (_LENGTH.fullmatch(length) and int(length) <= _bits(found)):
        raise _invalid(
            f"{word[:60]!r} is no range: behind the slash stands a number from 0 to {_bits(found)}."
        )
    network = ip_network(word, strict=False)
    if slash and found != network.network_address:
        raise _invalid(f"{word[:60]} lies inside a range; the range is {network}.")
    return network


def _written(network: Network) -> str:
    """As a person would write it: one address without its length."""
    return str(network.network_address if network.num_addresses == 1 else network)


def _bits(address: Address) -> int:
    return 32 if address.version == 4 else 128  # noqa: PLR2004


def _invalid(message: str) -> Invalid:
    return Invalid(message, code="invalid_address", param="allowed_addresses")


def is_allowed(networks: str, address: str | None) -> bool:
    """Whether a stored list admits an address. An empty list admits all, a list no unknown one."""
    if not networks:
        return True
    found = read_address(address or "")
    return found is not None and any(found in network for network in _networks(networks))


@lru_cache(maxsize=256)
def _networks(stored: str) -> tuple[Network, ...]:
    return tuple(ip_network(line) for line in stored.splitlines())
