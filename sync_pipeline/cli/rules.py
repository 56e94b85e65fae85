"""rule: add, list and end standing rules, which also decide about future records."""

from typing import Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, OneConnection, OneEntity, Org, RuleKind, Why
from sync_pipeline.cli.output import answer, emit, note, say, show

commands = typer.Typer(no_args_is_help=True, help="Manage standing rules, which also decide about future records.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="rule")


@commands.command("add")
def add(  # noqa: PLR0913 - the command's options
    org: Org,
    connection: OneConnection,
    entity: OneEntity,
    kind: Annotated[RuleKind, typer.Option("--kind", help="What it decides about.")],
    field: Annotated[str | None, typer.Option("--field", metavar="F", help="ignore_where: the field.")] = None,
    value: Annotated[
        str | None, typer.Option("--value", metavar="V", help="ignore_where: its value, as JSON or plain text.")
    ] = None,
    why: Why = None,
    as_json: Json = False,
) -> None:
    """Add a rule. It applies from the next preview on."""
    from sync_pipeline.steps import select as step

    with opened() as context:
        one = context.connection(context.org(org), connection)
        stream = one.source.stream(entity)
        rule: dict[str, Any] = {"kind": kind, "field": field, "value": step.rule_value(value)}
        would = step.count_rule(context.db, one, stream, **rule)
        rule_id = step.add_rule(context.db, one, stream, **rule, actor=context.actor, why=why)
        doubt = step.doubt_field(context.db, one, stream, field) if field is not None and not would else None
    made = {"rule": rule_id, "org": org, "connection": one.name, "entity": stream.name, "kind": kind}
    said = f"Rule {rule_id}: {kind} for {stream.name} of {one.name}. It applies from the next pull or preview on."
    counted = f"It would decide {would:,} undecided record{'' if would == 1 else 's'} now."
    answer(as_json, made, said, counted)
    if doubt:
        note(f"{doubt} The rule decides nothing until one has. To end it: sync-pipeline rule drop {org} {rule_id}")


@commands.command("list")
def list_all(org: Org, as_json: Json = False) -> None:
    """List the active rules."""
    from sync_pipeline.steps import connect
    from sync_pipeline.steps import select as step

    with opened() as context:
        tenant = context.org(org)
        found = step.list_rules(context.db, tenant)
        known = {c.connection_id: c for c in connect.connections(context.db, tenant)}
    rows: list[dict[str, Any]] = []
    for rule in found:
        one = known.get(rule.connection_id)
        rows.append(
            {
                "rule": rule.rule_id,
                "connection": one.name if one else None,
                "entity": one.source.stream(rule.entity_type).name if one else rule.entity_type,
                "kind": rule.kind,
                "field": rule.field,
                "value": rule.value,
                "by": rule.created_by,
                "at": rule.created_at,
                "why": rule.why,
            }
        )
    if as_json:
        emit({"org": org, "rules": rows})
    elif rows:
        show(list(rows[0]), [list(row.values()) for row in rows])
    else:
        say(f"{org} has no rules, so every change waits for a decision.")


@commands.command("drop")
def drop(
    org: Org, rule_id: Annotated[int, typer.Argument(metavar="RULE", help="The rule's id.")], as_json: Json = False
) -> None:
    """End a rule. Its decisions stay in effect."""
    from sync_pipeline.steps import select as step

    with opened() as context:
        step.drop_rule(context.db, context.org(org), rule_id, actor=context.actor)
    said = f"Rule {rule_id} has ended. Its decisions stay in effect."
    answer(as_json, {"org": org, "rule": rule_id, "dropped": True}, said)
