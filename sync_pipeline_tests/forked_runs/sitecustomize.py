"""Dagster's runs in processes that start at once: each is forked from one that has imported the code location.

Python runs this file at its start where the folder is in PYTHONPATH. Dagster starts an interpreter for each run, which
takes seconds of processor time to import everything again, and the documents' examples make over a dozen runs. What a
run does, and in a process of its own, is as it is in service; `test_dagster_served` starts them as service does.
"""

import multiprocessing
from multiprocessing.context import BaseContext

_PRELOADED = ["dagster._grpc.impl", "dagster_postgres", "sync_pipeline.definitions"]
_as_service_does = multiprocessing.get_context


def _get_context(method: str | None = None) -> BaseContext:
    if method != "spawn":
        return _as_service_does(method)
    context = _as_service_does("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


multiprocessing.get_context = _get_context  # type: ignore[assignment]
