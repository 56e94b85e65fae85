"""Diagnose an Odoo connection: what fails, why, and what to do."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sync_pipeline.errors import RefusedBySource, SourceError, TransientSourceError
from sync_pipeline.sources.base import Finding
from sync_pipeline.sources.doctor import Findings, fault, resolves
from sync_pipeline.sources.odoo.causes import refused, unreachable
from sync_pipeline.sources.odoo.client import OdooClient
from sync_pipeline.sources.odoo.rpc import FIRST_JSON2
from sync_pipeline.sources.odoo.stream import ALL_DOCUMENTS, OdooStream

_SKEW_SECONDS = 120
_EXPIRES_SOON_DAYS = 14


def examine(client: OdooClient) -> Sequence[Finding]:
    """Name resolution, the server, the clock, database and login, the companies, and each model and field."""
    findings = Findings()
    if not resolves(client.config.url, findings):
        return findings
    if client.config.url.lower().startswith("http://"):
        findings.warning(
            "http",
            "Odoo is reached over plain http: the password or key travels unencrypted with every request.",
            "Use the https address if there is one.",
        )
    if _server(client, findings) and _login(client, findings) and _companies(client, findings):
        _rights(client, findings)
    return findings


def _server(client: OdooClient, findings: Findings) -> bool:
    try:
        _clock(client, findings)
        major, name = client.rpc.version
    except SourceError as error:
        findings.append(_plain_http(client) or unreachable(error))
        return False
    findings.ok("server", f"Odoo {name} answers at {client.config.url}.")
    if client.config.transport == "json2" and major < FIRST_JSON2:
        findings.error(
            "transport",
            f"The connection's transport is json2, which Odoo {name} does not have.",
            "Set transport to auto.",
        )
        return False
    return True


def _plain_http(client: OdooClient) -> Finding | None:
    """Odoo's own port speaks http: asked by https it closes the connection, answers nonsense, or waits for more."""
    scheme, _, rest = client.config.url.partition("://")
    if scheme.lower() != "https":
        return None
    try:
        answer = client.http.request("GET", f"http://{rest}/web/version", accept=frozenset(range(300, 600)))
    except SourceError:
        return None
    if answer.status >= 300 and b"odoo" not in answer.body.lower():
        return None  # a proxy that leads to https
    return fault(
        "http_not_https",
        f"There is no TLS at {client.config.url}: the server speaks plain http there.",
        f"Connect with http://{rest}, or with the address of the proxy that speaks https for it.",
    )


def _clock(client: OdooClient, findings: Findings) -> None:
    answer = client.http.request("GET", "web/version", accept=frozenset(range(400, 600)))
    if answer.clock is None:
        findings.warning("no_clock", "The server does not send its time, so this machine's clock is used.")
        return
    skew = abs((datetime.now(UTC) - answer.clock).total_seconds())
    if skew > _SKEW_SECONDS:
        findings.warning(
            "clock_skew",
            f"The server's clock and this machine's differ by {skew:.0f} seconds. Changes are requested by the "
            "server's own clock, so nothing is missed, but times will look wrong.",
            "Set both clocks by NTP.",
        )


def _login(client: OdooClient, findings: Findings) -> bool:
    config = client.config
    try:
        transport = client.rpc.transport
    except RefusedBySource as error:
        findings.append(refused(client.config, client.rpc.secret, error))
        return False
    except SourceError as error:
        findings.append(unreachable(error))
        return False
    try:
        user = client.rpc.call("res.users", "read", ids=[client.rpc.uid], fields=["login"]).value()[0]
    except SourceError as error:
        findings.error("no_right", str(error), "The user may not read their own record: connect with another user.")
        return False
    if user["login"] != config.username:
        # An API key always acts with its owner's permissions, whatever login is sent with it.
        findings.error(
            "wrong_login",
            f"The key is {user['login']}'s, not {config.username}'s.",
            f"Connect as the user {user['login']}, or with a key of {config.username}.",
        )
        return False
    findings.ok("login", f"{config.username} can log in to {config.db}, by {_TRANSPORTS[transport]}.")
    _expiry(client, findings)
    return True


_TRANSPORTS = {"json2": "JSON-2", "jsonrpc": "JSON-RPC"}


