"""Check that a store's address is public, unless the deployment allows private ones."""

from __future__ import annotations

import ipaddress
import socket


class PrivateAddress(Exception):
    """The name resolves to an address inside the network this runs in."""


def check_public(host: str) -> None:
    """Refuse a host that is, or resolves to, a private or loopback address.

    Raises:
        PrivateAddress: naming the address.
    """
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        return  # the name does not resolve; connecting will report it
    for *_, address in found:
        refuse_private(host, str(address[0]))


def refuse_private(host: str, address: str) -> None:
    """Refuse an address that `host` resolved to, if it is not public.

    Raises:
        PrivateAddress: naming it.
    """
    if not _public(ipaddress.ip_address(address.split("%")[0])):
        is_private = f"{host} is a private address" if host == address else f"{host} is the private address {address}"
        raise PrivateAddress(f"{is_private}. Stores are public; to allow private ones set SYNC_ALLOW_PRIVATE_HOSTS=1.")


_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")  # every public IPv6 address is one
_6TO4 = ipaddress.ip_network("2002::/16")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # how a network without IPv4 reaches public IPv4 addresses


def _public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Python's `is_global` accepts IPv6 addresses that embed any IPv4 address, even 127.0.0.1."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped
    if inner is None and address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if inner is not None:
        return _public(inner)
    return address in _GLOBAL_UNICAST and address not in _6TO4 and address.is_global
