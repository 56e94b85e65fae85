"""The owner's server, over standard input and output alone: one tool, which proposes a migration of the deployment.

Whoever starts it holds the owner's address of the database, so it takes no token; no token of an organization opens it.
The model that calls it approves and applies nothing.
"""

from __future__ import annotations

import logging
import re
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from sync_pipeline.api.logs import configure
from sync_pipeline.config import Settings
from sync_pipeline.db.losses import place_of
from sync_pipeline.db.open import owner_url
from sync_pipeline.db.proposed.report import TrialReport
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.errors import explain, refused
from sync_pipeline.mcp.text import LONG, own_words, quoted, shown
from sync_pipeline.mcp.tool import Arguments, Tool, Why
from sync_pipeline.steps.approve import migrations
from sync_pipeline.steps.approve.proposed_migration import ProposedMigration
from sync_pipeline.steps.connect.party import Party

if TYPE_CHECKING:
    from mcp.server import Server

INSTRUCTIONS = (
    "Proposes migrations of this deployment's PostgreSQL schema. A proposal is tried on a branch as a login that may "
    "change the schema alone; a person reads it, approves its hash and applies it. Write schema-qualified names and no "
    "COMMIT. A script that changes rows takes row-level security off its table meanwhile (ALTER TABLE … NO FORCE ROW "
    "LEVEL SECURITY, and FORCE afterwards), or it sees none and changes none. What is blocked, do not try another way: "
    "say what it would have needed."
)
_LEFT_OUT = "Left out: where there are rows, it may tell their values. `sync-pipeline migration show ID` has it."
_NUMBERS = re.compile(r" \((?:the \w+ is dropped; )?\d[^)]*\)")  # after the place of a loss
_NAMED = 40  # objects, locks and findings that an answer names
_SCRIPT = 60_000


class ProposeMigration(Arguments):
    """Two scripts."""

    up: Annotated[str, Field(min_length=1, max_length=_SCRIPT, description="SQL; one transaction, qualified names.")]
    down: Annotated[str, Field(min_length=1, max_length=_SCRIPT, description="SQL back to the same schema.")]
    why: Why
    wait: Annotated[int, Field(20, ge=0, le=25, description="Seconds to wait for the trial.")]


