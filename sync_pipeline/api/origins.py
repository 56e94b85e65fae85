"""Which other sites' scripts may call (CORS): `SYNC_CORS_ORIGINS`, and the answer to those that it does not name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from sync_pipeline.api.errors import answer
from sync_pipeline.config import Settings
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.redaction import marked, redact

_PORTS = {"http": 80, "https": 443}  # a browser leaves them out
_NEVER = {"", "blob", "data", "file", "ftp", "ws", "wss"}  # no page has such an origin; extensions and apps have others
_HOST = re.compile(r"[a-z0-9._-]+|\[[0-9a-f:.]+\]")
_LONGEST = 200


def origins_of(settings: Settings) -> Sequence[str]:
    """The origins of `SYNC_CORS_ORIGINS`, as browsers send them.

    Raises:
        ConfigurationError: one is none, so that no browser would ever send it; says what to write.
    """
    return [_origin(one.strip()) for one in settings.cors_origins.split(",") if one.strip()]


def _origin(given: str) -> str:
    if given == "*":
        return given
    try:
        parts = urlsplit(given)
        host, port = _host(parts.netloc), parts.port
    except ValueError:
        raise _no_origin(given) from None
    scheme = parts.scheme.lower()
    if scheme in _NEVER or not _HOST.fullmatch(host) or parts.path not in ("", "/") or parts.query:
        raise _no_origin(given)
    if parts.fragment or given.endswith(("?", "#")):
        raise _no_origin(given)
    return f"{scheme}://{host}" + (f":{port}" if port not in (None, _PORTS.get(scheme)) else "")


def _host(netloc: str) -> str:
    """In lower case, and as a browser spells other alphabets: xn--…"""
    host = re.sub(r":[0-9]*$", "", netloc).lower()
    return host if host.isascii() else host.encode("idna").decode()


def _no_origin(given: str) -> ConfigurationError:
    return ConfigurationError(
        f"SYNC_CORS_ORIGINS: “{redact(marked(given[:_LONGEST]))}” is not an origin, so no browser matches it. Write "
        "scheme and host, and the port if it has one, such as https://shop.example or http://localhost:3000. Separate "
        "several by commas."
    )


class OtherSites(CORSMiddleware):
    """Starlette's, whose refusals are errors as all others are."""

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to a browser that asks whether a script may call."""
        asked = super().preflight_response(request_headers)
        if asked.status_code == 200:
            return asked
        headers = {name: value for name, value in asked.headers.items() if not name.startswith("content-")}
        return answer(asked.status_code, self._refusal(request_headers), headers=headers)

    def _refusal(self, asked: Headers) -> str:
        origin = asked["origin"]
        if not self.is_allowed_origin(origin):
            return (
                f"Scripts of {marked(origin[:_LONGEST])} may not call. Add this origin to SYNC_CORS_ORIGINS, after a "
                "comma, and restart the service."
            )
        if asked["access-control-request-method"] not in self.allow_methods:
            return f"Scripts of other sites may call with {', '.join(self.allow_methods)}."
        if "access-control-request-private-network" in asked:
            return "A page of a public site may not call a service in a private network. Call it from a page there."
        return f"Scripts of other sites may send the headers {', '.join(sorted(self.allow_headers))}. Send no others."
