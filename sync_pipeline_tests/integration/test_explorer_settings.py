"""The Explorer's pages that connect, configure and set a store, and its organization's policy."""

from __future__ import annotations

import json
import re
from html import unescape
from http.server import BaseHTTPRequestHandler

import hypothesis
import hypothesis.strategies as st
import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from pydantic import SecretStr

from sandbox.woocommerce import Store, seed
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.explorer.roles import pages
from sync_pipeline.explorer.settings_form import fields_of, filled, grouped, read
from sync_pipeline.sources.base import all_sources
from sync_pipeline.steps import connect, promote, select
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.explored import Browser, browser
from sync_pipeline_tests.hostile import answering, send
from sync_pipeline_tests.served import Served, served
from sync_pipeline_tests.stores import Shop, shop

CONFIGURATION = "/ui/acme/shop/configuration"
SETTINGS = "/ui/acme/shop/settings"
PEOPLE = "/ui/acme/people"


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=12, variable=0, customers=3, orders=2)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers")
    opened.preview("products")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


@pytest.fixture
def ann(api: Served, store: Shop) -> Browser:
    return browser(api).as_(store.org, "admin")


def words(html: str) -> str:
    """What a page says, without its marks."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


def status(html: str) -> str:
    """The sentence that says what has just happened."""
    return words(re.findall(r'role="status">(.*?)</p>', html, re.DOTALL)[0]).strip()


def canary(number: int) -> str:
    """A secret that no page may hold."""
    return f"{'ck' if number % 2 else 'cs'}_canary{number:033}"


def of_the_server(store: Shop, **other: str) -> dict[str, str]:
    """The form's fields for the sandbox shop."""
    return {
        "provider": "woocommerce", "name": "second", "store_url": store.server.url, "consumer_key": store.server.key,
        "consumer_secret": store.server.secret, **other,
    }  # fmt: skip


def test_a_store_is_connected_by_a_form_of_its_settings_and_tested(ann: Browser, api: Served, store: Shop) -> None:
    choice = ann.get("/ui/acme/connect").text
    assert 'href="/ui/acme/connect?provider=odoo"' in choice
    page = ann.get("/ui/acme/connect?provider=woocommerce").text
    for name in ("consumer_key", "consumer_secret"):
        assert re.search(rf'<input type="password" name="{name}" autocomplete="off"[^>]* required>', page)
    assert 'name="sweep_every" value="1" step="1" min="1" max="1000"' in page
    assert "ca_file" not in page
    sent = ann.form("/ui/acme/connect", **of_the_server(store, sweep_every="3", promote_on_select="no"))
    assert sent.headers["location"] == "/ui/acme/second/configuration?connected=1"
    shown = ann.get(sent.headers["location"]).text
    assert "second is connected. Its records can be captured now." in words(shown)
    assert status(shown).endswith("ago: no errors, 2 warnings.")
    assert "The key may read everything that is captured." in shown
    assert "The store runs WooCommerce 10.0.2 on WordPress 6.8.3." in shown
    made = connect.connection(api.db, store.org, "second")
    assert (made.health, made.settings) == ("healthy", {"sweep_every": 3, "promote_on_select": False})


def test_a_wrong_key_leaves_a_failing_connection_with_remedies_as_the_command_does(
    ann: Browser, api: Served, store: Shop
) -> None:
    sent = ann.form("/ui/acme/connect", **of_the_server(store, consumer_secret=canary(2)))
    shown = ann.get(sent.headers["location"]).text
    assert "Its test found errors: correct them, then test again." in shown
    assert "✕ error" in shown
    assert "Copy key and secret again; behind a proxy connect over https." in shown
    assert canary(2) not in shown
    assert connect.connection(api.db, store.org, "second").health == "failing"


@pytest.mark.parametrize(
    ("other", "code", "said"),
    [
        ({"name": "shop"}, 409, "The connection “shop” exists already."),
        ({"name": "settings"}, 400, "a page of the Explorer has that address"),
        ({"name": "connect"}, 400, "a page of the Explorer has that address"),
        ({"name": "a/b"}, 400, "cannot name a connection"),
        ({"name": ""}, 400, "cannot name a connection"),
        ({"ca_file": "/etc/passwd"}, 400, "No such setting: ca_file."),
        ({"provider": "shopify"}, 404, "shopify"),
        ({"consumer_key": ""}, 400, "consumer_key is missing"),
        ({"sweep_every": "0"}, 400, "sweep_every is less than 1"),
        ({"noise": "nonsense"}, 400, "write “entity: field, field” on each line"),
        ({"store_url": f"https://u:{canary(4)}@shop.example"}, 400, "without a login in it"),
    ],
)
def test_a_form_that_cannot_be_saved_says_why_and_saves_nothing(
    ann: Browser, api: Served, store: Shop, other: dict[str, str], code: int, said: str
) -> None:
    answer = ann.form("/ui/acme/connect", **of_the_server(store, consumer_secret=canary(6)) | other)
    assert answer.status_code == code
    assert said in words(answer.text)
    assert canary(6) not in answer.text
    assert canary(4) not in answer.text
    assert [one.name for one in connect.connections(api.db, store.org)] == ["shop"]


