"""Why a WooCommerce connection does not work, in plain words, and what to do."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sync_pipeline import exact_json
from sync_pipeline.errors import MalformedAnswer, RefusedBySource, SourceError, TransientSourceError
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Finding
from sync_pipeline.sources.doctor import Findings, fault, network_cause, resolves
from sync_pipeline.sources.woocommerce.client import WooClient

_SKEW_SECONDS = 600  # WooCommerce refuses OAuth timestamps older than 15 minutes
_PROBED = ("products", "customers", "orders", "coupons", "taxes", "settings")


def examine(client: WooClient) -> Sequence[Finding]:
    """Name resolution, the API's index, the clock, the key, and each right that a pull needs."""
    findings = Findings()
    if not resolves(client.config.store_url, findings):
        return findings
    if client.config.store_url.lower().startswith("http://"):
        findings.warning(
            "http",
            "The store is reached over plain http: data travels unencrypted, requests are signed by OAuth 1.0a.",
            "Use the https address if the store has one.",
        )
    if _index(client, findings) and _key(client, findings):
        _version(client, findings)
        _rights(client, findings)
    return findings


def _index(client: WooClient, findings: Findings) -> bool:
    try:
        answer = client.http.request("GET", f"{client.http.base_url}/", accept=frozenset({401, 403, 404}))
    except (TransientSourceError, RefusedBySource) as error:
        findings.append(_unreachable(error))
        return False
    if answer.clock is not None:
        skew = abs((datetime.now(UTC) - answer.clock).total_seconds())
        if skew > _SKEW_SECONDS:
            findings.error(
                "clock_skew",
                f"The store's clock and this machine's differ by {skew:.0f} seconds; signed requests are refused "
                "from 15 minutes on.",
                "Set both clocks by NTP.",
            )
    prefix = answer.body.lstrip()
    printed = prefix[:3] == b"\xef\xbb\xbf" or (prefix[:1] not in (b"{", b"[") and b"{" in prefix)
    if printed and answer.status == 200 and b"<html" not in prefix[:2000].lower():
        findings.warning(
            "php_notice",
            "Something is printed in front of the JSON (a PHP notice or a byte-order mark). It is skipped.",
            "Switch WP_DEBUG_DISPLAY off in wp-config.php.",
        )
    index: Any = None
    with suppress(MalformedAnswer, ValueError, RecursionError):
        index = exact_json.loads(jsontext.single(answer.body))
    if answer.status in (401, 403):
        return _closed_to_visitors(client, answer.status, findings)
    if not isinstance(index, dict):
        findings.append(_no_index(answer.status, prefix))
        return False
    if "wc/v3" not in index.get("namespaces", []):
        findings.error(
            "no_woocommerce",
            "WordPress answers, but there is no WooCommerce API (wc/v3) on it.",
            "Install or activate WooCommerce 3.5 or newer.",
        )
        return False
    findings.ok("api", f"The API answers at {client.http.base_url}.")
    _home(client, index.get("home"), findings)
    return True


def _closed_to_visitors(client: WooClient, status: int, findings: list[Finding]) -> bool:
    """The index refuses visitors: signed requests decide whether a pull works."""
    try:
        client.get("wc/v3/products", [("per_page", "1")])
    except (RefusedBySource, TransientSourceError) as error:
        known = isinstance(error, RefusedBySource) and error.code.startswith("woocommerce_")
        findings.append(_refused(client, error) if known else _no_index(status, b""))  # type: ignore[arg-type]
        return False
    findings.append(Finding("ok", "api", f"The API answers signed requests only ({status} to visitors)."))
    return True


def _home(client: WooClient, home: Any, findings: list[Finding]) -> None:
    """Tell of a store that calls itself by another address: its links, and perhaps a redirect, lead there."""
    try:
        theirs, ours = urlsplit(str(home)), urlsplit(client.config.store_url)
        same = (theirs.hostname, theirs.port) == (ours.hostname, ours.port)
    except ValueError:
        return
    if theirs.hostname and not same:
        findings.append(
            Finding(
                "warning",
                "home_differs",
                f"The store calls itself {theirs.scheme}://{theirs.netloc.rpartition('@')[2]}, and the connection's "
                f"address is {client.config.store_url}.",
                "If this is the right store, connect with the address it calls itself, or correct its Site Address in "
                "WordPress under Settings → General.",
            )
        )


