"""Every call of the API with whatever a fuzzer thinks of: no 5xx, no undocumented answer, no broken schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from cryptography.fernet import Fernet
from hypothesis import HealthCheck, Phase, settings
from pydantic import SecretStr
from schemathesis.checks import not_a_server_error
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.generation.meta import TestPhase
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sandbox.woocommerce import Store, seed
from sync_pipeline.api.application import build
from sync_pipeline.config import Settings
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.databases import cloned, opened_as_the_application
from sync_pipeline_tests.served import listening
from sync_pipeline_tests.shares import rarely
from sync_pipeline_tests.stores import shop

SCHEMA = schemathesis.openapi.from_dict(build(Settings(secret_key=SecretStr("x"))).openapi())
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# Beside admin, who may everything, and agent, who may little. Nobody has no token, the forged one none that holds.
OTHER_ROLES = ("operator", "viewer", "plugin", "nobody", "forged")  # test_api_security has what each may


@dataclass
class Running:
    """The address of the service, and a token of each role."""

    url: str
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def api(server: EmbeddedPostgres, module_folder: Path) -> Iterator[Running]:
    """One organization with a captured shop, for all examples."""
    given = Settings(
        home=module_folder,
        secret_key=SecretStr(Fernet.generate_key().decode()),
        allow_private_hosts=True,
        calls_per_minute=1_000_000,
        sync_calls_per_minute=1_000_000,
    )
    with cloned(server) as owner_url, opened_as_the_application(owner_url) as db:
        store = Store()
        seed(store, products=5, variable=1, customers=3, orders=3)
        org = connect.add_organization(db, "acme")
        with shop(db, given, org, store) as opened:
            opened.pull("products", "customers", "categories", "orders")
            for name in ("products", "customers", "categories", "orders"):
                opened.preview(name)
            made: dict[str, str] = {
                role: tokens.add_token(
                    db, org, role, connection=opened.connection if role == "plugin" else None, actor="test"
                ).plain
                for role in tokens.ROLES
            }
            with listening(build(given, db)) as url:
                yield Running(url, made)


def _check(api: Running, case: Any, role: str) -> None:
    if (case.method, case.path) == ("DELETE", "/api/v1/session") and role in api.tokens:
        return  # it would end the token that all examples use
    if case.path.startswith(("/api/v1/tokens/", "/api/v1/users/")):
        case.path_parameters = dict.fromkeys(case.path_parameters or {}, 999_999)
    if "wait" in (case.query or {}):
        case.query["wait"] = 0  # nobody makes runs here
    case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() != "authorization"}
    if role != "nobody":
        case.headers["Authorization"] = f"Bearer {api.tokens.get(role, 'sp_1_' + 'A' * 43)}"
    response = case.call(base_url=api.url)
    case.validate_response(response, checks=CHECKS)
    open_to_all = case.path in ("/healthz", "/readyz", "/metrics") or "/webhooks/" in case.path
    if role not in api.tokens and not open_to_all:
        assert response.status_code >= 400
    assert "Traceback" not in response.text


def _few(examples: int, *phases: Phase) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )


@_few(3, Phase.explicit, Phase.generate)
def _as_admin(api: Running, case: Any) -> None:
    """Whoever may little is asked what was thought of at random, too: to think of it takes longer than to answer it."""
    _check(api, case, "admin")
    if case.meta is None or case.meta.phase.name is TestPhase.FUZZING:
        _check(api, case, "agent")


@_few(2, Phase.generate)
def _as_others(api: Running, case: Any) -> None:
    for role in OTHER_ROLES:
        _check(api, case, role)


@_few(200, Phase.generate)  # the explicit ones are those of the first test, and making them takes seconds
def _as_admin_often(api: Running, case: Any) -> None:
    _check(api, case, "admin")


def _built(call: str, test: Any) -> Any:
    """What `SCHEMA.parametrize` makes of it; but that makes the explicit examples, which takes seconds, to collect."""
    operation = SCHEMA.find_operation_by_label(call)
    assert operation is not None
    return build_operation_test(
        config=SCHEMA.config, operation=operation, test_func=test, given_kwargs={}, feedback=FeedbackSources()
    )


every_call = pytest.mark.parametrize(
    "call", [f"{method.upper()} {path}" for path, methods in SCHEMA.raw_schema["paths"].items() for method in methods]
)


@pytest.mark.parametrize("share", [4, rarely(1)])
@every_call
def test_no_call_is_answered_in_an_undocumented_way(api: Running, call: str, share: int) -> None:
    """Of the explicit examples, hundreds for some calls, one in `share`."""
    test = _built(call, _as_admin)
    if explicit := getattr(test, "hypothesis_explicit_examples", None):
        test.hypothesis_explicit_examples = explicit[::share]
    test(api=api)


@pytest.mark.torture
@every_call
def test_nor_is_anybody_elses(api: Running, call: str) -> None:
    _built(call, _as_others)(api=api)


@pytest.mark.torture
@every_call
def test_not_even_after_hundreds_of_tries(api: Running, call: str) -> None:
    _built(call, _as_admin_often)(api=api)