def test_a_private_address_is_refused_as_by_the_api(database: Database, settings: Settings, store: Shop) -> None:
    with served(database, settings.model_copy(update={"allow_private_hosts": False})) as closed:
        ann = browser(closed).as_(store.org, "admin")
        answer = ann.form("/ui/acme/connect", **of_the_server(store))
        assert answer.status_code == 400
        assert "private address" in answer.text
        moved = {"store_url": "http://10.0.0.1", "consumer_key": canary(1), "consumer_secret": canary(2), "moved": "1"}
        tried = ann.form(f"{CONFIGURATION}/credentials", **moved)
        assert tried.status_code == 400
        assert "private address" in tried.text
        forced = ann.form(f"{CONFIGURATION}/credentials", **moved, untested="1")
        assert forced.status_code == 400
    assert [one.store_url for one in connect.connections(database, store.org)] == [store.server.url]


def test_a_connection_that_is_older_than_a_page_of_its_name_keeps_its_credentials_changeable(
    database: Database, settings: Settings, store: Shop
) -> None:
    store.rows("UPDATE connect.integration_connector SET name = 'people' RETURNING 1")
    given = {"consumer_key": "ck_x", "consumer_secret": "cs_x"}
    with pytest.raises(ConfigurationError, match="another connection"):  # its credentials are bound to its name
        connect.client_for(settings, connect.connection(database, store.org, "people"))
    again = {"store_url": store.server.url, **given}
    made = connect.add_connection(database, settings, store.org, "woocommerce", "people", again, actor="ann")
    connect.rotate_credentials(database, settings, store.org, made, given, actor="ann")


def test_the_doctor_looks_when_it_is_asked_to_and_its_findings_stay(ann: Browser, api: Served, store: Shop) -> None:
    assert "It was not tested yet." in ann.get(CONFIGURATION).text
    store.server.faults.plain_permalinks()
    assert ann.form(f"{CONFIGURATION}/test").headers["location"] == CONFIGURATION
    page = ann.get(CONFIGURATION).text
    assert re.fullmatch(r"Tested \d+ s ago: 1 error, 1 warning.", status(page))
    assert "In WordPress choose Settings → Permalinks → Post name, and save." in page
    assert "▲ failing" in page
    store.server.faults.clear()
    bo = browser(api).as_(store.org, "operator")
    bo.form(f"{CONFIGURATION}/test")
    assert "● healthy" in bo.get(CONFIGURATION).text
    viewer = browser(api).as_(store.org, "viewer")
    looked = viewer.get(CONFIGURATION).text
    assert "Test now" not in looked
    assert "An operator or an admin of acme can test it." in looked
    assert 'type="password"' not in looked


def test_new_credentials_are_tested_before_the_old_ones_go(ann: Browser, api: Served, store: Shop) -> None:
    wrong = {"consumer_key": store.server.key, "consumer_secret": canary(2)}
    refused = ann.form(f"{CONFIGURATION}/credentials", **wrong)
    assert refused.status_code == 400
    assert "Nothing was changed: the test with the new credentials failed." in refused.text
    assert canary(2) not in refused.text
    now = connect.connection(api.db, store.org, "shop")
    assert connect.secret(api.settings, now, "consumer_secret") == store.server.secret
    store.store.key, store.store.secret = canary(1), canary(4)
    right = {"consumer_key": canary(1), "consumer_secret": canary(4)}
    assert ann.form(f"{CONFIGURATION}/credentials", **right).headers["location"] == CONFIGURATION
    now = connect.connection(api.db, store.org, "shop")
    assert (now.health, connect.secret(api.settings, now, "consumer_secret")) == ("healthy", canary(4))
    assert ann.form(f"{CONFIGURATION}/credentials", **wrong, untested="1").status_code == 303
    assert "▲ failing" in ann.get(CONFIGURATION).text
    assert ann.form(f"{CONFIGURATION}/credentials", untested="1").status_code == 400
    assert ann.form(f"{CONFIGURATION}/credentials", webhook="x", **right).status_code == 400