def _expiry(client: OdooClient, findings: Findings) -> None:
    """Warn of an API key that expires soon: once expired, Odoo rejects it without giving the reason."""
    try:
        keys = client.rows(
            "res.users.apikeys",
            [["user_id", "=", client.rpc.uid], ["expiration_date", "!=", False]],
            ["name", "expiration_date"],
        )
    except SourceError:
        return  # before 18 keys did not expire
    for key in keys:
        ends = datetime.fromisoformat(str(key["expiration_date"])).replace(tzinfo=UTC)
        days = (ends - datetime.now(UTC)).days
        # This login works, so a key that has expired is not the one in use.
        if 0 <= days < _EXPIRES_SOON_DAYS:
            findings.warning(
                "key_expires",
                f"The API key “{key['name']}” expires on {ends:%Y-%m-%d}.",
                "If this connection uses it, create a new key before then and connect again with it.",
            )


def _own_documents(client: OdooClient, findings: Findings) -> bool:
    """True if record rules hide other users' orders: lists are then shorter, without any error."""
    if client.in_group(ALL_DOCUMENTS):
        return False
    findings.warning(
        "own_documents",
        f"{client.config.username} is not in the group “Sales / User: All Documents”: Odoo may show only their own "
        "orders and customers, without an error.",
        "Give the user that group, or connect with a user who has it.",
    )
    return True


def _companies(client: OdooClient, findings: Findings) -> bool:
    try:
        companies = client.companies
        names = {
            row["id"]: row["name"] for row in client.rows("res.company", [["id", "in", list(companies)]], ["name"])
        }
    except RefusedBySource as error:
        remedy = "Correct the connection's companies."
        if error.code != "wrong_company":
            remedy = f"Check the user's permissions, and whether the language {client.config.lang} is active in Odoo."
        findings.error(error.code or "refused", str(error), remedy)
        return False
    except SourceError as error:
        findings.append(unreachable(error))
        return False
    listed = ", ".join(f"{names.get(company, '?')} ({company})" for company in companies)
    if len(companies) > 1 and not client.config.companies:
        findings.warning(
            "companies",
            f"The user belongs to {len(companies)} companies, all captured: {listed}. Values that differ by "
            "company (costs, accounts) are the first company's; the others' are stored with them.",
            "To capture only some, give their ids in the setting companies, such as [1].",
        )
    else:
        findings.ok("companies", f"Captured: {listed}.")
    return True


def _rights(client: OdooClient, findings: Findings) -> None:
    """Compare expected models and fields with those offered: missing permissions cause no error, only less data."""
    from sync_pipeline.sources.odoo import SOURCE

    closed: list[str] = []
    absent: list[str] = []
    left_out: list[str] = []
    fields: list[str] = []
    for stream in SOURCE.streams.values():
        assert isinstance(stream, OdooStream)
        try:
            client.sample(stream)
            missing = client.chosen(stream).scope.missing
        except RefusedBySource as error:
            lacks = stream.is_absent(error)
            found = (absent if error.status == 404 else left_out) if lacks else closed
            found.append(f"{stream.title} ({stream.path})")
            continue
        except TransientSourceError as error:
            findings.warning("unstable", f"{stream.title}: {error}", "Try again; check the server's load.")
            continue
        if missing:
            fields.append(f"{stream.path}: {', '.join(missing)}")
    if closed:
        findings.error(
            "permission",
            f"{client.config.username} may not read: {', '.join(closed)}.",
            "Give the user the groups Sales / Administrator, Inventory / Administrator and Invoicing / "
            "Administrator, or connect with a user who has them.",
        )
    if fields:
        findings.warning(
            "fields",
            f"Expected fields that are not offered to {client.config.username}: {'; '.join(fields)}.",
            "Field groups hide them, or their module is not installed. Everything else is captured.",
        )
    if left_out:
        findings.warning(
            "left_out",
            f"{client.config.username} may not read: {', '.join(left_out)}. Pulls leave them out.",
            "Give the user the right to read them if the business needs them. Everything else is captured.",
        )
    if absent:
        findings.warning(
            "absent",
            f"Not on this server: {', '.join(absent)}.",
            "The module is not installed. This is fine if the business does not use it.",
        )
    partly = _own_documents(client, findings) if "Orders (sale.order)" not in (*closed, *absent) else False
    if not closed and not fields and not partly:
        findings.ok("rights", "The user may read everything that is captured.")