class MigrationDesk:
    """Proposals of one program: each is tried in the background, one after the other."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings, self._user = settings, user
        self._trials = ThreadPoolExecutor(1, "trial")
        self._running: dict[int, Future[ProposedMigration]] = {}

    def propose_migration(self, given: ProposeMigration, client: str | None) -> ToolAnswer:
        """Propose a change of the database's schema, for the owner. It is tried on a branch: the answer is the report,
        or `trying`; the same call again waits on. A person approves and applies it, or nobody does."""
        url = owner_url(self._settings)
        by = Party(f"agent of {self._user}", "mcp", client=client)
        made = migrations.propose_migration(url, given.up, given.down, why=given.why, by=by)
        trial = self._running.get(made.migration_id)
        if trial is None and made.state not in ("refused", "applied") and not _is_tried(made):
            trial = self._running[made.migration_id] = self._trials.submit(
                migrations.try_proposed, url, made.migration_id, by=by
            )
        if trial is not None:
            try:
                made = trial.result(timeout=given.wait)
            except TimeoutError:
                if not trial.done():
                    head = {"migration": made.migration_id, "hash": made.hash, "state": "trying"}
                    return ToolAnswer({**head, "next": "Call it again with the same scripts."})
                raise
            finally:
                if trial.done():
                    self._running.pop(made.migration_id, None)
        return ToolAnswer(told(made), ids=[made.migration_id])

    def called(self, call: Any, given: ProposeMigration) -> ToolAnswer:
        """The same as a tool is called: `call` is what the program calls itself, as there is no token."""
        return self.propose_migration(given, call)

    def close(self) -> None:
        """End it; a trial that runs is waited for, so that its branches are dropped."""
        self._trials.shutdown(cancel_futures=True)


def told(found: ProposedMigration) -> dict[str, Any]:
    """A proposal as its agent reads it: what PostgreSQL said where there are rows is left to the person."""
    head: dict[str, Any] = {
        "migration": found.migration_id,
        "hash": found.hash,
        "state": found.state,
        **quoted(refused_by=found.refused_by, refused_because=found.refused_why),
    }
    if found.state in ("waiting", "approved"):
        head["next"] = (
            f"A person reads it (sync-pipeline migration show {found.migration_id} --sql) and approves it: "
            f"sync-pipeline migration approve {found.migration_id} --hash {found.hash}"
        )
    return head if found.report is None else head | {"report": _report(found.report)}


def _report(report: TrialReport) -> dict[str, Any]:
    failure: dict[str, Any] | None = None
    if report.failure is not None:
        one = report.failure
        failure = {"branch": one.branch, "script": one.script, "statement": one.statement, "line": one.line}
        if one.branch == "empty":
            failure |= {"sqlstate": one.sqlstate, "message": shown(one.message, LONG)}
        else:
            failure["message"] = _LEFT_OUT
    # Numbers of what happened to rows, how many and for how long, could be made of the rows themselves: a script
    # inserts as many rows as a letter has, or sleeps as long. The person reads them.
    return {
        "branch": report.branch,
        "branch_why": report.branch_why,
        "revision": report.revision,
        "reasons": [own_words(_NUMBERS.sub("", one)) for one in report.reasons],
        "failure": failure,
        "losses": [place_of(one) for one in report.losses[:_NAMED]],
        "changed": sorted({f"{one.table}.{one.column}" for one in report.changed})[:_NAMED],
        "locks": [{"table": one.table, "mode": one.mode, "stops": one.stops} for one in report.locks[:_NAMED]],
        "schema": [
            ("+" if one.before is None else "-" if one.after is None else "~") + " " + shown(one.object)
            for one in report.schema[:_NAMED]
        ],
        "plans_without_index": [one.query for one in report.plans if not one.by_index],
        "squawk": [
            {"script": one.script, "line": one.line, "rule": one.rule, "message": one.message}
            for one in report.findings[:_NAMED]
        ],
        "rows_and_seconds": _LEFT_OUT,
    }


def _is_tried(found: ProposedMigration) -> bool:
    from sync_pipeline.db.migrate import head

    return found.report is not None and found.report.revision == head()


def tool(desk: MigrationDesk) -> Tool:
    """The one tool."""
    words = " ".join((MigrationDesk.propose_migration.__doc__ or "").split())
    return Tool("propose_migration", "propose", words, ProposeMigration, desk.called)


def serve_owner(settings: Settings, user: str) -> None:
    """Serve until the client closes the input."""
    import anyio

    from sync_pipeline.db.open import open_database

    open_database(settings).close()  # at the newest revision, or the error says what to do
    configure(logging.WARNING)  # on the error output: the other one is the client's
    desk = MigrationDesk(settings, user)
    try:
        anyio.run(_serve, desk)
    finally:
        desk.close()


async def _serve(desk: MigrationDesk) -> None:
    from mcp.server.stdio import stdio_server

    server = build(desk)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def build(desk: MigrationDesk) -> Server[Any]:
    """The server."""
    from importlib.metadata import version

    import anyio.to_thread
    from mcp.server import Server
    from mcp_types import CallToolResult, ListToolsResult, TextContent

    from sync_pipeline.mcp.server import client_name, definition

    one = tool(desk)

    async def list_tools(_ctx: Any, _params: Any) -> ListToolsResult:
        return ListToolsResult(tools=[definition(one)])

    async def call_tool(ctx: Any, params: Any) -> CallToolResult:
        try:
            if params.name != one.name:
                outcome, text = refused(f"There is no tool “{params.name}” here.")
            else:
                given = ProposeMigration.model_validate(params.arguments or {})
                answer = await anyio.to_thread.run_sync(desk.called, client_name(ctx), given)
                outcome, text = "ok", answer.text()
        except Exception as error:  # noqa: BLE001 - whatever it is, the answer is in words, without its inside
            outcome, text = explain(error)
        return CallToolResult(content=[TextContent(text=text)], is_error=outcome != "ok")

    return Server(
        "sync-pipeline-owner",
        version=version("sync-pipeline"),
        title="sync_pipeline, owner",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
