"""Which network addresses another party's server may have, checked at the moment of connecting.

A name may have another address each time it is looked up. So it is looked up once, its addresses
are checked, and the connection goes to one of these, not to the name.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import psutil

from app.errors import ToolFailure

Address = IPv4Address | IPv6Address

# Where clouds tell a machine its own credentials. Nothing else is there.
_METADATA = frozenset(
    map(
        ip_address,
        (
            *("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200"),
            *("168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23"),
        ),
    )
)
# Networks whose addresses end in the IPv4 address that is meant.
_TRANSLATED = tuple(map(IPv6Network, ("::/96", "64:ff9b::/96", "64:ff9b:1::/48")))


@dataclass(frozen=True)
class AddressRules:
    """Where the server called `server` may be. The app itself listens on `own_port`.

    `lookup` returns a name's addresses, as socket.getaddrinfo does.
    """

    server: str
    own_port: int
    allow_private: bool = False
    lookup: Callable[..., list[Any]] = socket.getaddrinfo

    def find(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host. Raises ToolFailure if it has one that is not allowed.

        Raises socket.gaierror if it has none.
        """
        found = self.lookup(host.strip("[]"), port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:
            self._check(text, port)
        return addresses

    def _check(self, text: str, port: int) -> None:
        meanings = list(_meanings(ip_address(text)))
        if any(address in _METADATA for address in meanings):
            raise self._refusal(text, "where a cloud keeps this machine's credentials")
        if port == self.own_port and any(map(_is_this_machine, meanings)):
            raise self._refusal(text, "where this app itself listens")
        if not self.allow_private and not all(map(_is_public, meanings)):
            raise self._refusal(
                text, "not public; if that is meant, add its name to MCP_ALLOW_PRIVATE"
            )

    def _refusal(self, address: str, reason: str) -> ToolFailure:
        return ToolFailure(f"{self.server} is not called: its address {address} is {reason}.")


def _meanings(address: Address) -> Iterator[Address]:
    """Yield the address, and the IPv4 address that an IPv6 address stands for."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield address.teredo[1]
    if any(address in network for network in _TRANSLATED):
        yield IPv4Address(int(address) & 0xFFFFFFFF)


def _is_public(address: Address) -> bool:
    """Whether anybody on the internet could reach it."""
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.is_site_local):
        # Of a mapped address the IPv4 address decides, which is checked beside it.
        return bool(address.ipv4_mapped)
    return address.is_global and not address.is_multicast


def _is_this_machine(address: Address) -> bool:
    if address.is_loopback or address.is_unspecified:
        return True
    interfaces = psutil.net_if_addrs().values()
    own = {each.address.partition("%")[0] for addresses in interfaces for each in addresses}
    return str(address).partition("%")[0] in own
