"""record: one record in full: what would change, what was decided, its versions and what happened to it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import CHOICES, Json, OneConnection, OneEntity, Org
from sync_pipeline.cli.output import cell, emit, named, row, say, show
from sync_pipeline.cli.plans import say_changes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sync_pipeline.steps.preview import RecordDetail
    from sync_pipeline.steps.trace import RecordEvent


def register(app: typer.Typer) -> None:
    app.command("record")(record)


def record(
    org: Org,
    connection: OneConnection,
    entity: OneEntity,
    external_id: Annotated[str, typer.Argument(metavar="ID", help="The record's id in the store.")],
    versions: Annotated[
        str | None,
        typer.Option("--versions", metavar="A..B", help="What changed from version A to B; A alone: to the newest."),
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Print the captured payload, and nothing else.")] = False,
    as_json: Json = False,
) -> None:
    """Show a record: its fields before and after, the choice about it, its versions and its history."""
    from sync_pipeline.steps import preview, trace

    with opened() as context:
        one = context.connection(context.org(org), connection)
        stream = one.source.stream(entity)
        here = (context.db, one, stream, external_id)
        if raw:
            say(preview.version_text(*here))
            return
        found = preview.record(*here)
        events = trace.record_events(*here)
        span = _span(versions, found) if versions else None
        between = preview.version_changes(*here, *span) if span else None
    if as_json:
        shown = {**row(found), "changes": _told(found.changes), "history": [row(event) for event in events]}
        if span:
            shown["between"] = {"from": span[0], "to": span[1], "changes": _told(between or {})}
        emit(shown)
        return
    if span and between is not None:
        say(f"Version {span[0]} → {span[1]}, {len(between):,} fields:")
        say_changes(_listed(between))
        return
    _print(f"{connection} {entity} {found.external_id}", found, events)
    if found.status != "in_sync" and found.decision is None:
        where = f"--connection {connection} --entity {entity} --ids {found.external_id}"
        say(f"Next: sync-pipeline select {org} {where} --include (or --ignore)")


def _span(text: str, found: "RecordDetail") -> tuple[int, int]:
    """The two versions that A..B names.

    Raises:
        ConfigurationError: they are not numbers of versions.
    """
    from sync_pipeline.errors import ConfigurationError

    first, _, last = text.partition("..")
    numbers = sorted(int(one["version_no"]) for one in found.versions)
    try:
        earlier, later = int(first), int(last) if last else numbers[-1]
    except ValueError:
        raise ConfigurationError(f"“{text}” is not A..B, the numbers of two versions.") from None
    if not {earlier, later} <= set(numbers):
        kept = f"{numbers[0]} to {numbers[-1]}" if numbers else "none"
        raise ConfigurationError(f"There is no such version of {found.external_id}. There are: {kept}.")
    return earlier, later


def _told(changes: "Mapping[str, Mapping[str, Any]]") -> dict[str, Any]:
    from sync_pipeline.steps.preview.paths import told

    return {field: told(field, sides) for field, sides in changes.items()}


def _listed(changes: "Mapping[str, Mapping[str, Any]]") -> list[dict[str, Any]]:
    return [{"field": field, **sides} for field, sides in sorted(changes.items())]


def _print(what: str, found: "RecordDetail", events: "Sequence[RecordEvent]") -> None:
    display = {name: named(str(value)) for name, value in found.display.items()}
    others = ", ".join(f"{name} {value}" for name, value in display.items() if name != "name")
    said = " ".join(part for part in (display.get("name"), f"({others})" if others else None) if part)
    say(f"{what}  {said}")
    say(f"  status    {found.status}")
    if found.deleted:
        when = f", {cell(found.deleted['at'])}" if found.deleted["at"] else ""
        say(f"            the store deleted it{when}{'; its deletion is in core' if found.deleted['in_core'] else ''}")
    if found.decision:
        made, why = found.decision, f" (“{found.decision['why']}”)" if found.decision["why"] else ""
        did = next((one.event for one in events if one.at == made["at"] and one.actor == made["by"]), None)
        say(f"  choice    {did or CHOICES[made['decision']]} by {made['by']} at {cell(made['at'])}{why}")
    elif found.status != "in_sync":
        say("  choice    undecided")
    if found.withdrawn:
        gone, why = found.withdrawn, f" (“{found.withdrawn['why']}”)" if found.withdrawn["why"] else ""
        say(f"            it was included by a plan that was {gone['cause']} by {gone['by']}{why}")
    if found.mapping:
        say(f"  in core   {found.mapping['table']} {found.mapping['id']}, {cell(found.mapping['promoted_at'])}")
    if found.changes:
        say("What would change:")
        say_changes(_listed(found.changes))
    for warning in found.warnings:
        say(f"    ! {warning.get('message', warning.get('code'))}")
    show(
        ["when (UTC)", "what happened", "who", "detail", "plan"],
        [(e.at, e.event, e.actor, e.detail, str(e.plan) if e.plan else None) for e in events],
    )
    if len(found.versions) > 1:
        newest = max(int(one["version_no"]) for one in found.versions)
        say(f"{len(found.versions):,} versions. What changed between two: --versions {newest - 1}..{newest}")
