"""Metrics of this process. What all processes share is computed from the database when it is asked for (`health`)."""

from prometheus_client import CollectorRegistry, Histogram

REGISTRY = CollectorRegistry()
CALLS = Histogram(
    "sync_api_call_seconds",
    "Seconds a call took, by its declared address.",
    ["method", "route", "status"],
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
