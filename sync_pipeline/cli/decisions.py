"""decisions: list and answer gates, which wait for a person."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org, Page, PageSize
from sync_pipeline.cli.output import answer, emit, row, say, show

if TYPE_CHECKING:
    from sync_pipeline.steps.observe import Decision

commands = typer.Typer(no_args_is_help=True, help="List and answer gates, which wait for a person's decision.")

DecisionId = Annotated[int, typer.Argument(metavar="ID", help="The decision's id.")]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="decisions")


@commands.command("list")
def list_all(
    org: Annotated[str | None, typer.Argument(metavar="ORG", help="Only this organization's.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the answered ones. Needs ORG.")] = False,
    as_json: Json = False,
) -> None:
    """List open decisions: the question, the options, and the safest of them."""
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
        say("No open decisions.")
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
def answer_gate(
    decision_id: DecisionId,
    choose: Annotated[str, typer.Option("--choose", metavar="X", help="One of the options.")],
    why: Annotated[str, typer.Option("--why", metavar="W", help="The reason, for the audit log.")],
    as_json: Json = False,
) -> None:
    """Answer a gate. The work it stopped resumes by itself."""
    from sync_pipeline.errors import NotFound
    from sync_pipeline.steps import observe

    with opened() as context:
        waiting = {d.decision_id: d.org for d in observe.all_open_decisions(context.db)}
        if decision_id not in waiting:
            raise NotFound(f"There is no open decision {decision_id}. List them: sync-pipeline decisions list")
        done = observe.answer(
            context.db, context.org(waiting[decision_id]), decision_id, choose, actor=context.actor, why=why
        )
    answer(as_json, _decision(done), f"Decision {decision_id}: {choose}. {_next(done)}")


@commands.command("resume")
def resume(org: Org, decision_id: DecisionId, as_json: Json = False) -> None:
    """Resume what an answered gate stopped, without waiting for Dagster."""
    from sync_pipeline.steps import observe, promote

    with opened() as context:
        tenant = context.org(org)
        promote.resume(context.db, tenant, decision_id, actor=context.actor)
        done = observe.decisions(context.db, tenant, everything=True, decision_id=decision_id)[0]
    answer(as_json, _decision(done), f"Decision {decision_id}: {done.outcome}.")


@commands.command("log")
def log(
    org: Annotated[
        str | None,
        typer.Argument(metavar="ORG", help="Without it: the migrations that were proposed for the database."),
    ] = None,
    kind: Annotated[
        Literal["gate", "schema", "settings", "policy", "signoff", "migration"] | None,
        typer.Option("--kind", help="Only decisions of this kind."),
    ] = None,
    page: Page = 1,
    page_size: PageSize = 50,
    as_json: Json = False,
) -> None:
    """List every decision, newest first: gates, schema, settings, policies, sign-offs, proposed migrations."""
    from sync_pipeline.db.open import owner_url
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import observe

    if org is None and kind not in (None, "migration"):
        raise ConfigurationError(f"--kind {kind} needs an organization: sync-pipeline decisions log ORG --kind {kind}")
    with opened() as context:
        found = (
            observe.deployment_log(owner_url(context.settings), page=page, page_size=page_size)
            if org is None
            else observe.decision_log(context.db, context.org(org), kind=kind, page=page, page_size=page_size)
        )
    if as_json:
        emit({"org": org, "decisions": [row(one) for one in found]})
    elif found:
        show(
            ["at", "kind", "number", "about", "question", "answer", "by", "why", "outcome"],
            [
                (d.opened_at, d.kind, d.number, d.subject, d.question[:120], d.answer, d.answered_by, d.why, d.outcome)
                for d in found
            ],
        )
    else:
        say(f"Nothing was decided in {org} yet." if org else "Nobody has proposed a migration.")


def _next(d: "Decision") -> str:
    from sync_pipeline import gates  # imported late: it loads database code, which other commands do not need to start

    resume = gates.resumed_by(d.cause, d.answer)
    if resume is None:
        return "The work stays stopped until the cause is gone."
    if resume == "migrate":
        return "Next: sync-pipeline db migrate"
    pull = f"pull {d.org} --connection {d.connection}"
    command = pull if resume == "pull" else f"decisions resume {d.org} {d.decision_id}"
    return f"If Dagster is running, the work resumes within a minute. If not: sync-pipeline {command}"


def _decision(d: "Decision") -> dict[str, Any]:
    return {"id": d.decision_id, **row(d, without=("decision_id", "blocks"))}
