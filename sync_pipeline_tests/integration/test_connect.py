"""Connections: canonical settings, sealed credentials, addresses that may be reached, and the doctor's causes."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from sandbox.woocommerce import Store, running, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import credentials
from sync_pipeline_tests.hostile import answering, send
from sync_pipeline_tests.stores import shop

SECRET = "cs_" + "5" * 40


@pytest.mark.parametrize(
    "given",
    [
        {"store_url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": SECRET},
        {"storeUrl": "https://shop.example/", "consumerKey": "ck_1", "consumerSecret": SECRET},
        {"url": "https://shop.example/wp-json/wc/v3", "key": "ck_1", "secret": SECRET},
        {"site_url": "shop.example", "consumer_key": " ck_1 ", "api_secret": SECRET},
    ],
)
def test_legacy_keys_become_canonical(
    database: Database, settings: Settings, org: connect.Organization, given: dict[str, str]
) -> None:
    made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")
    assert made.store_url == "https://shop.example"
    client = connect.client_for(settings, made)
    assert client.config.consumer_key.get_secret_value() == "ck_1"  # type: ignore[attr-defined]
    assert client.config.consumer_secret.get_secret_value() == SECRET  # type: ignore[attr-defined]
    client.close()


def test_credentials_are_sealed_bound_to_their_row_and_rotated(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    given = {"store_url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": SECRET}
    made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")
    assert SECRET.encode() not in made.sealed
    assert "sealed" not in repr(made)
    assert settings.secret_key is not None
    newer = f"{Fernet.generate_key().decode()},{settings.secret_key.get_secret_value()}"
    both = Settings(home=settings.home, secret_key=SecretStr(newer), allow_private_hosts=True)
    assert connect.rotate_keys(database, both) == 1
    only_new = Settings(home=settings.home, secret_key=SecretStr(newer.split(",")[0]), allow_private_hosts=True)
    connect.client_for(only_new, connect.connection(database, org, "shop")).close()
    with pytest.raises(ConfigurationError, match="No key opens"):
        connect.client_for(settings, connect.connection(database, org, "shop"))
    with database.org(org.org_id) as conn:
        conn.exec_driver_sql(
            "INSERT INTO connect.integration_connector (org_id, name, provider, store_url, credentials) "
            "SELECT org_id, 'copy', provider, store_url, credentials FROM connect.integration_connector"
        )
    with pytest.raises(ConfigurationError, match="another connection"):
        connect.client_for(only_new, connect.connection(database, org, "copy"))


def test_the_embedded_key_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    first = Settings(home=tmp_path / "h").encryption_keys
    assert Settings(home=tmp_path / "h").encryption_keys == first
    assert (tmp_path / "h" / "secret.key").stat().st_mode & 0o777 == 0o600
    fresh = Settings(home=tmp_path / "h")
    fresh.prepend_key()
    assert Settings(home=tmp_path / "h").encryption_keys[1:] == first


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1",
        "http://localhost",
        "http://10.0.0.1",
        "http://169.254.169.254",
        "http://[::1]/",
        "http://0.0.0.0",
    ],
)
def test_private_addresses_are_refused_unless_allowed(
    database: Database, settings: Settings, org: connect.Organization, url: str
) -> None:
    given = {"store_url": url, "consumer_key": "ck_1", "consumer_secret": SECRET}
    public = settings.model_copy(update={"allow_private_hosts": False})
    with pytest.raises(ConfigurationError, match="private address"):
        connect.add_connection(database, public, org, "woocommerce", "shop", given, actor="test")
    made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")
    # Made while it was allowed: refused where the socket opens.
    assert [f.code for f in connect.diagnose(database, public, made) if f.level == "error"] == ["private_address"]


@pytest.mark.parametrize(
    ("slug", "wrong"),
    [
        ("Acme", "cannot name"),
        ("a b", "cannot name"),
        ("", "cannot name"),
        ("../x", "cannot name"),
        ("login", "a page"),
    ],
)
def test_a_bad_slug_is_refused_with_the_rule(database: Database, slug: str, wrong: str) -> None:
    with pytest.raises(ConfigurationError, match=wrong):
        connect.add_organization(database, slug)


def test_adding_twice_keeps_the_organization_and_unknown_names_list_what_there_is(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    assert connect.add_organization(database, "acme", "New name").org_id == org.org_id
    with pytest.raises(NotFound, match="org add"):
        connect.organization(database, "nobody")
    given = {"store_url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": SECRET}
    connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="test")
    with pytest.raises(NotFound, match="There are: shop"):
        connect.connection(database, org, "other")


def test_missing_settings_are_named_and_no_secret_is_quoted(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        connect.add_connection(
            database,
            settings,
            org,
            "woocommerce",
            "shop",
            {"store_url": f"ftp://u:{SECRET}@x", "key": SECRET},
            actor="t",
        )
    assert "consumer_secret" in str(caught.value)
    assert SECRET not in str(caught.value)


def codes(database: Database, settings: Settings, made: connect.Connection) -> set[str]:
    return {f.code for f in connect.diagnose(database, settings, made) if f.level in ("error", "warning")} - {"http"}


def test_the_doctor_names_the_cause(database: Database, settings: Settings, org: connect.Organization) -> None:
    store = Store()
    seed(store, products=3, variable=0, customers=1, orders=1)
    with shop(database, settings, org, store) as opened:
        faults = opened.server.faults
        assert codes(database, settings, opened.connection) == set()
        secret = store.secret
        store.secret = "cs_other"
        assert codes(database, settings, opened.connection) == {"wrong_secret"}
        store.secret, key = secret, store.key
        store.key = "ck_other"
        assert codes(database, settings, opened.connection) == {"wrong_key"}
        store.key = key
        faults.plain_permalinks()
        assert codes(database, settings, opened.connection) == {"permalinks"}
        faults.clear()
        faults.redirect("https://www.shop.example/")
        assert codes(database, settings, opened.connection) == {"redirect"}
        faults.clear()
        faults.rate("html200", 1.0)
        assert codes(database, settings, opened.connection) <= {"not_json", "waf"}
        faults.clear()
        faults.rate("php_notice", 1.0)
        assert codes(database, settings, opened.connection) == {"php_notice"}
        faults.clear()
        faults.down(True)
        assert codes(database, settings, opened.connection) == {"refused"}


def test_the_doctor_tells_a_stripped_header_from_a_wrong_key(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    store = Store()
    seed(store, products=3, variable=0, customers=1, orders=1)
    with running(store, https=True) as server:
        given = {"store_url": server.url, "consumer_key": server.key, "consumer_secret": server.secret}
        made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
        assert codes(database, settings, made) == {"tls"}
        made = connect.add_connection(
            database, settings, org, "woocommerce", "shop", {**given, "ca_file": server.ca_file}, actor="t"
        )
        assert codes(database, settings, made) == set()
        server.faults.strip_auth()
        assert codes(database, settings, made) == {"authorization_stripped"}
        connect.update_settings(database, made, {"auth": "query"}, actor="test")
        assert codes(database, settings, connect.connection(database, org, "shop")) == set()


@pytest.mark.parametrize(
    ("index", "signed", "expected"),
    [
        ((401, {"code": "rest_not_logged_in"}), (200, []), set()),
        ((403, {"code": "rest_forbidden"}), (200, []), set()),
        ((401, {"code": "rest_not_logged_in"}), (401, {"code": "rest_not_logged_in"}), {"rest_closed"}),
        ((200, {"namespaces": ["wp/v2"]}), (200, []), {"no_woocommerce"}),
        ((200, {"namespaces": ["wc/v3"], "home": "https://other.example"}), (200, []), {"home_differs"}),
        ((200, {"namespaces": ["wc/v3"], "home": "http://127.0.0.1:1"}), (200, []), {"home_differs"}),
        ((200, {"namespaces": ["wc/v3"], "home": "http://[nonsense"}), (200, []), set()),
    ],
)
def test_the_doctor_asks_signed_where_visitors_are_refused(
    database: Database,
    settings: Settings,
    org: connect.Organization,
    index: tuple[int, Any],
    signed: tuple[int, Any],
    expected: set[str],
) -> None:
    def answer(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        status, body = signed if "/wc/v3" in handler.path else index
        send(handler, status, json.dumps(body).encode())

    with answering(answer) as url:
        given = {"store_url": url, "consumer_key": "ck_1", "consumer_secret": SECRET}
        made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
        assert codes(database, settings, made) == expected


@pytest.mark.parametrize("provider", ["woocommerce", "odoo"])
def test_plain_http_asked_by_https_is_said(
    database: Database, settings: Settings, org: connect.Organization, provider: str
) -> None:
    version = {"version_info": [19, 0, 0, "final", 0, ""], "version": "19.0"}
    with answering(lambda handler, _: send(handler, 200, json.dumps(version).encode())) as url:
        address = url.replace("http://", "https://")
        given = {
            "woocommerce": {"store_url": address, "consumer_key": "ck_1", "consumer_secret": SECRET},
            "odoo": {"url": address, "db": "o", "username": "u", "password": SECRET},
        }[provider]
        made = connect.add_connection(database, settings, org, provider, "shop", given, actor="t")
        assert codes(database, settings, made) == {"http_not_https"}


def test_a_ca_file_that_cannot_be_read_is_said(
    database: Database, settings: Settings, org: connect.Organization, tmp_path: Path
) -> None:
    given = {"store_url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": SECRET}
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("none.pem", "ca.pem"):
        ours = {**given, "ca_file": str(tmp_path / name)}
        made = connect.add_connection(database, settings, org, "woocommerce", "shop", ours, actor="t")
        with pytest.raises(ConfigurationError, match="cannot be used"):
            connect.client_for(settings, made)


def test_a_name_that_does_not_resolve(database: Database, settings: Settings, org: connect.Organization) -> None:
    given = {"store_url": "https://nowhere.invalid", "consumer_key": "ck_1", "consumer_secret": SECRET}
    made = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
    assert codes(database, settings, made) == {"dns"}


def test_a_change_of_settings_is_in_the_audit_log_and_survives_a_new_webhook_secret(
    database: Database, settings: Settings, org: connect.Organization
) -> None:
    given = {"store_url": "https://shop.example", "consumer_key": "ck_1", "consumer_secret": SECRET}
    before = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
    connect.update_settings(database, before, {"batch_size": 70, "owner": "ann"}, actor="ben")
    # Whoever still holds the connection as it was before does not write that back.
    connect.set_webhook_secret(database, settings, before, "s3cr3t-of-the-hook", actor="t")
    now = connect.connection(database, org, "shop")
    assert (now.settings["batch_size"], now.settings["owner"]) == (70, "ann")
    assert list(connect.webhook_secrets(settings, now)) == ["s3cr3t-of-the-hook"]
    assert connect.rotate_keys(database, settings) == 1
    assert connect.connection(database, org, "shop").settings["batch_size"] == 70
    with database.org(org.org_id) as conn:
        row = conn.exec_driver_sql(
            "SELECT actor, detail FROM observe.sync_activity WHERE event = 'connect.settings_changed'"
        ).one()
    assert (row.actor, row.detail) == ("ben", {"settings": {"batch_size": 70, "owner": "ann"}})


def test_a_provider_without_a_partition_is_told_before_anything_is_captured(
    database: Database, org: connect.Organization
) -> None:
    for provider in ("woocommerce", "odoo"):
        credentials.check_partition(database, org, provider)
    with pytest.raises(ConfigurationError, match=r"till has no partition for its records, capture\.till_sync.*step 5"):
        credentials.check_partition(database, org, "till")
