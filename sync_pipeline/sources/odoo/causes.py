"""The causes of an Odoo server's failures, and what to do."""

from __future__ import annotations

import re

from sync_pipeline.errors import MalformedAnswer, RefusedBySource, SourceError, TransientSourceError
from sync_pipeline.sources.base import Finding
from sync_pipeline.sources.doctor import fault, network_cause
from sync_pipeline.sources.odoo.settings import OdooConfig

_KEY = re.compile(r"[0-9a-f]{40}")  # the form of Odoo's API keys


def unreachable(error: SourceError) -> Finding:
    """Why the server does not answer as Odoo would."""
    text = str(error)
    lowered = text.lower()
    cause = network_cause(error)
    if cause is not None:
        return cause
    if isinstance(error, MalformedAnswer) or "html" in lowered:
        return fault(
            "not_odoo",
            f"The server at this address is not Odoo ({text}): a proxy's page, a login in front, or another website.",
            "Open the address followed by /web/version in a browser: it must show JSON. Let /json/2, /jsonrpc and "
            "/web/version through in the proxy.",
        )
    if "refused" in lowered and isinstance(error, TransientSourceError):
        return fault("refused", text, "Nothing listens there: check the port (Odoo's own is 8069).")
    if getattr(error, "status", None) in (502, 503, 504):
        return fault("unavailable", text, "The proxy answers, but Odoo behind it does not. Check that Odoo is running.")
    if getattr(error, "status", None) == 404:
        return fault("not_odoo", f"Odoo's addresses are not found there ({text}).", "Check the address and its path.")
    if "broke" in lowered:
        return fault(
            "unreachable", text, "An https port answers http requests like this: try the address with https://."
        )
    return fault("unreachable", text, "Open the address in a browser from this machine.")


def refused(config: OdooConfig, secret: str, error: RefusedBySource) -> Finding:
    """Why the login is refused; only the form of `secret` is examined."""
    if error.code == "wrong_database":
        return fault(
            "wrong_database",
            f"There is no database “{config.db}” on this server.",
            "Ask for the database's exact name (upper and lower case differ); on Odoo Online it is the part before "
            ".odoo.com.",
        )
    if error.code == "wrong_login" and _KEY.fullmatch(secret):
        return fault(
            "wrong_key",
            f"The API key is refused: it was deleted, it has expired, or it does not belong to {config.username} in "
            f"{config.db}. Odoo gives the same answer for all three.",
            "In Odoo open Preferences → Account Security → API Keys: an expired key is not listed. Create a new "
            "one and connect again with it.",
        )
    if error.code == "wrong_login":
        return fault(
            "wrong_login",
            f"{config.username} is refused in {config.db}: the login or the password is wrong.",
            "With two-factor authentication Odoo refuses passwords: create an API key. Otherwise check both.",
        )
    if error.code == "redirect":
        return fault("redirect", str(error), "Connect with the address it redirects to (https, www).")
    return fault("refused", str(error), "Check the user's permissions in Odoo, and the proxy's rules.")
