"""The documents say what the service does: written from its OpenAPI, which is complete."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from sync_pipeline.api.application import build
from sync_pipeline.api.docs import render
from sync_pipeline.config import PROJECT, Settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build(Settings(secret_key=SecretStr("none"))).openapi()


def test_api_md_is_the_document(document: dict[str, Any]) -> None:
    """If this fails: `python -m sync_pipeline.api.docs > docs/api.md`."""
    assert (PROJECT / "docs" / "api.md").read_text("utf-8") == render(document)


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
