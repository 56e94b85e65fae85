"""decisions: gates that wait for a person."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit, row, say

if TYPE_CHECKING:
    from sync_pipeline.steps.observe import Decision

commands = typer.Typer(no_args_is_help=True, help="Gates that wait for a person's answer.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="decisions")


@commands.command("list")
def list_all(
    org: Annotated[str | None, typer.Argument(metavar="[ORG]", help="Only this organization's.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="The answered ones too (of one organization).")] = False,
    as_json: Json = False,
) -> None:
    """What waits for an answer: the question, the options, the safest."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import observe

    if everything and org is None:
        raise ConfigurationError("--all needs an organization: sync-pipeline decisions list ORG --all")
    with opened() as context:
        found = (
            observe.decisions(context.db, context.org(org), everything=everything)
            if org
            else observe.all_open_decisions(context.db)
        )
    if as_json:
        emit({"decisions": [_decision(d) for d in found]})
        return
    if not found:
        say("Nothing waits for a decision.")
    for d in found:
        where = " / ".join(part for part in (d.org, d.connection, d.entity_type) if part)
        say(f"{d.decision_id}  {where}  ({d.cause}, since {d.opened_at:%Y-%m-%d %H:%M} UTC)")
        say(f"   {d.question}")
        if d.answer is not None:
            say(f"   answered: {d.answer} by {d.answered_by}{f', because {d.why}' if d.why else ''}")
            continue
        for option in d.options:
            safest = " (safest)" if option["choice"] == d.recommended else ""
            say(f"   --choose {option['choice']}{safest}: {option['effect']} Risk: {option['risk']}")
        say(f"   Next: sync-pipeline decisions answer {d.decision_id} --choose {d.recommended} --why W")


@commands.command("answer")
def answer(
    decision_id: Annotated[int, typer.Argument(metavar="ID")],
    choose: Annotated[str, typer.Option("--choose", metavar="X", help="One of the options.")],
    why: Annotated[str, typer.Option("--why", metavar="W", help="The reason, for the record.")],
    as_json: Json = False,
) -> None:
    """Answer a gate. What it stopped goes on by itself."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.errors import NotFound
    from sync_pipeline.steps import observe

    with opened() as context:
        waiting = {d.decision_id: d.org for d in observe.all_open_decisions(context.db)}
        if decision_id not in waiting:
            raise NotFound(
                f"No open decision has the number {decision_id}. `sync-pipeline decisions list` shows those that wait."
            )
        done = observe.answer(
            context.db, context.org(waiting[decision_id]), decision_id, choose, actor=context.actor, why=why
        )
    if as_json:
        emit(_decision(done))
    else:
        say(f"Decision {decision_id}: {choose}. Where Dagster runs, the work goes on by itself within a minute.")
        say(f"Without it: {_next(done)}")


@commands.command("resume")
def resume(
    org: Annotated[str, typer.Argument(metavar="ORG")],
    decision_id: Annotated[int, typer.Argument(metavar="ID")],
    as_json: Json = False,
) -> None:
    """Resume what an answered gate stopped, without waiting for Dagster."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import observe, promote

    with opened() as context:
        tenant = context.org(org)
        promote.resume(context.db, tenant, decision_id, actor=context.actor)
        done = observe.decisions(context.db, tenant, everything=True, decision_id=decision_id)[0]
    if as_json:
        emit(_decision(done))
    else:
        say(f"Decision {decision_id}: {done.outcome}.")


def _next(d: "Decision") -> str:
    from sync_pipeline import gates  # late: it loads the database code, which no other command needs at start

    resume = gates.resumed_by(d.cause, d.answer)
    if resume == "pull":
        return f"sync-pipeline pull {d.org} --connection {d.connection}"
    if resume == "migrate":
        return "sync-pipeline db migrate"
    if resume is None:
        return "it stays as it is until its cause ends."
    return f"sync-pipeline decisions resume {d.org} {d.decision_id}"


def _decision(d: "Decision") -> dict[str, Any]:
    return {"id": d.decision_id, **row(d, without=("decision_id", "blocks"))}
