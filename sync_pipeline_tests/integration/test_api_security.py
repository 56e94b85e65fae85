"""Who may do what, what another organization's ids answer, and what the service refuses."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from sandbox.woocommerce import Store, seed
from sync_pipeline import gates
from sync_pipeline.api.application import build
from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.api.origins import origins_of
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps import approve, connect, observe, preview, promote, push, select
from sync_pipeline.steps.connect import tokens, users
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import validation
from sync_pipeline_tests.captured import Clock, captured_once
from sync_pipeline_tests.passwords import PROFILE_IN_SERVICE
from sync_pipeline_tests.served import Served, served
from sync_pipeline_tests.stores import Shop, shop

WOO = "/api/v1/integrations/woocommerce"
SYNC = "/api/v1/integrations/sync"
# What every call needs. A call that is not here fails the test: whoever adds one says who may.
NEEDS: dict[str, Right | None] = {
    "GET /api/v1/integrations/{provider}/table": Right.READ,
    "GET /api/v1/integrations/{provider}/records/{entity}/{external_id}": Right.READ,
    "GET /api/v1/integrations/sync/activity": Right.READ,
    "GET /api/v1/integrations/schema-compat": Right.READ,
    "GET /api/v1/checks": Right.READ,
    "GET /api/v1/integrations/sync/queue/{queue_id}": Right.READ,
    "GET /api/v1/integrations/sync/queue/{queue_id}/lines": Right.READ,
    "GET /api/v1/integrations/sync/queue/{queue_id}/events": Right.READ,
    "GET /api/v1/status": Right.READ,
    "GET /api/v1/decisions": Right.READ,
    "GET /api/v1/decisions/{decision_id}": Right.READ,
    "GET /api/v1/requests": Right.READ,
    "GET /api/v1/requests/{request_id}": Right.READ,
    "GET /api/v1/plans": Right.READ,
    "GET /api/v1/plans/{plan_id}": Right.READ,
    "GET /api/v1/plans/{plan_id}/items": Right.READ,
    "GET /api/v1/connections": Right.READ,
    "GET /api/v1/connections/{connection}": Right.READ,
    "GET /api/v1/connections/{connection}/progress": Right.READ,
    "GET /api/v1/providers": Right.READ,
    "GET /api/v1/connections/{connection}/views": Right.READ,
    "GET /api/v1/connections/{connection}/counts": Right.READ,
    "GET /api/v1/connections/{connection}/quarantine": Right.READ,
    "GET /api/v1/connections/{connection}/quarantine/{quarantine_id}": Right.READ,
    "GET /api/v1/connections/{connection}/rules": Right.READ,
    "GET /api/v1/integrations/sync/queues": Right.READ,
    "GET /api/v1/logs": Right.READ,
    "GET /api/v1/logs/{log_id}": Right.READ,
    "GET /api/v1/organizations": Right.READ,
    "POST /api/v1/connections/{connection}/views": Right.PROPOSE,
    "DELETE /api/v1/connections/{connection}/views/{view_id}": Right.PROPOSE,
    "GET /api/v1/approvals": Right.READ,
    "POST /api/v1/approvals": Right.PROMOTE,
    "DELETE /api/v1/approvals/{approval_id}": Right.PROMOTE,
    "GET /api/v1/plans/{plan_id}/verdict": Right.READ,
    "GET /api/v1/policies": Right.READ,
    "POST /api/v1/policies": Right.PROMOTE,
    "POST /api/v1/policies/{policy_id}/resume": Right.PROMOTE,
    "DELETE /api/v1/policies/{policy_id}": Right.PROMOTE,
    "GET /api/v1/decisions/{decision_id}/proposals": Right.READ,
    "POST /api/v1/decisions/{decision_id}/proposals": Right.PROPOSE,
    "POST /api/v1/proposals/{proposal_id}/accept": Right.DECIDE,
    "DELETE /api/v1/proposals/{proposal_id}": Right.PROPOSE,
    "POST /api/v1/validations": Right.FETCH,
    "GET /api/v1/validations": Right.READ,
    "GET /api/v1/validations/{validation_id}": Right.READ,
    "GET /api/v1/validations/{validation_id}/statements": Right.READ,
    "GET /api/v1/signoffs": Right.READ,
    "POST /api/v1/signoffs": Right.DECIDE,
    "GET /api/v1/decision-log": Right.READ,
    "POST /api/v1/plans": Right.PROPOSE,
    "POST /api/v1/integrations/sync/preview": Right.PROPOSE,
    "POST /api/v1/connections/{connection}/rules": Right.SELECT,
    "DELETE /api/v1/connections/{connection}/rules/{rule_id}": Right.SELECT,
    "POST /api/v1/integrations/{provider}/sync/{entity}/full": Right.FETCH,
    "POST /api/v1/connections/{connection}/test": Right.FETCH,
    "POST /api/v1/integrations/{provider}/sync/{entity}": Right.PROMOTE,
    "POST /api/v1/integrations/sync/orchestrate": Right.PROMOTE,
    "POST /api/v1/integrations/sync/materialize": Right.PROMOTE,
    "POST /api/v1/plans/{plan_id}/approve": Right.PROMOTE,
    "POST /api/v1/plans/{plan_id}/refuse": Right.PROMOTE,
    "POST /api/v1/plans/{plan_id}/apply": Right.PROMOTE,
    "POST /api/v1/plans/{plan_id}/undo": Right.PROMOTE,
    "POST /api/v1/decisions/{decision_id}/answer": Right.DECIDE,
    "POST /api/v1/connections": Right.CONNECT,
    "PATCH /api/v1/connections/{connection}": Right.CONNECT,
    "POST /api/v1/connections/{connection}/rotate": Right.CONNECT,
    "DELETE /api/v1/connections/{connection}": Right.CONNECT,
    "POST /api/v1/connections/{connection}/webhook": Right.CONNECT,
    "GET /api/v1/tokens": Right.PEOPLE,
    "POST /api/v1/tokens": Right.PEOPLE,
    "DELETE /api/v1/tokens/{token_id}": Right.PEOPLE,
    "GET /api/v1/users": Right.PEOPLE,
    "POST /api/v1/users": Right.PEOPLE,
    "PATCH /api/v1/users/{user_id}": Right.PEOPLE,
    "POST /api/sync/products": Right.PUSH,
    "POST /api/sync/customers": Right.PUSH,
    "POST /api/sync/categories": Right.PUSH,
    "POST /api/sync/orders": Right.PUSH,
    "GET /api/sync/logs/{log_id}": Right.PUSH,
    "GET /api/v1/session": None,
    "DELETE /api/v1/session": None,
}
NO_TOKEN = {"GET /healthz", "GET /readyz", "GET /metrics", "POST /api/v1/session"}
_UNKNOWN = {
    "provider": "woocommerce", "entity": "products", "external_id": "nix", "queue_id": str(uuid4()),
    "plan_id": str(uuid4()),
    "decision_id": "999999", "request_id": "999999", "connection": "nix", "token_id": "999999", "user_id": "999999",
    "view_id": "999999", "approval_id": "999999", "policy_id": "999999", "proposal_id": "999999",
    "log_id": "999999", "quarantine_id": "999999", "rule_id": "999999",
    "validation_id": "999999",
}  # fmt: skip


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=3, variable=0, customers=2, orders=2)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers")
    opened.preview("products")
    opened.preview("customers")


template = captured_once(shop, fill, capture_all)


def _calls(api: Served) -> Iterator[tuple[str, str, str]]:
    for path, operations in api.app.openapi()["paths"].items():
        for method in operations:
            if "/webhooks/" not in path:  # signed, not by a token
                yield f"{method.upper()} {path}", method.upper(), path


def test_every_call_is_open_to_exactly_the_roles_with_its_right(api: Served, store: Shop) -> None:
    seen, document = set(), api.app.openapi()["paths"]
    for name, method, path in _calls(api):
        if name in NO_TOKEN:
            continue
        seen.add(name)
        right = NEEDS[name]
        for role in RIGHTS:
            if name == "DELETE /api/v1/session" or (right is Right.PUSH and role == "admin"):
                continue  # it ends the token; it needs a token of one connection, which this is not
            known = [one["name"] for one in document[path][method.lower()].get("parameters", ())]
            given = {"entity": "products", "action": "select", "entity_type": "products"}
            params = {one: value for one, value in given.items() if one in known}
            answer = api.call(
                method, path.format(**_UNKNOWN), store.org, role, params=params, json={} if method != "GET" else None
            )
            allowed = right is None or right in RIGHTS[role]
            assert (answer.status_code == 403) == (not allowed), (name, role, answer.text)
            if not allowed:
                *others, last = [one for one, rights in RIGHTS.items() if right in rights]
                having = f"{', '.join(others)} or {last}" if others else last
                assert answer.json()["error"].endswith(f"Use a token or login of the role {having}."), name
            assert answer.status_code < 500, (name, role, answer.text)
        for header in ({}, {"Authorization": "Bearer sp_1_" + "x" * 43}, {"Authorization": "Basic eDp5"}):
            refused = api.client.request(method, path.format(**_UNKNOWN), headers=header, json={})
            assert refused.status_code == 401, name
            assert refused.headers["www-authenticate"] == "Bearer"
            assert refused.json()["success"] is False
    assert seen == set(NEEDS)


def _known(names: Collection[str], connection: str) -> dict[str, str]:
    """Of these parameters those that a call knows."""
    given = {"connection": connection, "entity": "products"}
    return {name: value for name, value in given.items() if name in names}


def test_another_organizations_ids_answer_as_those_there_are_not(
    api: Served, store: Shop, database: Database, settings: Settings
) -> None:
    """Everything of acme exists; `other` asks for it by its true ids, and for what nobody has."""
    acme, other = store.org, connect.add_organization(database, "other")
    stream = store.connection.source.stream("products")
    select.select(database, store.connection, stream, everything=True, include=True, actor="ann", draft=True)
    plan = select.make_plan(database, acme, actor="ann")
    assert plan is not None
    asked = promote.create_request(database, acme.org_id, plan.plan_id, actor="ann")
    with database.org(acme.org_id) as conn:
        gate = gates.open_gate(
            conn,
            gates.by_name("mass_deletion"),
            subject="product",
            values={"store": "shop", "missing": 9, "known": 10, "title": "products", "share": "20%"},
        )
    user = users.add_user(database, acme, "ann@acme.example", "correct horse battery", "viewer", actor="t")
    token = tokens.add_token(database, acme, "viewer", actor="t")
    person = Party("ann", "command")
    with database.org(acme.org_id) as conn:
        approval = approve.grant(conn, "migration", "0099", "f" * 64, person)
    limits = approve.Limits(connections=["shop"], entities=["products"], max_plan=1, max_day=1, max_share=Decimal(1))
    policy = approve.add_policy(database, acme, token.token_id, limits, holds=timedelta(days=1), by=person)
    proposal = approve.propose_answer(database, acme, gate, "keep", by=Party("token:bot", "mcp"), why="a guess")
    view = preview.save_view(database, store.connection, stream, "new", preview.RecordView(status="new"), actor="ann")
    rule = select.add_rule(database, store.connection, stream, kind="include_new", actor="ann")
    logs, _ = observe.sync_logs(database, acme, [store.connection])
    with database.org(acme.org_id) as conn:
        quarantined = conn.exec_driver_sql(
            "INSERT INTO capture.sync_quarantine (org_id, connection_id, entity_type, external_id, reason) "
            "VALUES (connect.current_org(), %s, 'product', '7', 'odd') RETURNING quarantine_id",
            (store.connection.connection_id,),
        ).scalar_one()
    validated, _, _ = validation.validate(database, settings, acme, by=person)
    theirs = {
        "validation_id": str(validated.validation_id),
        "log_id": str(logs[0].log_id), "quarantine_id": str(quarantined), "rule_id": str(rule),
        "provider": "woocommerce", "entity": "products", "external_id": min(store.ids("products")),
        "queue_id": str(asked.queue.queue_id), "plan_id": str(plan.plan_id), "decision_id": str(gate),
        "view_id": str(view.view_id), "approval_id": str(approval), "policy_id": str(policy.policy_id),
        "proposal_id": str(proposal.proposal_id),
        "request_id": str(asked.request_id), "connection": "shop", "token_id": str(token.token_id),
        "user_id": str(user.user_id),
    }  # fmt: skip
    before = _everything(api, acme)
    bodies: dict[str, list[Any]] = {
        "/answer": [{"choose": "keep", "why": "w"}],
        "/proposals": [{"choose": "keep", "why": "w"}],
        "/approve": [{"hash": plan.hash}],
        "/webhook": [{"secret": "a secret of theirs 1234"}],
        "/rotate": [{"credentials": {"consumer_secret": "cs_x"}}],
        "/sync/{entity}": [{"action": action, "queue_id": str(asked.queue.queue_id)} for action in
                           ("status", "retry", "cancel", "force-done")],
        "/connections/{connection}": [{"settings": {"sweep_every": 9}}],
        "/users/{user_id}": [{"disabled": True}],
        "/views": [{"entity": "products", "name": "theirs", "status": "new"}],
        "/rules": [{"entity": "products", "kind": "follow_updates"}],
    }  # fmt: skip
    tried, document = 0, api.app.openapi()["paths"]
    for name, method, path in _calls(api):
        if "{" not in path or name in NO_TOKEN:
            continue
        given: list[Any] = next((body for end, body in bodies.items() if path.endswith(end)), [{}])
        known = [one["name"] for one in document[path][method.lower()].get("parameters", ()) if one["in"] == "query"]
        for body in given:
            takes_body = "requestBody" in document[path][method.lower()]
            true = api.call(method, path.format(**theirs), other, params=_known(known, connection="shop"),
                            json=body if takes_body else None)  # fmt: skip
            made_up = json.loads(json.dumps(body).replace(str(asked.queue.queue_id), _UNKNOWN["queue_id"]))
            none = api.call(method, path.format(**_UNKNOWN), other, params=_known(known, connection="nix"),
                            json=made_up if takes_body else None)  # fmt: skip
            assert true.status_code == none.status_code == 404, (name, true.text, none.text)
            assert _blank(true.text, theirs, plan.hash) == _blank(none.text, _UNKNOWN, plan.hash), name
            tried += 1
    assert tried > 20
    assert _everything(api, acme) == before
    assert api.call("GET", "/api/v1/plans", other).json()["rowCount"] == 0
    assert api.call("GET", f"{SYNC}/activity", other).json()["rowCount"] == 1  # its own token


def _blank(text: str, ids: dict[str, str], plan_hash: str) -> str:
    # The longest first: a small number may stand inside a longer id.
    for value in sorted((*ids.values(), plan_hash), key=len, reverse=True):
        text = text.replace(value, "…")
    return text


def _everything(api: Served, org: connect.Organization) -> Any:
    return (
        observe.decisions(api.db, org, everything=True),
        select.plans(api.db, org),
        approve.approvals(api.db, org),
        approve.policies(api.db, org),
        approve.proposed_answers(api.db, org),
        select.list_rules(api.db, org),
        observe.requests(api.db, org),
        validation.validations(api.db, org),
        connect.connections(api.db, org),
        users.users(api.db, org),
        [(one.token_id, one.revoked_at) for one in tokens.list_tokens(api.db, org)],
    )


def test_a_token_of_one_connection_sees_no_other(api: Served, store: Shop, settings: Settings) -> None:
    given = {"store_url": store.server.url, "consumer_key": store.server.key, "consumer_secret": store.server.secret}
    second = connect.add_connection(api.db, settings, store.org, "woocommerce", "second", given, actor="t")
    bound = tokens.add_token(api.db, store.org, "admin", connection=second, actor="t").plain
    headers = {"Authorization": f"Bearer {bound}"}
    listed = api.client.get("/api/v1/connections", headers=headers).json()
    assert [one["name"] for one in listed["data"]] == ["second"]
    assert observe.sync_logs(api.db, store.org, [store.connection])[1] > 0
    assert api.client.get("/api/v1/logs", headers=headers).json()["rowCount"] == 0
    assert api.client.get("/api/v1/logs?connection=shop", headers=headers).status_code == 404
    assert api.client.get("/api/v1/connections/shop", headers=headers).status_code == 404
    assert api.client.get(f"{WOO}/table?entity=products", headers=headers).json()["rowCount"] == 0
    assert api.client.get(f"{WOO}/table?entity=products&connection=shop", headers=headers).status_code == 404
    for path in ("/api/v1/plans", "/api/v1/decisions", "/api/v1/tokens", f"{SYNC}/activity", "/api/v1/status"):
        assert api.client.get(path, headers=headers).status_code == 403, path


def test_a_token_of_one_connection_may_what_concerns_it_alone(api: Served, store: Shop, settings: Settings) -> None:
    """The secret of its webhooks, and the queue of a plan of its records; never another connection's."""
    given = {"store_url": store.server.url, "consumer_key": store.server.key, "consumer_secret": store.server.secret}
    second = connect.add_connection(api.db, settings, store.org, "woocommerce", "second", given, actor="t")

    def bound(connection: connect.Connection, role: str) -> dict[str, str]:
        plain = tokens.add_token(api.db, store.org, role, connection=connection, actor="t").plain
        return {"Authorization": f"Bearer {plain}"}

    own, other = bound(store.connection, "admin"), bound(second, "admin")
    hook, secret = "/api/v1/connections/shop/webhook", {"secret": "a secret of sixteen"}
    assert api.client.post(hook, headers=own, json=secret).json()["data"]["secret_set"] is True
    assert api.client.post(hook, headers=other, json=secret).status_code == 404
    assert api.client.post(hook, headers=bound(store.connection, "operator"), json=secret).status_code == 403
    for method, path in (("PATCH", ""), ("POST", "/rotate"), ("DELETE", "")):  # these concern what others rely on
        answer = api.client.request(method, f"/api/v1/connections/shop{path}", headers=own)
        assert answer.status_code == 403, path

    queue = _queue_of(api, store, store.connection, "7001")
    for path in ("", "/lines", "/events"):
        address = f"{SYNC}/queue/{queue}{path}"
        with api.client.stream("GET", address, headers=bound(store.connection, "viewer")) as answer:
            assert answer.status_code == 200, path
        refused = api.client.get(address, headers=other)
        missing = api.client.get(f"{SYNC}/queue/{uuid4()}{path}", headers=other)
        assert (refused.status_code, missing.status_code) == (404, 404)
    both = _queue_of(api, store, store.connection, "7002", second)
    for headers in (own, other):
        assert api.client.get(f"{SYNC}/queue/{both}", headers=headers).status_code == 404
        assert api.client.get(f"{SYNC}/queues", headers=headers).status_code == 403
    assert api.call("GET", f"{SYNC}/queue/{both}", store.org, "viewer").status_code == 200


