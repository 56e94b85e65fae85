"""Metrics of this process's calls, and figures shared by all processes, which each scrape reads from the database."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sync_pipeline.steps.observe.figures import Figures

REGISTRY = CollectorRegistry()
CALLS = Histogram(
    "sync_api_call_seconds",
    "Duration of calls in seconds, by route.",
    ["method", "route", "status"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
STREAMS = Gauge("sync_api_event_streams", "Open event streams of this process.", registry=REGISTRY)

_CONNECTION = (
    ("lag_seconds", "gauge", "sync_connection_lag_seconds", "Seconds since the last pull of a connection."),
    ("runs", "counter", "sync_pulls", "Pulls of an entity whose ledger closed."),
    ("failed", "counter", "sync_pull_failures", "Pulls of an entity whose ledger did not close."),
    ("pulled", "counter", "sync_records_pulled", "Records read from the store."),
    ("created", "counter", "sync_records_created", "Records seen for the first time."),
    ("updated", "counter", "sync_records_updated", "Records whose content changed."),
    ("quarantined", "counter", "sync_records_quarantined", "Records that could not be captured."),
    ("requests", "counter", "sync_store_requests", "Requests to the store."),
    ("throttled", "counter", "sync_store_throttles", "Responses of the store with status 429 or 503."),
    ("slow", "counter", "sync_store_slow_calls", "Requests that took longer than five seconds."),
    ("bytes", "counter", "sync_store_bytes", "Bytes read from the store."),
    ("seconds", "counter", "sync_pull_seconds", "Seconds spent pulling."),
)
_QUEUES = (
    ("done", "counter", "sync_records_mapped", "Records promoted into core."),
    ("failed", "gauge", "sync_queue_failed", "Queue lines that failed and were not retried."),
    ("waiting", "gauge", "sync_queue_depth", "Queue lines that are waiting."),
    ("processing", "gauge", "sync_queue_processing", "Queue lines that are being processed."),
    ("action_required", "gauge", "sync_queue_action_required", "Queue lines that need a person."),
    ("requests", "gauge", "sync_requests_waiting", "Requests without a run."),
    ("decisions", "gauge", "sync_decisions_waiting", "Open gates."),
)


class _Shared(Collector):
    """The figures from the database as metrics."""

    def __init__(self, figures: Figures) -> None:
        self.figures = figures

    def collect(self) -> Iterable[Metric]:
        """One metric family for each figure."""
        for field, kind, name, text in _CONNECTION:
            family = _family(kind, name, text, ["org", "connection", "provider"])
            for one in self.figures.connections:
                family.add_metric([one.org, one.connection, one.provider], float(getattr(one, field)))
            yield family
        healthy = GaugeMetricFamily(
            "sync_connection_failing", "1 if the last test of the connection failed.", labels=["org", "connection"]
        )
        for one in self.figures.connections:
            healthy.add_metric([one.org, one.connection], float(one.health == "failing"))
        yield healthy
        for field, kind, name, text in _QUEUES:
            family = _family(kind, name, text, ["org"])
            for queue in self.figures.queues:
                family.add_metric([queue.org], float(getattr(queue, field)))
            yield family


def _family(kind: str, name: str, text: str, labels: list[str]) -> CounterMetricFamily | GaugeMetricFamily:
    return (CounterMetricFamily if kind == "counter" else GaugeMetricFamily)(name, text, labels=labels)


def exposition(figures: Figures | None) -> bytes:
    """The metrics in Prometheus's text format; only this process's if `figures` is None."""
    text = bytes(generate_latest(REGISTRY))
    if figures is None:
        return text
    shared = CollectorRegistry()
    shared.register(_Shared(figures))
    return text + bytes(generate_latest(shared))
