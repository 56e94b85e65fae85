"""queue: plans at work: how far they are, and their lines; retry, cancel or close them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org, Page, PageSize
from sync_pipeline.cli.output import answer, emit, note, row, say, show
from sync_pipeline.cli.plan import PlanId, applied

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.steps.connect import Organization
    from sync_pipeline.steps.promote import QueueStatus

commands = typer.Typer(no_args_is_help=True, help="Queues, the plans at work: show, retry, cancel or close them.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="queue")


@commands.command("list")
def list_all(org: Org, page: Page = 1, page_size: PageSize = 50, as_json: Json = False) -> None:
    """List the queues of the newest plans: how far each is, and what failed."""
    from sync_pipeline.steps import promote, select

    with opened() as context:
        tenant = context.org(org)
        plans, _ = select.plans(context.db, tenant, page=page, page_size=page_size)
        queues = [str(plan.queue) for plan in plans if plan.queue is not None]
        known = {str(one.queue_id): one for one in promote.statuses(context.db, tenant.org_id, queues)}
    found = [known[queue] for queue in queues if queue in known]
    if as_json:
        emit({"org": org, "queues": [row(one) for one in found], "page": page})
        return
    if not found:
        say(f"No plan was applied yet. Next: sync-pipeline plan {org}")
        return
    show(
        ["plan", "state", "done", "failed", "cancelled", "open", "finished"],
        [
            (str(q.plan_id), _state(q), q.done, q.failed, q.cancelled, q.open, q.finished_at)
            for q in found
        ],
        zeros=("failed", "cancelled", "open"),
    )  # fmt: skip
    say(f"Next: sync-pipeline queue show {org} PLAN")


@commands.command("show")
def show_one(
    org: Org,
    plan: PlanId,
    state: Annotated[
        Literal["draft", "processing", "done", "failed", "cancelled"] | None,
        typer.Option("--state", help="Only lines in this state."),
    ] = None,
    after: Annotated[int, typer.Option("--after", metavar="N", help="Lines after this one.")] = 0,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="So many lines.")] = 50,
    as_json: Json = False,
) -> None:
    """Show the queue of a plan, line by line, with the reason of each that failed."""
    from sync_pipeline.steps import connect, promote

    with opened() as context:
        tenant = context.org(org)
        queue = _queue(context, tenant, plan)
        lines = promote.lines(context.db, tenant.org_id, queue.queue_id, state=state, after=after, limit=limit)
        stores = connect.connections(context.db, tenant)
        entities = {(one.name, s.entity_type): s.name for one in stores for s in one.source.streams.values()}
    if as_json:
        emit({**row(queue), "lines": [row(one) for one in lines]})
        return
    _say(queue)
    if lines:
        show(
            ["line", "connection", "entity", "id", "action", "state", "attempts", "reason", "warnings"],
            [
                (n.line_no, n.connection, entities.get((n.connection, n.entity_type), n.entity_type), n.external_id,
                 n.action, n.state, n.attempts if n.attempts > 1 else None, n.reason, "; ".join(n.warnings))
                for n in lines
            ],
        )  # fmt: skip
        if len(lines) == limit:
            say(f"There may be more: --after {lines[-1].line_no}")
    if queue.failed and queue.undone_at is None:
        say(f"Next: sync-pipeline queue retry {org} {queue.plan_id}")


@commands.command("retry")
def retry(org: Org, plan: PlanId, as_json: Json = False) -> None:
    """Reopen the lines that failed, and process them."""
    from sync_pipeline.errors import Conflict
    from sync_pipeline.steps import promote

    with opened() as context:
        tenant = context.org(org)
        queue = _queue(context, tenant, plan)
        if not queue.failed and not queue.open and queue.undone_at is None:
            raise Conflict("Nothing in this queue failed: there is nothing to try again.")
        promote.retry(context.db, tenant.org_id, queue.queue_id, actor=context.actor)
        applied(context, tenant, str(queue.plan_id), as_json)


@commands.command("cancel")
def cancel(org: Org, plan: PlanId, as_json: Json = False) -> None:
    """Close the lines that are not done. A batch that is being written finishes, or is left out whole."""
    from sync_pipeline.steps import promote

    with opened() as context:
        tenant = context.org(org)
        before = _queue(context, tenant, plan)
        done = promote.cancel(context.db, tenant.org_id, before.queue_id, actor=context.actor)
    closed = done.cancelled - before.cancelled
    said = f"{closed:,} lines were cancelled." if closed else "No line was open: nothing was cancelled."
    answer(as_json, row(done), f"{said} {_words(done)}")


@commands.command("force-done")
def force_done(org: Org, plan: PlanId, as_json: Json = False) -> None:
    """Close the queue as done, whatever its lines say: open ones are cancelled, failed ones keep their reason."""
    from sync_pipeline.steps import promote

    with opened() as context:
        tenant = context.org(org)
        found = _queue(context, tenant, plan)
        done = promote.force_done(context.db, tenant.org_id, found.queue_id, actor=context.actor)
    answer(as_json, row(done), f"The queue is closed as done. {_words(done)}")
    if done.failed and not as_json:
        note(f"{done.failed:,} lines had failed. To try them again: sync-pipeline queue retry {org} {done.plan_id}")


def _queue(context: "Context", tenant: "Organization", plan: str) -> "QueueStatus":
    """The queue of a plan; `plan` may be the queue's own id.

    Raises:
        NotFound: there is no such plan or queue.
        Conflict: the plan was never applied.
    """
    from sync_pipeline.errors import Conflict, NotFound
    from sync_pipeline.steps import promote, select

    try:
        found = select.plan(context.db, tenant, plan)
    except NotFound:
        return promote.status(context.db, tenant.org_id, plan)
    if found.queue is None:
        raise Conflict(
            f"Plan {found.plan_id} was never applied, so it has no queue. Next: sync-pipeline apply {tenant.slug} "
            f"{found.plan_id}"
        )
    return promote.status(context.db, tenant.org_id, found.queue)


def _state(queue: "QueueStatus") -> str:
    return "undone" if queue.undone_at is not None else queue.state


def _say(queue: "QueueStatus") -> None:
    say(f"Plan {queue.plan_id}, queue {queue.queue_id}")
    say(_words(queue))


def _words(queue: "QueueStatus") -> str:
    counts: list[tuple[str, Any]] = [
        ("done", queue.done), ("failed", queue.failed), ("cancelled", queue.cancelled), ("open", queue.open),
    ]  # fmt: skip
    said = ", ".join(f"{number:,} {word}" for word, number in counts if number or word == "done")
    left = f", {queue.eta_seconds:,.0f} s left" if queue.eta_seconds else ""
    return f"It is {_state(queue)}: {said} of {queue.total:,}{left}."