def _queue_of(api: Served, store: Shop, *given: Any) -> str:
    """The queue of a plan of one pushed product of each connection; ended, so that its stream ends."""
    (number,) = [one for one in given if isinstance(one, str)]
    for connection in (one for one in given if not isinstance(one, str)):
        body = json.dumps({"products": [{"wc_product_id": int(number), "name": f"N {number}"}]}).encode()
        push.push(api.db, connection, "products", body, actor="t")
        stream = connection.source.stream("products")
        select.select(api.db, connection, stream, ids=[number], include=True, actor="t", draft=True)
    plan = select.make_plan(api.db, store.org, actor="t")
    assert plan is not None
    asked = promote.create_request(api.db, store.org.org_id, plan.plan_id, actor="t")
    promote.cancel(api.db, store.org.org_id, str(asked.queue.queue_id), actor="t")
    return str(asked.queue.queue_id)


def test_a_token_that_is_not_valid_is_told_apart_from_none(api: Served, org: connect.Organization) -> None:
    """Revoked, expired and mistyped alike, so that nothing is revealed; only who sent none is told how to."""

    def said(value: str | None) -> str:
        headers = {} if value is None else {"Authorization": value}
        answer = api.client.get("/api/v1/session", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        return str(answer.json()["error"])

    revoked = tokens.add_token(api.db, org, "viewer", actor="t")
    tokens.revoke_token(api.db, org, revoked.token_id, actor="t")
    with api.db.org(org.org_id) as conn:
        past = tokens.new_token(conn, org, "viewer", expires=datetime.now(UTC) - timedelta(seconds=1))[1]
    wrong = {said(f"Bearer {one}") for one in (revoked.plain, past, past[:-3] + "xyz", "sp_1_x", "hello")}
    (words,) = wrong
    assert "revoked, has expired or is mistyped" in words
    assert "admin" in words
    assert "Send" not in words
    assert {said(one) for one in (None, "Bearer", "Basic YTpi", revoked.plain)} == {
        "The call has no valid token. Send “Authorization: Bearer sp_…”."
    }


def test_a_token_holds_until_it_ends(api: Served, org: connect.Organization) -> None:
    def status(plain: str) -> int:
        return int(api.client.get("/api/v1/session", headers={"Authorization": f"Bearer {plain}"}).status_code)

    soon = tokens.add_token(api.db, org, "viewer", days=1 / 24, actor="t")
    with api.db.org(org.org_id) as conn:
        past = tokens.new_token(conn, org, "viewer", expires=datetime.now(UTC) - timedelta(seconds=1))[1]
    assert (status(soon.plain), status(past)) == (200, 401)
    assert tokens.list_tokens(api.db, org)[1].last_used_at is not None
    assert status(soon.plain.replace("sp_1_", "sp_2_")) == 401
    assert status(soon.plain[:-1]) == 401
    done = api.call("DELETE", f"/api/v1/tokens/{soon.token_id}", org)
    assert done.status_code == 200
    assert status(soon.plain) == 401
    kept = tokens.add_token(api.db, org, "viewer", actor="t").plain
    with api.db.org(org.org_id) as conn:
        conn.exec_driver_sql("UPDATE connect.organization SET removed_at = now()")
    assert status(kept) == 401


def test_people_log_in_and_are_locked_out(api: Served, org: connect.Organization) -> None:
    person = {"email": "Ann@Acme.Example", "password": "correct horse battery", "role": "operator"}
    made = api.call("POST", "/api/v1/users", org, json=person).json()["data"]
    assert api.call("POST", "/api/v1/users", org, json=person).status_code == 409
    login = {"org": "acme", "email": "ann@acme.example", "password": person["password"]}
    session = api.client.post("/api/v1/session", json=login)
    assert session.status_code == 201
    headers = {"Authorization": f"Bearer {session.json()['data']['token']}"}
    me = api.client.get("/api/v1/session", headers=headers).json()["data"]
    assert (me["role"], me["actor"]) == ("operator", "ann@acme.example")
    wrong = [
        api.client.post("/api/v1/session", json={**login, **change})
        for change in ({"password": "another password!"}, {"email": "bob@acme.example"}, {"org": "nix"})
    ]
    assert {one.status_code for one in wrong} == {401}
    assert len({one.text for one in wrong}) == 1  # which of them was wrong, it does not say
    path = f"/api/v1/users/{made['user_id']}"
    api.call("PATCH", path, org, json={"role": "viewer"})
    assert api.client.get("/api/v1/session", headers=headers).json()["data"]["role"] == "viewer"
    assert api.client.post("/api/v1/session", json={**login, "password": "short"}).status_code == 401
    api.call("PATCH", path, org, json={"disabled": True})
    assert api.client.get("/api/v1/session", headers=headers).status_code == 401
    assert api.client.post("/api/v1/session", json=login).status_code == 401
    with api.db.org(org.org_id) as conn:
        stored = conn.exec_driver_sql("SELECT password_hash FROM connect.app_user").scalar_one()
    assert stored.startswith("$argon2id$")


def test_a_password_is_hashed_as_rfc_9106_advises(
    database: Database, org: connect.Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "HASH_PROFILE", PROFILE_IN_SERVICE)
    users._hasher.cache_clear()
    users.add_user(database, org, "ann@acme.example", "correct horse battery", "viewer", actor="t")
    users._hasher.cache_clear()
    with database.org(org.org_id) as conn:
        stored = conn.exec_driver_sql("SELECT password_hash FROM connect.app_user").scalar_one()
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_guessing_a_password_is_slowed_down(api: Served, org: connect.Organization) -> None:
    users.add_user(api.db, org, "ann@acme.example", "correct horse battery", "viewer", actor="t")
    login = {"org": "acme", "email": "ann@acme.example", "password": "guess guess guess"}
    answers = [api.client.post("/api/v1/session", json=login) for _ in range(8)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_rate_is_shared_by_all_processes(database: Database, settings: Settings, org: connect.Organization) -> None:
    few = settings.model_copy(update={"calls_per_minute": 40})  # ten at once
    plain = tokens.add_token(database, org, "viewer", actor="t").plain
    headers = {"Authorization": f"Bearer {plain}"}
    with served(database, few) as first, served(database, few) as second:
        statuses = [
            one.client.get("/api/v1/providers", headers=headers).status_code
            for _ in range(8)
            for one in (first, second)
        ]
        assert statuses.count(200) in (10, 11)  # one may have come back meanwhile
        late = second.client.get("/api/v1/providers", headers=headers)
        assert late.status_code == 429
        assert 1 <= int(late.headers["retry-after"]) <= 2
        assert "the limit is 40 a minute. Try again in " in late.json()["error"]
        other = tokens.add_token(database, org, "viewer", actor="t").plain
        assert first.client.get("/api/v1/providers", headers={"Authorization": f"Bearer {other}"}).status_code == 200


def test_a_connections_sync_calls_have_a_rate_of_their_own(database: Database, settings: Settings, store: Shop) -> None:
    few = settings.model_copy(update={"sync_calls_per_minute": 8})  # two at once
    with served(database, few) as api:
        path = f"{WOO}/sync/products/full"
        statuses = [api.call("POST", path, store.org, role).status_code for role in ("admin", "operator", "admin")]
        assert statuses == [202, 202, 429]
        assert api.call("GET", f"{WOO}/table?entity=products", store.org).status_code == 200
    assert observe.requests(database, store.org)[1] == 2


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[1]", {}, 400),
        (b"null", {}, 400),
        (b'{"role": "king"}', {}, 400),
        (b'{"role": "viewer", "rolle": 1}', {}, 400),
        (b'{"role": "viewer", "name": "a\\u0000b"}', {}, 400),
        (b'{"role": "viewer", "name": "\\ud800"}', {}, 400),
        (b'{"role": "viewer", "days": 1e400}', {}, 400),
        (b'{"role": "viewer", "days": -1}', {}, 400),
        (b'{"role": "plugin"}', {}, 400),
        (b'{"role": "viewer", "connection": "nix"}', {}, 404),
        (b"[" * 100_000 + b"]" * 100_000, {}, 400),
        (b'{"a":' * 70 + b"1" + b"}" * 70, {}, 400),
        (b"role=viewer", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b'{"role": "viewer"}', {"Content-Type": "text/plain"}, 415),
        (b'"' + b"x" * 9_000_000 + b'"', {}, 413),
    ],
)
def test_a_wrong_body_is_said_and_changes_nothing(
    api: Served, org: connect.Organization, content: bytes, headers: dict[str, str], status: int
) -> None:
    api.token(org)
    answer = api.call(
        "POST", "/api/v1/tokens", org, content=content, headers={"Content-Type": "application/json", **headers}
    )
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["success"] is False
    assert isinstance(body["error"], str)
    assert set(body) == {"success", "error"}
    assert "Traceback" not in answer.text
    assert len(tokens.list_tokens(api.db, org)) == 1