def test_credentials_that_no_key_opens_are_replaced(database: Database, settings: Settings, store: Shop) -> None:
    other = settings.model_copy(update={"secret_key": SecretStr(Fernet.generate_key().decode())})
    with served(database, other) as closed:
        ann = browser(closed).as_(store.org, "admin")
        assert "▲ No key opens the stored credentials: rotate them." in ann.get(CONFIGURATION).text
        assert "No key opens the stored credentials." in ann.form(f"{CONFIGURATION}/test").text
        half = ann.form(f"{CONFIGURATION}/credentials", consumer_secret=store.server.secret)
        assert "No key opens the stored credentials." in half.text
        right = {"consumer_key": store.server.key, "consumer_secret": store.server.secret}
        assert ann.form(f"{CONFIGURATION}/credentials", **right).status_code == 303
        page = ann.get(CONFIGURATION).text
        assert ("No key opens" in page, "● healthy" in page) == (False, True)


def test_another_address_is_confirmed_and_gets_no_old_secret(ann: Browser, api: Served, store: Shop) -> None:
    heard: list[str] = []

    def hear(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        heard.append(f"{handler.path} {handler.headers} {body!r}")
        send(handler, 404, b"{}")

    with answering(hear) as elsewhere:
        moved = {"store_url": elsewhere, "consumer_key": canary(1), "consumer_secret": canary(2)}
        asked = ann.form(f"{CONFIGURATION}/credentials", **moved)
        assert asked.status_code == 400
        assert "would count as deleted" in asked.text
        half = ann.form(f"{CONFIGURATION}/credentials", store_url=elsewhere, consumer_key=canary(1), moved="1")
        assert "consumer_secret is missing" in half.text
        assert heard == []
        assert "Nothing was changed" in ann.form(f"{CONFIGURATION}/credentials", **moved, moved="1").text
        assert connect.connection(api.db, store.org, "shop").store_url == store.server.url
        assert ann.form(f"{CONFIGURATION}/credentials", **moved, moved="1", untested="1").status_code == 303
        assert connect.connection(api.db, store.org, "shop").store_url == elsewhere
    assert heard
    assert store.server.key not in "".join(heard)


def test_a_webhook_secret_is_made_shown_once_and_removed(ann: Browser, api: Served, store: Shop) -> None:
    def secrets() -> list[str]:
        return list(connect.webhook_secrets(api.settings, connect.connection(api.db, store.org, "shop")))

    page = ann.get(CONFIGURATION).text
    assert "http://testserver/api/v1/webhooks/woocommerce/1" in page
    assert "No secret is set, so every delivery is refused." in page
    answer = ann.form(CONFIGURATION, how="make")
    [made] = secrets()
    assert answer.text.count(made) == 1
    again = ann.get(CONFIGURATION).text
    assert made not in again
    assert "✓ A secret is set" in again
    assert ann.form(CONFIGURATION, how="take", secret=canary(2)).status_code == 200
    assert secrets() == [canary(2), made]  # the former one for a day
    assert ann.form(CONFIGURATION, how="take").status_code == 400
    short = ann.form(CONFIGURATION, how="take", secret="cs_short")
    assert (short.status_code, "cs_short" in short.text) == (400, False)
    assert "No secret is set" in ann.form(CONFIGURATION, how="remove").text
    assert secrets() == []


def test_no_secret_is_on_a_page_in_an_answer_an_event_or_a_log(
    ann: Browser, api: Served, store: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where the store repeats what it was sent, in words and in an address."""

    def repeat(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        said = f"{handler.path} {handler.headers} {body!r} {canary(1)} {canary(2)} {canary(2).upper()}"
        send(handler, 401, json.dumps({"code": "x", "message": said}).encode())

    place = {"org": "acme", "connection": "bad", "entity": "products"}
    # Every page that needs no id, of this connection and of the shop.
    gets = {path for method, path, *_ in pages() if method == "GET" and not path.endswith("/live")}
    addresses = {re.sub(r"{(\w+)}", lambda found: place.get(found[1], found[0]), path) for path in gets}
    looked = [path for path in sorted(addresses) if "{" not in path]
    looked += ["/ui/acme/connect?provider=woocommerce", CONFIGURATION, SETTINGS]
    said: list[str] = []
    with answering(repeat) as url:
        given = {"store_url": url, "consumer_key": canary(1), "consumer_secret": canary(2)}
        said.append(ann.form("/ui/acme/connect", provider="woocommerce", name="bad", **given).text)
        said.append(ann.form("/ui/acme/bad/configuration/test").text)
        said.append(ann.form("/ui/acme/bad/configuration/credentials", **given).text)
        said.append(ann.form(f"{CONFIGURATION}/credentials", **given, moved="1").text)
    said += [ann.form(CONFIGURATION, how="take", secret=f"{canary(3)}{word}").text for word in ("", "&quot;")]
    for fields in ({"password": canary(5), "email": "no", "role": "viewer"}, {"password": "cs_short", "role": "king"}):
        said.append(ann.form(f"{PEOPLE}/users", **fields).text)
    answers = [ann.get(path) for path in looked]
    assert {answer.status_code for answer in answers} == {200}
    said += [answer.text for answer in answers]
    said += [api.call("GET", path, store.org).text for path in ("/api/v1/connections", "/api/v1/status")]
    said.append(str(store.rows("SELECT * FROM observe.sync_activity")))
    said.append(str(store.rows("SELECT health_detail, findings, settings FROM connect.integration_connector")))
    out = capsys.readouterr()
    said += [out.out, out.err]
    for number in range(1, 7):
        for text in said:
            assert canary(number)[3:].lower() not in text.lower()
    assert "✕ error" in ann.get("/ui/acme/bad/configuration").text


def test_settings_show_their_defaults_and_write_only_what_was_changed(ann: Browser, api: Served, store: Shop) -> None:
    page = ann.get(SETTINGS).text
    assert "● differs" not in page
    fields = inputs(page)
    sent = ann.form(SETTINGS, **{**fields, "batch_size": "70", "promote_on_select": "no", "owner": "ann", "noise":
                    "products: views , clicks\r\norders: x"})  # fmt: skip
    assert sent.headers["location"] == SETTINGS
    one = connect.connection(api.db, store.org, "shop")
    assert one.settings == {
        "batch_size": 70, "promote_on_select": False, "owner": "ann", "noise": {"products": ["views", "clicks"],
        "orders": ["x"]},
    }  # fmt: skip
    page = ann.get(SETTINGS).text
    assert page.count("● differs") == 4
    assert "batch size is 70" in status(page)
    assert inputs(page)["noise"] == "orders: x\nproducts: views, clicks"
    assert ann.form(SETTINGS, **{**inputs(page), "batch_size": "", "noise": ""}).status_code == 303
    one = connect.connection(api.db, store.org, "shop")
    assert (one.settings["batch_size"], one.settings["noise"]) == (50, {})
    events = store.rows("SELECT actor FROM observe.sync_activity WHERE event = 'connect.settings_changed'")
    assert len(events) == 2
    assert ann.form(SETTINGS, **inputs(ann.get(SETTINGS).text)).status_code == 303  # nothing is changed
    assert store.value("SELECT count(*) FROM observe.sync_activity WHERE event = 'connect.settings_changed'") == 2


def test_who_saves_settings_that_somebody_else_changed_is_told(ann: Browser, api: Served, store: Shop) -> None:
    fields = inputs(ann.get(SETTINGS).text)
    connect.update_settings(api.db, store.connection, {"batch_size": 90, "sweep_every": 2}, actor="bo")
    told = ann.form(SETTINGS, **{**fields, "batch_size": "70"})
    assert told.status_code == 409
    assert "Somebody else changed “Records in a batch” meanwhile." in told.text
    assert ann.form(SETTINGS, **{**fields, "owner": "ann"}).status_code == 303
    one = connect.connection(api.db, store.org, "shop")
    assert one.settings == {"batch_size": 90, "sweep_every": 2, "owner": "ann"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch_size": "5001"}, "batch_size is more than 5000"),
        ({"currency": "euro"}, "currency"),
        ({"noise": "no colon"}, "on each line"),
        ({"consumer_secret": canary(2)}, "No such setting: consumer_secret."),
        ({"store_url": "https://elsewhere.example"}, "No such setting: store_url."),
        ({"seen": "[]"}, "The form is incomplete."),
        ({"seen": ""}, "The form is incomplete."),
    ],
)
def test_a_setting_that_is_wrong_is_refused_in_words(
    ann: Browser, api: Served, store: Shop, change: dict[str, str], said: str
) -> None:
    answer = ann.form(SETTINGS, **{**inputs(ann.get(SETTINGS).text), **change})
    assert answer.status_code == 400
    assert said in words(answer.text)
    assert canary(2) not in answer.text
    assert connect.connection(api.db, store.org, "shop").settings == {}


def test_every_setting_of_every_provider_is_in_the_form_and_comes_back_as_it_was() -> None:
    for provider in all_sources().values():
        hidden = {*provider.secret_fields, provider.address_field, "ca_file"}
        fields = filled(provider.name, {})
        assert {one.name for one in fields} == set(provider.settings.model_fields) - hidden
        every = [one for group in grouped(provider, fields).values() for one in group]
        assert sorted(one.name for one in every) == sorted(one.name for one in fields)
        usual = fields_of(provider.name)
        written = {one.name: one.value for one in usual if one.name not in hidden and not one.required}
        shown = [one for one in usual if one.name in written]
        defaults = {one.name: provider.settings.model_fields[one.name].get_default(call_default_factory=True)
                    for one in shown}  # fmt: skip
        secrets = dict.fromkeys(provider.secret_fields, "x" * 20)
        needed = {name: "x" for name, one in provider.settings.model_fields.items() if one.is_required()}
        whole = {**needed, **secrets, provider.address_field: "https://x.example"}
        read_back = provider.settings.model_validate({**whole, **read(provider.name, shown, written)})
        assert {name: getattr(read_back, name) for name in defaults} == defaults


def test_a_rule_is_counted_before_it_is_added_and_decides_that_many(ann: Browser, api: Served, store: Shop) -> None:
    stream = store.connection.source.stream("products")
    asked = {"entity": "products", "kind": "include_new", "why": "spring"}
    assert "There is no rule: every change waits for a decision." in ann.get(SETTINGS).text
    page = ann.get(SETTINGS, params=asked).text
    assert "It would include 12 undecided records now , and those to come." in words(page)
    assert select.list_rules(api.db, store.org) == []
    wrong = ann.get(SETTINGS, params={**asked, "kind": "ignore_where"})
    assert (wrong.status_code, "ignore_where needs a field and a value" in wrong.text) == (200, True)
    assert ann.form(f"{SETTINGS}/rules", **asked).headers["location"] == SETTINGS
    page = ann.get(SETTINGS).text
    assert "rule 1 was added" in status(page)
    assert "spring" in page
    assert select.apply_rules(api.db, store.connection, stream) == 12
    other = connect.add_connection(api.db, api.settings, store.org, "woocommerce", "other", {
        "store_url": "http://127.0.0.1:1", "consumer_key": "ck_x", "consumer_secret": "cs_x"}, actor="t")  # fmt: skip
    assert ann.form(f"/ui/acme/{other.name}/settings/rules/1/drop").status_code == 404
    assert ann.form(f"{SETTINGS}/rules/1/drop").headers["location"] == SETTINGS
    assert "rule 1 has ended" in status(ann.get(SETTINGS).text)
    assert ann.form(f"{SETTINGS}/rules/1/drop").status_code == 404
    assert ann.form(f"{SETTINGS}/rules", entity="products", kind="everything").status_code == 400
    viewer = browser(api).as_(store.org, "viewer").get(SETTINGS).text
    assert "An operator or an admin of acme can change the rules." in viewer
    assert "fieldset disabled" in viewer


RULES = st.one_of(
    st.tuples(st.sampled_from(["include_new", "follow_updates"]), st.none(), st.none()),
    st.tuples(
        st.just("ignore_where"),
        st.sampled_from(["status", "type", "sku", "manage_stock", "stock_quantity", "categories", "missing", "x'; --"]),
        st.sampled_from(["draft", "publish", "simple", "", True, False, 0, 5, [], {}, "1' OR '1'='1"]),
    ),
)


@given(rule=RULES, decided=st.sets(st.integers(0, 15)), include=st.booleans(), withdrawn=st.sets(st.integers(0, 15)))
@hypothesis.settings(
    max_examples=40, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
def test_the_count_of_a_rule_is_what_applying_it_decides(
    store: Shop, rule: tuple[str, str | None, object], decided: set[int], include: bool, withdrawn: set[int]
) -> None:
    stream = store.connection.source.stream("products")
    kind, field, value = rule
    if not store.table("products", "updated"):
        _promote_and_change(store)
    ids = [row[0] for row in store.rows("SELECT external_id FROM preview.difference WHERE entity_type = 'product' "
                                        "ORDER BY 1")]  # fmt: skip
    chosen = [ids[one] for one in decided if one < len(ids)]
    if chosen:
        select.select(store.db, store.connection, stream, ids=chosen, include=include, actor="eve", draft=True)
    for one in (ids[each] for each in withdrawn - decided if each < len(ids)):
        store.rows(
            "INSERT INTO selection.withdrawal (org_id, connection_id, entity_type, external_id, content_hash, "
            "seen_deleted, cause, plan_id, withdrawn_by) SELECT org_id, connection_id, entity_type, external_id, "
            "content_hash, status = 'deleted', 'undone', gen_random_uuid(), 'eve' FROM preview.difference "
            "WHERE entity_type = 'product' AND external_id = %(one)s RETURNING 1",
            one=one,
        )
    counted = select.count_rule(store.db, store.connection, stream, kind=kind, field=field, value=value)
    assert counted <= len(ids)
    rule_id = select.add_rule(store.db, store.connection, stream, kind=kind, field=field, value=value, actor="ann")
    applied = select.apply_rules(store.db, store.connection, stream)
    assert applied == counted
    written = store.value("SELECT count(*) FROM selection.sync_selective_config WHERE decided_by = %(by)s",
                          by=f"rule:{rule_id}")  # fmt: skip
    assert written == counted
    assert select.count_rule(store.db, store.connection, stream, kind=kind, field=field, value=value) == 0
    select.drop_rule(store.db, store.org, rule_id, actor="ann")
    for table in ("sync_selective_config", "withdrawal"):
        store.rows(f"WITH gone AS (DELETE FROM selection.{table} RETURNING 1) SELECT count(*) FROM gone")


def _promote_and_change(store: Shop) -> None:
    """Some products in core, of which some change and one is deleted in the store."""
    stream = store.connection.source.stream("products")
    ids = sorted(store.table("products", "new"), key=int)
    select.select(store.db, store.connection, stream, ids=ids[:6], include=True, actor="eve", draft=True)
    plan = select.make_plan(store.db, store.org, actor="eve")
    assert plan is not None
    promote.apply(store.db, store.org.org_id, plan.plan_id, actor="eve")
    for one in ids[:3]:
        store.store.update("products", int(one), regular_price="77.00")
    store.store.update("products", int(ids[7]), status="draft")
    store.store.delete("products", int(ids[5]))
    store.pull("products")
    store.preview("products")
    assert store.table("products", "updated")
    assert store.table("products", "deleted")


def test_a_policy_is_chosen_with_a_reason_and_says_who_chose_it(ann: Browser, api: Served, store: Shop) -> None:
    page = ann.get("/ui/acme/settings").text
    assert 'value="source_wins" checked' in page
    assert "The record stops and a decision waits. Everything else goes on." in page
    policy = {"sku": "halt", "priority": ["odoo", "woocommerce"]}
    assert ann.call("POST", "/ui/acme/settings", data=policy).status_code == 400
    assert connect.policy(api.db, store.org).sku_policy == "source_wins"
    assert ann.call("POST", "/ui/acme/settings", data={**policy, "why": "two catalogues"}).status_code == 303
    assert connect.policy(api.db, store.org) == connect.Policy("halt", ["odoo", "woocommerce"])
    page = ann.get("/ui/acme/settings").text
    assert "changed by token:1 0 s ago: “two catalogues”" in re.sub(r"\d+ s ago", "0 s ago", status(page))
    twice = ann.call("POST", "/ui/acme/settings", data={**policy, "priority": ["odoo", "odoo"], "why": "x"})
    assert "A provider is named twice" in twice.text
    unknown = ann.call("POST", "/ui/acme/settings", data={**policy, "sku": "dice", "why": "x"})
    assert "Unknown SKU policy “dice”." in words(unknown.text)
    assert "An admin of acme can change it." in browser(api).as_(store.org, "operator").get("/ui/acme/settings").text


def inputs(html: str) -> dict[str, str]:
    """The fields of the page's first form as a browser sends them."""
    form = re.findall(r"<main.*?(<form class=\"card\".*?</form>)", html, re.DOTALL)[0]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name, kind = re.findall(r' name="([^"]+)"', tag), re.findall(r' type="([^"]+)"', tag)
        value = re.findall(r' value="([^"]*)"', tag)
        if kind != ["checkbox"] or " checked" in tag:
            found[name[0]] = unescape(value[0]) if value else ""
    for name, text in re.findall(r'<textarea name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = unescape(text)
    for name, options in re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.DOTALL):
        found[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    return found