def _no_index(status: int, body: bytes) -> Finding:
    lowered = body[:20000].lower()
    if any(word in lowered for word in (b"cloudflare", b"captcha", b"sucuri", b"wordfence", b"firewall", b"challenge")):
        return fault(
            "waf",
            "A firewall page answers instead of the API.",
            "Let this machine's address pass in the firewall (Cloudflare, Wordfence, Sucuri …) for /wp-json/.",
        )
    if status == 404:
        return fault(
            "permalinks",
            "/wp-json/ is not found: the store uses plain permalinks, or this is not WordPress.",
            "In WordPress choose Settings → Permalinks → Post name, and save.",
        )
    if status in (401, 403):
        return fault(
            "rest_closed",
            f"The REST API is closed ({status}) for everybody.",
            "A security plugin blocks /wp-json/: allow it for signed requests.",
        )
    return fault(
        "not_json",
        "An HTML page answers instead of the API.",
        "Open the address followed by /wp-json/ in a browser: it must show JSON. Maintenance mode and caches do this.",
    )


def _unreachable(error: SourceError) -> Finding:
    text = str(error)
    cause = network_cause(error)
    if cause is not None:
        return cause
    if "refused" in text.lower():
        return fault("refused", text, "Nothing listens there: check the port, or the server is down.")
    if getattr(error, "status", None) == 503:
        return fault("unavailable", text, "Maintenance mode or overload: try again later.")
    return fault("unreachable", text, "Open the store's address in a browser from this machine.")


def _key(client: WooClient, findings: Findings) -> bool:
    try:
        client.get("wc/v3/products", [("per_page", "1")])
    except RefusedBySource as error:
        findings.append(_refused(client, error))
        return False
    except TransientSourceError as error:
        findings.append(_unreachable(error))
        return False
    findings.ok("key", "The key is accepted.")
    return True


def _refused(client: WooClient, error: RefusedBySource) -> Finding:
    text = str(error)
    lowered = text.lower()
    if "timestamp" in lowered:
        return fault("clock_skew", text, "The clocks differ by more than 15 minutes: set both by NTP.")
    if "signature" in lowered:
        return fault(
            "wrong_secret",
            "The signature does not match: the consumer secret is wrong, or a proxy in front of the store changes "
            "host or port (the signature covers the address).",
            "Copy key and secret again; behind a proxy connect over https.",
        )
    if "consumer secret is invalid" in lowered:
        return fault("wrong_secret", text, "Copy the consumer secret again, or make a new key.")
    if "consumer key is invalid" in lowered:
        return fault("wrong_key", text, "Copy the consumer key again, or make a new key.")
    if error.status in (401, 403) and error.code == "woocommerce_rest_cannot_view":
        if client._auth == "basic" and _accepts_query(client):
            return fault(
                "authorization_stripped",
                "The key works in the query, not in the Authorization header: the host strips that header.",
                "Let the host pass the header on (CGIPassAuth On), or set auth to query on this connection.",
            )
        return fault(
            "wrong_key",
            "The store does not know the key, the host strips the Authorization header, or the key's user may not "
            "list products (the answer is the same for all three).",
            "Make a new key with read rights for an administrator or shop manager.",
        )
    if error.code == "redirect":
        return fault("redirect", text, "Connect with the address it redirects to (www, https).")
    return fault("refused", text, "Make a new key with read rights for an administrator or shop manager.")


def _accepts_query(client: WooClient) -> bool:
    params = [("per_page", "1"), ("consumer_key", client._key), ("consumer_secret", client._secret)]
    try:
        client.http.request("GET", f"{client.http.base_url}/wc/v3/products", params=params)
    except SourceError:
        return False
    return True


def _version(client: WooClient, findings: Findings) -> None:
    """Say what the store runs, if the key may ask. Asked for everything, WooCommerce would ask other hosts first."""
    wanted = [("_fields", "environment.version,environment.wp_version")]
    said: Any = None
    with suppress(RefusedBySource, TransientSourceError, MalformedAnswer, ValueError, RecursionError):
        said = exact_json.loads(jsontext.single(client.get("wc/v3/system_status", wanted).body))
    environment = said.get("environment") if isinstance(said, dict) else None
    if isinstance(environment, dict) and environment.get("version"):
        findings.ok(
            "version",
            f"The store runs WooCommerce {str(environment['version'])[:40]} on WordPress "
            f"{str(environment.get('wp_version') or '(unknown)')[:40]}.",
        )


def _rights(client: WooClient, findings: Findings) -> None:
    from sync_pipeline.sources.woocommerce import SOURCE

    missing = []
    for name in _PROBED:
        try:
            client.get(SOURCE.stream(name).path, [("per_page", "1")])
        except RefusedBySource:
            missing.append(name)
        except TransientSourceError as error:
            findings.warning("unstable", f"{name}: {error}", "Try again; look at the host's load.")
    if missing:
        findings.error(
            "permission",
            f"The key may not read: {', '.join(missing)}.",
            "Give the key's user the role Administrator or Shop manager, and the key the right Read.",
        )
    else:
        findings.ok("rights", "The key may read everything that is captured.")