def test_a_body_without_a_length_is_limited_too(api: Served, org: connect.Organization) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x" * 100_000

    answer = api.call("POST", "/api/v1/tokens", org, content=parts(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nix", 404), ("GET", "/api/v1/nix", 404), ("PUT", "/api/v1/tokens", 405),
        ("GET", f"{WOO}/table", 400), ("GET", f"{WOO}/table?entity=unicorns", 404),
        ("GET", "/api/v1/integrations/shopify/table?entity=products", 404),
        ("GET", f"{WOO}/table?entity=products&page=0", 400), ("GET", f"{WOO}/table?entity=products&pageSize=501", 400),
        ("GET", f"{WOO}/table?entity=products&page=99999999999999999999", 400),
        ("GET", f"{WOO}/table?entity=products&status=odd", 400), ("GET", f"{WOO}/table?entity=products&sort=raw", 400),
        ("GET", f"{WOO}/table?entity=products&search=%00", 400),
        ("GET", "/api/v1/plans/nonsense", 400), ("GET", "/api/v1/requests/0", 400), ("GET", "/api/v1/requests/x", 400),
        ("GET", "/api/v1/decisions/99999999999999999999", 400),
    ],
)  # fmt: skip
def test_a_wrong_address_is_said(api: Served, store: Shop, method: str, path: str, status: int) -> None:
    answer = api.call(method, path, store.org)
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"success", "error"}


