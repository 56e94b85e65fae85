"""Which addresses a tenant's store may have: public ones, unless the deployment allows others."""

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
        return  # a name that does not resolve reaches nothing; connecting will say so
    for *_, address in found:
        refuse_private(host, str(address[0]))


def refuse_private(host: str, address: str) -> None:
    """Refuse an address that `host` resolved to, if it is not public.

    Raises:
        PrivateAddress: naming it.
    """
    parsed = ipaddress.ip_address(address.split("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    if not parsed.is_global or parsed.is_multicast:
        raise PrivateAddress(
            f"{host} is the private address {address}. Stores are public; to allow private ones set "
            "SYNC_ALLOW_PRIVATE_HOSTS=1."
        )
