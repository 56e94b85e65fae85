"""What the doctors of all providers share: the list of findings, and the causes that are the same for every store."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from sync_pipeline.errors import RefusedBySource, SourceError
from sync_pipeline.sources.base import Finding

_NO_TLS = ("wrong_version_number", "wrong version number", "record layer")  # how TLS says that no TLS was answered


class Findings(list[Finding]):
    """What a doctor found, in order."""

    def ok(self, code: str, message: str) -> None:
        """Add something that works."""
        self.append(Finding("ok", code, message))

    def warning(self, code: str, message: str, remedy: str = "") -> None:
        """Add something that works but should be changed."""
        self.append(Finding("warning", code, message, remedy))

    def error(self, code: str, message: str, remedy: str) -> None:
        """Add something that does not work."""
        self.append(fault(code, message, remedy))


def fault(code: str, message: str, remedy: str) -> Finding:
    """Something that does not work, and what to do."""
    return Finding("error", code, message, remedy)


def resolves(url: str, findings: Findings) -> bool:
    """Does the name in the address resolve?"""
    address = urlsplit(url)
    try:
        socket.getaddrinfo(address.hostname, address.port or address.scheme)
    except OSError as error:
        findings.error(
            "dns",
            f"The name {address.hostname} does not resolve: {error}.",
            "Check the spelling of the address; if it is right, the domain's DNS is down.",
        )
        return False
    return True


def network_cause(error: SourceError) -> Finding | None:
    """The cause between this machine and the server; None: it lies elsewhere."""
    text = str(error)
    if isinstance(error, RefusedBySource) and error.code == "redirect":
        return fault("redirect", text, "Connect with the address it redirects to (https, www).")
    if isinstance(error, RefusedBySource) and error.code == "private_address":
        return fault("private_address", text, "Use the server's public address.")
    if any(words in text.lower() for words in _NO_TLS):
        remedy = "The server speaks plain http there: connect with http://, or its TLS port."
        return fault("http_not_https", text, remedy)
    if "tls failed" in text.lower():
        return fault(
            "tls",
            text,
            "The certificate is expired, self-signed or for another name. Renew it, or set ca_file for a private CA.",
        )
    if "no answer in time" in text.lower():
        return fault("timeout", text, "The server is overloaded or a firewall drops the packets.")
    return None
