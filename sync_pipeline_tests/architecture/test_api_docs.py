"""The documents say what the service does: written from its OpenAPI, which is complete."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import SecretStr
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from sync_pipeline.api.application import build
from sync_pipeline.api.contracts.sync import QueueEvent
from sync_pipeline.api.docs import render, render_examples
from sync_pipeline.api.examples import FILE, calls, command, walk, whole
from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.steps.promote import QueueStatus
from sync_pipeline_client import Client, models
from sync_pipeline_client import QueueEvent as ClientQueueEvent
from sync_pipeline_tests import client_code


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build(Settings(secret_key=SecretStr("none"))).openapi()


def test_the_pages_are_the_document(document: dict[str, Any]) -> None:
    """If this fails: `python -m sync_pipeline.api.docs > docs/api.md`, `… examples > docs/api-examples.md`.

    For new answers: `make examples`.
    """
    docs = PROJECT / "docs"
    text = render(document)
    assert (docs / "api.md").read_text("utf-8") == text
    assert (docs / "api-examples.md").read_text("utf-8") == render_examples(document)
    # A reader finds a call in the table and goes on from there.
    heads = re.findall("^#+ (.*)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in heads}
    assert set(re.findall(r"\(#([^)]*)\)", text)) <= anchors
    assert text.count("\n| [GET /") + text.count("\n| [P") + text.count("\n| [DELETE /") == text.count("\n### ")


def test_the_client_is_the_document(document: dict[str, Any]) -> None:
    """If this fails: `make client`."""
    for file, text in client_code.files().items():
        assert file.read_text("utf-8") == text
    every = {one["operationId"] for operations in document["paths"].values() for one in operations.values()}
    assert {name for name in every if not callable(getattr(Client, name, None))} == {"deliver", "metrics"}
    assert list(models.__dict__["QueueStatus"].model_fields) == list(QueueStatus.__dataclass_fields__)
    assert list(ClientQueueEvent.model_fields) == list(QueueEvent.model_fields)


def test_the_document_is_of_the_version_that_it_names(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    OPENAPI_31_VALIDATOR.validate(document)
    # What OpenAPI 3.2 added; a validator of 3.1 passes over some.
    newer = {"itemSchema", "itemEncoding", "prefixEncoding", "querystring", "additionalOperations", "dataValue",
             "serializedValue", "$self", "mediaTypes"}  # fmt: skip
    assert not newer & set(_keys(document))
    assert set(re.findall('"(#/[^"]*)"', json.dumps(document))) <= {
        f"#/components/{kind}/{name}" for kind, named in document["components"].items() for name in named
    }


def _keys(value: Any) -> Iterator[str]:
    for name, one in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if name != "examples" or not isinstance(one, dict):  # what was recorded is no part of the document's own
            yield from ([name] if isinstance(name, str) else [])
            yield from _keys(one)


def test_events_and_deliveries_are_described(document: dict[str, Any]) -> None:
    streams = [
        media["schema"]
        for operations in document["paths"].values()
        for operation in operations.values()
        for answer in operation["responses"].values()
        for kind, media in answer.get("content", {}).items()
        if kind == "text/event-stream"
    ]
    assert streams
    for schema in streams:
        data = schema["contentSchema"]["items"]["properties"]["data"]
        assert (data["contentMediaType"], "$ref" in data["contentSchema"]) == ("application/json", True)
    deliver = document["paths"]["/api/v1/webhooks/{provider}/{connection}"]["post"]
    assert {"application/json", "application/x-www-form-urlencoded"} == set(deliver["requestBody"]["content"])
    headers = {one["name"]: one["description"] for one in deliver["parameters"] if one["in"] == "header"}
    assert "HMAC-SHA256" in headers["X-WC-Webhook-Signature"]
    assert {"X-WC-Webhook-Topic", "X-WC-Webhook-Delivery-ID"} <= headers.keys()


def test_the_headers_of_answers_are_declared(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                declared = {"X-Request-Id"} | ({"Retry-After"} if status in ("429", "503") else set())
                assert set(answer["headers"]) == declared, (path, status)


def test_lists_with_pages_are_alike(document: dict[str, Any]) -> None:
    """What takes `page` answers data, rowCount, page and pageSize; what is read by `after` answers data and next.

    The audit log has two fields alone, as plugins were promised.
    """
    schemas = document["components"]["schemas"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            takes = {one["name"] for one in operation.get("parameters", ())}
            content = operation["responses"].get("200", {}).get("content", {}).get("application/json")
            answered = schemas.get(content["schema"].get("$ref", "").rsplit("/", 1)[-1], {}) if content else {}
            if answered.get("properties", {}).get("data", {}).get("type") != "array":
                continue
            has = set(answered["properties"])
            if {"page", "pageSize"} & takes or {"page", "pageSize", "rowCount"} & has:
                paged = "after" not in takes
                assert ({"page", "pageSize"} <= takes) == paged, path
                paging = set() if path.endswith("/sync/activity") else {"page", "pageSize"}
                assert has >= ({"data", "rowCount", *paging} if paged else {"data", "next"}), path
            if "after" in takes:
                assert {"data", "next"} <= has, path
                assert "limit" in takes, path


def test_every_call_says_what_it_does_needs_and_may_answer(document: dict[str, Any]) -> None:
    seen = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            assert operation["operationId"] not in seen, name
            seen.add(operation["operationId"])
            assert operation.get("description"), name
            assert operation["tags"], name
            assert "422" not in operation["responses"], name
            if operation.get("security"):
                assert operation["x-roles"], name
                assert {"400", "401", "403", "429", "500", "503"} <= set(operation["responses"]), name
            if "requestBody" in operation and path.startswith("/api/v1/") and "/webhooks/" not in path:
                assert {"413", "415"} <= set(operation["responses"]), name
            for status, answer in operation["responses"].items():
                assert answer["description"], (name, status)
                if status >= "400" and status != "503":
                    assert "schema" in answer["content"]["application/json"], (name, status)


def test_every_call_is_shown_with_a_recorded_answer(document: dict[str, Any]) -> None:
    shown = {
        found["operationId"] for example, _, found in calls(document) if found and example.under == found["operationId"]
    }
    every = {one["operationId"]: name for operations in document["paths"].values() for name, one in operations.items()}
    assert set(every) == shown, "add it to api/examples.json, then: make examples"
    assert all(example.status is not None and example.answer is not None for example in walk() if example.call)


def test_the_page_is_in_the_order_in_which_the_calls_work(document: dict[str, Any]) -> None:
    text = render_examples(document)
    places = [text.index(f"```sh\n{command(example)}\n```") for example in walk() if example.first or example.take]
    assert places == sorted(places)


def test_recorded_answers_hold_to_their_schemas(document: dict[str, Any]) -> None:
    for example, _, found in calls(document):
        assert found, f"{example.call} is none of the service's calls"
        answered = found["responses"].get(str(example.status))
        assert answered, f"{example.call} answered {example.status}, which is not documented"
        for kind, media in answered.get("content", {}).items():
            if kind == "application/json" and "schema" in media:
                schema = {**media["schema"], "components": document["components"]}
                Draft202012Validator(schema).validate(whole(example.answer))
        sent = found.get("requestBody", {}).get("content", {}).get("application/json")
        if sent and example.body is not None and not example.off_schema:
            Draft202012Validator({**sent["schema"], "components": document["components"]}).validate(example.body)


def test_no_example_shows_a_token() -> None:
    text = FILE.read_text("utf-8")
    assert "sp_1_…" in text
    assert not re.search(r"sp_\d+_[\w-]{8,}", text)
