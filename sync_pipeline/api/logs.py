"""Logs as JSON lines on stderr. Every line passes a redacting processor, so no credential is written."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import structlog

from sync_pipeline.entities.base import names
from sync_pipeline.redaction import redact

_SECRET_NAMES = names("password secret token_plain authorization consumer_key api_key credentials cookie")


def configure(level: int = logging.INFO) -> None:
    """Send all log records, including those of libraries, through the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # without local variables; `redacted` processes its text
        redacted,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:-1]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redacted,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    logging.getLogger("uvicorn.access").disabled = True  # its lines contain query strings, ours do not
    for name in ("httpx", "httpcore", "mcp"):
        logging.getLogger(name).setLevel(logging.WARNING)


def redacted(_logger: Any, _method: str, event: Any) -> Any:
    """Redact every text, including nested ones; replace values whose name looks like a secret's."""
    if isinstance(event, str):
        return redact(event)
    if isinstance(event, Mapping):
        return {
            key: "***" if any(name in str(key).lower() for name in _SECRET_NAMES) else redacted(None, "", value)
            for key, value in event.items()
        }
    if isinstance(event, (list, tuple)):
        return [redacted(None, "", value) for value in event]
    return event
