"""The Dagster UI beside the service: where a run is shown, and how it is ended. Only where its address is set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from sync_pipeline.config import Settings
from sync_pipeline.errors import Conflict

_SECONDS = 15.0
_TERMINATE = """mutation ($run: String!) { terminateRun(runId: $run) {
  __typename ... on TerminateRunFailure { message run { status } } ... on PythonError { message } } }"""
_NOT_YET = frozenset({"NOT_STARTED", "QUEUED", "STARTING", "STARTED", "CANCELING"})  # its process may be on its way


@dataclass(frozen=True, slots=True)
class DagsterUi:
    """`url` is what browsers are shown, SYNC_DAGSTER_URL: without it runs have no link. `internal` is what this service
    calls: behind a proxy with a login, or in containers, that is another address. Without either no run is cancelled.
    """

    url: str | None
    internal: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> DagsterUi:
        """The addresses that are set."""
        return cls(settings.dagster_url, settings.dagster_internal_url)

    def run(self, run_id: str | None) -> str | None:
        """The page of a run."""
        if not self.url or not run_id or not self.url.startswith(("http://", "https://")):
            return None
        return f"{self.url.rstrip('/')}/runs/{quote(run_id, safe='')}"

    def cancel(self, run_id: str) -> None:
        """Ask Dagster to end a run. It ends at the next page; what was committed stays.

        Raises:
            Conflict: Dagster does not answer, is not known, or cannot end this run, or not yet.
        """
        address = self.internal or self.url
        if not address:
            raise Conflict(
                "It runs already, and this service does not know where Dagster is (SYNC_DAGSTER_URL). Cancel run "
                f"{run_id} in the Dagster UI. What was read stays, and the next refresh goes on there."
            )
        try:
            answer = httpx.post(
                f"{address.rstrip('/')}/graphql",
                json={"query": _TERMINATE, "variables": {"run": run_id}},
                timeout=_SECONDS,
            )
            said: dict[str, Any] = answer.raise_for_status().json()["data"]["terminateRun"]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise Conflict(f"Dagster did not cancel it: {type(error).__name__}. Try again in a moment.") from error
        if (said.get("run") or {}).get("status") in _NOT_YET:
            raise Conflict(
                "Dagster did not cancel it: the run is just beginning or ending, or a command line executes it, where "
                "Ctrl-C stops it. Try again in a moment."
            )
        if said["__typename"] != "TerminateRunSuccess":
            raise Conflict(
                "Dagster cannot cancel this run: it has ended, or a command line executes it, where Ctrl-C stops it."
            )
