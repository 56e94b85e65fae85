"""The OpenAPI document: FastAPI's, corrected to what the service answers and to the version that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.api.examples import illustrate

_EVENTS, _JSON = "text/event-stream", "application/json"
_SECONDS = {"type": "integer", "minimum": 1}
# What is answered beside the body; by the statuses that have it.
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "X-Request-Id": {
        "description": "Finds the call in the service's log: the one that was sent, or a new one.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
    },
    "Retry-After": {"description": "How many seconds to wait.", "required": True, "schema": _SECONDS},
}
_WAITS = ("429", "503")


def document(app: FastAPI, rights: Mapping[tuple[str, str], Right | None]) -> dict[str, Any]:
    """The document of an application, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=_TAGS
        )
        for path, operations in made["paths"].items():
            for method, operation in operations.items():
                if (method, path) in rights:
                    right = rights[method, path]
                    operation["x-right"] = right
                    operation["x-roles"] = [role for role, those in RIGHTS.items() if right is None or right in those]
                operation["responses"].pop("422", None)  # malformed calls return 400
                for status, answer in operation["responses"].items():
                    _correct(status, answer)
        for name in ("HTTPValidationError", "ValidationError"):
            made["components"]["schemas"].pop(name, None)
        made["components"]["headers"] = {name: dict(one) for name, one in _HEADERS.items()}
        illustrate(made)
        app.openapi_schema = made
    return app.openapi_schema


def _correct(status: str, answer: dict[str, Any]) -> None:
    """Errors of streams are JSON too; and what FastAPI says of events is OpenAPI 3.2."""
    content = answer.get("content", {})
    if _EVENTS in content:
        if status >= "400":
            content[_JSON] = content.pop(_EVENTS)
        else:
            content[_EVENTS] = {"schema": _events(content[_EVENTS]["schema"])}
    answer["headers"] = {
        name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS if name != "Retry-After" or status in _WAITS
    }


def _events(data: Mapping[str, Any]) -> dict[str, Any]:
    """A stream as OpenAPI 3.1 can say it: a text, and what it holds once it is read as events with this `data`."""
    event = {
        "type": "object",
        "required": ["data"],
        "properties": {
            "event": {"type": "string", "description": "What the event is called; without it: `message`."},
            "data": {"type": "string", "contentMediaType": _JSON, "contentSchema": dict(data)},
            "retry": {"type": "integer", "minimum": 0, "description": "Milliseconds until the client connects again."},
        },
    }
    return {"type": "string", "contentMediaType": _EVENTS, "contentSchema": {"type": "array", "items": event}}


# In this order, each section's examples use only what the sections before it made (see examples.json).
_TAGS = [
    {"name": "observe", "description": "Status, checks and the audit log."},
    {"name": "table", "description": "Captured records with their status."},
    {"name": "preview", "description": "Preview what would change, and select records."},
    {"name": "plans", "description": "Plan exactly what will happen, apply it, undo it."},
    {
        "name": "push",
        "description": "For plugins that send records by themselves; and what became of every push and pull.",
    },
    {"name": "sync", "description": "Queues, full syncs, and several entities in the order of their dependencies."},
    {"name": "decisions", "description": "Gates: work that has stopped and waits for a person's answer."},
    {"name": "webhooks", "description": "For stores that send notifications."},
    {"name": "connections", "description": "Stores, without their secrets."},
    {"name": "people", "description": "Sessions, tokens and users."},
    {"name": "approvals", "description": "A person's yes to a plan, and policies: a yes in advance, within limits."},
    {
        "name": "validation",
        "description": "Every check as a matrix with evidence, a person's word on it, and all decisions.",
    },
    {"name": "health", "description": "For monitoring."},
]
