"""Errors as a model reads them: what is wrong and what to do next, in our words; a store's words apart."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import ValidationError

from sync_pipeline import invalid
from sync_pipeline.api.errors import explain_step
from sync_pipeline.api.masking import Masking
from sync_pipeline.errors import NotApproved, SourceError, StalePlan
from sync_pipeline.mcp.text import SHORT, own_words, record_id, store_text, written

_log = structlog.get_logger("sync_pipeline.mcp")
_KINDS = {
    400: "invalid",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    424: "store",
    429: "rate_limited",
    503: "busy",
}
_STORE = "The store returned an error. Its words are in store_text. diagnose_connection may say more."
_NAMED = 20


def explain(error: Exception, reads: Masking | None = None) -> tuple[str, str]:
    """The kind of an error, and its answer as JSON. What nobody expected is logged, and says nothing of its inside."""
    if isinstance(error, ValidationError):
        return "invalid", written({"error": _in_words(error), "kind": "invalid"})
    found = explain_step(error)
    if found is None:
        _log.error("unexpected", exc_info=error)
        return "unexpected", written({"error": "Unexpected error. Committed work is safe.", "kind": "unexpected"})
    status, words, headers = found
    kind = _KINDS.get(status, "unexpected")
    told: dict[str, Any] = {"error": own_words(words), "kind": kind}
    if "Retry-After" in headers:
        told["retry_after"] = int(headers["Retry-After"])
    if isinstance(error, SourceError):
        told |= {"error": _STORE, **store_text(SHORT * 2, message=str(error))}
    if isinstance(error, NotApproved):
        kind = told["kind"] = "waiting"
    if isinstance(error, StalePlan):
        kind = told["kind"] = "stale"
        told["stale"] = [
            {"connection": one["connection"], "entity": one["entity"], "id": record_id(one["external_id"])}
            | store_text(moved=one["moved"])
            for one in error.stale[:_NAMED]
        ]
    return kind, written(reads.anything(told) if reads else told)


def refused(words: str, kind: str = "forbidden") -> tuple[str, str]:
    """An error that is not an exception of a step."""
    return kind, written({"error": own_words(words), "kind": kind})


def _in_words(error: ValidationError) -> str:
    """What is wrong with the arguments, without the values that were sent."""
    said = invalid.sentences(error.errors(include_input=False, include_url=False), "the call")
    return own_words(said) or "The arguments are not valid."