def test_a_wrong_method_is_told_the_right_ones(api: Served, store: Shop) -> None:
    """Of all routes of the path: GET and POST are two of them."""
    answer = api.call("PUT", "/api/v1/tokens", store.org)
    assert answer.headers["allow"] == "GET, POST"
    assert answer.json()["error"] == "This path does not support PUT. It supports GET, POST."


def test_a_wrong_connection_is_told_those_that_the_caller_sees(api: Served, store: Shop) -> None:
    answer = api.call("GET", "/api/v1/connections/nix/progress", store.org)
    assert answer.json()["error"] == f"There is no connection “nix”. There are: {store.connection.name}."


@pytest.mark.parametrize(
    "search", ["'; DROP TABLE core.products; --", "%' OR '1'='1", "\\", "a&b|!c:*", "'' '", "💥", "(" * 150]
)
def test_sql_in_a_search_is_searched_for(api: Served, store: Shop, search: str) -> None:
    answer = api.call("GET", f"{WOO}/table", store.org, params={"entity": "products", "search": search})
    assert answer.status_code == 200, answer.text
    assert answer.json()["rowCount"] == 0


def test_other_sites_scripts_are_kept_out_unless_named(api: Served, database: Database, settings: Settings) -> None:
    ask = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    closed = api.client.options("/api/v1/plans", headers=ask)
    assert "access-control-allow-origin" not in closed.headers
    assert closed.status_code == 405
    assert "SYNC_CORS_ORIGINS" in closed.json()["error"]
    assert "SYNC_CORS_ORIGINS" not in api.client.options("/api/v1/plans").text  # nobody asked for another site's script
    named = settings.model_copy(update={"cors_origins": "https://a.example"})
    with served(database, named) as opened:
        answer = opened.client.options("/api/v1/plans", headers=ask)
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        other = opened.client.options("/api/v1/plans", headers={**ask, "Origin": "https://b.example"})
        assert "access-control-allow-origin" not in other.headers
        assert (other.status_code, other.headers["content-type"]) == (400, "application/json")
        assert other.json()["success"] is False
        assert "https://b.example" in other.json()["error"]
        assert "SYNC_CORS_ORIGINS" in other.json()["error"]
        method = opened.client.options("/api/v1/plans", headers={**ask, "Access-Control-Request-Method": "PUT"})
        assert "GET, POST, PATCH, DELETE" in method.json()["error"]
        header = opened.client.options("/api/v1/plans", headers={**ask, "Access-Control-Request-Headers": "X-Mine"})
        assert "authorization" in header.json()["error"]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("https://shop.example/", ["https://shop.example"]),
        ("HTTPS://Shop.Example, http://localhost:3000", ["https://shop.example", "http://localhost:3000"]),
        ("https://shop.example:443,http://[::1]:80/", ["https://shop.example", "http://[::1]"]),
        ("https://bücher.example", ["https://xn--bcher-kva.example"]),
        ("chrome-extension://abcdef, capacitor://localhost", ["chrome-extension://abcdef", "capacitor://localhost"]),
        (" , *", ["*"]),
    ],
)
def test_origins_are_read_as_browsers_send_them(settings: Settings, given: str, read: list[str]) -> None:
    assert origins_of(settings.model_copy(update={"cors_origins": given})) == read


