"""OpenTelemetry traces, if a collector is configured and the extra `telemetry` is installed."""

from __future__ import annotations

import os
from typing import Any

import structlog
from fastapi import FastAPI

_log = structlog.get_logger("sync_pipeline.api")
_SWITCHES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
# These attributes hold the URL with its query. Search terms must not leave this machine.
_ADDRESSES = ("http.url", "http.target", "url.full", "url.query")


def trace(app: FastAPI, exporter: Any = None) -> bool:
    """Trace each call and send the spans to OTEL_EXPORTER_OTLP_ENDPOINT; returns False if none is configured.

    Headers and queries are not recorded.
    """
    if exporter is None and not any(os.environ.get(name) for name in _SWITCHES):
        return False
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _log.warning("no_traces", reason="install the extra: pip install 'sync-pipeline[telemetry]'")
        return False
    provider = TracerProvider(resource=Resource.create({"service.name": "sync_pipeline"}))
    provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
    FastAPIInstrumentor.instrument_app(
        app,
        tracer_provider=provider,
        excluded_urls="healthz,readyz,metrics",
        server_request_hook=_bare,
        exclude_spans=["receive", "send"],
    )
    app.state.traces = provider
    return True


def _bare(span: Any, scope: dict[str, Any]) -> None:
    if span and span.is_recording():
        for name in _ADDRESSES:
            span.set_attribute(name, "" if name == "url.query" else str(scope.get("path", "")))