@pytest.mark.parametrize(
    "given",
    ["shop.example", "https://shop.example/wp", "https://*.example", "ftp://shop.example", "https://", "null",
     "https://a.example https://b.example", "https://ann:secret@shop.example", "https://shop.example:x", "https://a.b?c"],
)  # fmt: skip
def test_an_origin_that_no_browser_sends_is_refused_at_the_start(settings: Settings, given: str) -> None:
    with pytest.raises(ConfigurationError, match=r"SYNC_CORS_ORIGINS: .*Write scheme and host.* https://shop\.example"):
        build(settings.model_copy(update={"cors_origins": given}))


def test_every_answer_has_its_id_and_guards(api: Served) -> None:
    for path in ("/healthz", "/nix", "/api/v1/plans"):
        headers = api.client.get(path, headers={"X-Request-Id": "abc-1"}).headers
        assert headers["x-request-id"] == "abc-1"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
    made = api.client.get("/healthz", headers={"X-Request-Id": "bad id\t<script>"}).headers["x-request-id"]
    assert len(made) == 32


def test_a_fault_inside_tells_nothing_outside(
    api: Served, org: connect.Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("postgresql://owner:hunter2@db/sync consumer_secret=cs_1234567890")

    monkeypatch.setattr(observe, "activity", broken)
    answer = api.call("GET", f"{SYNC}/activity", org)
    assert answer.status_code == 500
    assert answer.json() == {"success": False, "error": "Unexpected error. Committed work is safe."}


def test_a_database_that_is_gone_is_503(settings: Settings, database: Database, org: connect.Organization) -> None:
    with served(database, settings) as api:
        plain = api.token(org)
        api.app.state.runtime.db = Database("postgresql://nobody@127.0.0.1:1/none")
        answer = api.client.get("/api/v1/plans", headers={"Authorization": f"Bearer {plain}"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert set(answer.json()) == {"success", "error"}
        ready = api.client.get("/readyz")
        assert (ready.status_code, ready.json()["database"]) == (503, "unavailable")
        assert api.client.get("/metrics").status_code == 200
        assert api.client.get("/healthz").status_code == 200


def test_no_secret_is_in_any_answer_log_metric_or_event(
    api: Served, store: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    from sync_pipeline.api.logs import configure

    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    try:
        configure()
        said = []
        plain = api.token(store.org)
        secrets = [store.server.key, store.server.secret, plain, "cs_newnewnewnew1", "a quiet yellow lamp"]
        for method, path, body in [
            ("GET", "/api/v1/connections", None), ("GET", "/api/v1/connections/shop", None),
            ("POST", "/api/v1/connections/shop/rotate", {"credentials": {"consumer_secret": "cs_newnewnewnew1"}}),
            ("POST", "/api/v1/connections/shop/rotate", {"credentials": {"consumer_secret": ["cs_newnewnewnew1"]}}),
            ("POST", "/api/v1/connections/shop/test", None),
            ("POST", "/api/v1/connections", {"provider": "woocommerce", "name": "x", "settings": {
                "store_url": store.server.url, "consumer_key": 5, "consumer_secret": "cs_newnewnewnew1"}}),
            ("POST", "/api/v1/users", {"email": "a@b.example", "password": "a quiet yellow lamp", "role": "viewer"}),
            ("POST", "/api/v1/users", {"email": 1, "password": "a quiet yellow lamp", "role": "viewer"}),
            ("POST", "/api/v1/session", {"org": "acme", "email": "a@b.example", "password": "a quiet yellow lamp x"}),
            ("GET", "/api/v1/tokens", None), ("GET", f"{SYNC}/activity", None), ("GET", "/api/v1/requests", None),
            ("GET", "/metrics", None), ("GET", "/readyz", None), ("GET", "/openapi.json", None),
            ("GET", f"/api/v1/plans?consumer_secret={store.server.secret}", None),
            ("GET", f"/nix?token={plain}", None),
        ]:  # fmt: skip
            said.append(api.call(method, path, store.org, json=body).text)
        logging.getLogger("uvicorn.error").error("failed: %s", f"https://{store.server.key}:{store.server.secret}@x/")
        try:
            raise RuntimeError(f"Authorization: Bearer {plain}")
        except RuntimeError:
            logging.getLogger("anything").exception("it broke with %s", store.server.secret)
        sys.stderr.flush()
        out, err = capfd.readouterr()
    finally:
        root.handlers = handlers
        root.setLevel(level)
        import structlog

        structlog.reset_defaults()
    assert "it broke" in err
    with api.db.org(store.org.org_id) as conn:
        events = conn.exec_driver_sql(
            "SELECT string_agg(detail::text || actor, ' ') FROM observe.sync_activity"
        ).scalar()
        asked = conn.exec_driver_sql(
            "SELECT coalesce(string_agg(parameters::text, ' '), '') FROM observe.request"
        ).scalar()
    for secret in secrets:
        for place, text in {
            "answers": " ".join(said),
            "out": out,
            "log": err,
            "events": events,
            "requests": asked,
        }.items():
            assert secret not in str(text), place


def test_a_trace_tells_the_call_and_not_what_was_searched_for(api: Served, store: Shop) -> None:
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from sync_pipeline.api.application import build
    from sync_pipeline.api.traces import trace

    kept = InMemorySpanExporter()
    app = build(api.settings, api.db)
    assert trace(app, kept)
    from fastapi.testclient import TestClient

    with TestClient(app) as client:
        headers = {"Authorization": f"Bearer {api.token(store.org)}"}
        assert client.get(f"{WOO}/table?entity=products&search=ann@acme.example", headers=headers).status_code == 200
    app.state.traces.force_flush()
    [span] = kept.get_finished_spans()
    assert span.name == "GET /api/v1/integrations/{provider}/table"
    text = span.to_json()
    assert "ann@acme" not in text
    assert api.token(store.org) not in text
