"""select: include or ignore records: one, many, or all that match."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import (
    CHOICES,
    DECISIONS,
    AnyConnection,
    Choice,
    Entities,
    Json,
    Org,
    Search,
    Status,
    Why,
)
from sync_pipeline.cli.output import cell, emit, note, say

if TYPE_CHECKING:
    from sync_pipeline.cli.context import Context
    from sync_pipeline.sources.base import Stream
    from sync_pipeline.steps.connect import Connection, Organization
    from sync_pipeline.steps.select import Selected

_TIMES = ["%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    app.command("select")(select)


def select(  # noqa: PLR0913 - the command's options
    org: Org,
    connection: AnyConnection = None,
    entity: Entities = None,
    include: Annotated[
        bool | None,
        typer.Option("--include/--ignore", help="Promote these records, or ignore them.", show_default=False),
    ] = None,
    undecide: Annotated[bool, typer.Option("--undecide", help="Take the decision about these records back.")] = False,
    ids: Annotated[
        list[str] | None,
        typer.Option("--ids", metavar="1,2", help="These records; can be repeated.", show_default=False),
    ] = None,
    status: Annotated[Status | None, typer.Option("--status", help="All records with this status.")] = None,
    search: Search = None,
    everything: Annotated[bool, typer.Option("--all", help="All that differ from core.")] = False,
    excluding: Annotated[
        list[str] | None,
        typer.Option("--except", metavar="1,2", help="All but these; can be repeated.", show_default=False),
    ] = None,
    choice: Annotated[Choice | None, typer.Option("--choice", help="All records about which this was chosen.")] = None,
    seen: Annotated[
        str | None,
        typer.Option(
            "--seen",
            metavar="FILE",
            help="JSON {id: version}, as the table showed them (-: stdin). What changed since is not decided.",
        ),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", metavar="T", formats=_TIMES, help="When the list was made: its as_of."),
    ] = None,
    expected: Annotated[
        int | None, typer.Option("--expected", metavar="N", help="Decide nothing if the list does not have N records.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Decide also what somebody else has decided since.")
    ] = False,
    why: Why = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Promote nothing until someone makes and applies a plan.")
    ] = False,
    as_json: Json = False,
) -> None:  # long: an option is a line or more
    """Include or ignore records in the version that was seen (--seen, --as-of), or in the captured one.

    Without --connection or --entity: of all that there are."""
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps import select as step

    if (include is None) != undecide:
        raise ConfigurationError("Choose one of --include, --ignore, --undecide.")
    listed = _ids(ids)
    if listed and everything:
        raise ConfigurationError("--ids and --all contradict each other. Choose one.")
    if ids and not listed:
        raise ConfigurationError("--ids is empty. Give ids separated by commas: --ids 12,15.")
    if not (everything or listed or status or choice or search or seen):
        raise ConfigurationError("Say which records: --ids, --status, --choice, --search, --seen or --all.")
    with opened() as context:
        tenant = context.org(org)
        of_one = connection is not None and len(entity or ()) == 1
        if not of_one and (listed or seen is not None or as_of is not None or expected is not None or excluding):
            raise ConfigurationError(
                "--ids, --seen, --as-of, --expected and --except are of one list: name its --connection and --entity."
            )
        which: step.Which = {
            "ids": listed if ids else None,
            "status": status,
            "selection": DECISIONS[choice] if choice else None,
            "search": search,
            "everything": everything,
            "seen": _seen(seen) if seen is not None else None,
            "as_of": as_of.replace(tzinfo=as_of.tzinfo or UTC) if as_of is not None else None,
            "expected": expected,
            "replace": replace,
            "excluding": _ids(excluding),
        }
        chosen = [(one, stream) for one, streams in context.streams(tenant, connection, entity) for stream in streams]
        if not of_one:
            filled = _with_records(context, tenant)
            chosen = [(one, stream) for one, stream in chosen if (one.name, stream.name) in filled]
        made: list[tuple[Connection, Stream, Selected]] = []
        for one, stream in chosen:
            here = (context.db, one, stream)
            if include is None:
                done = step.undecide(*here, actor=context.party, why=why, **which)
            else:
                done = step.select(*here, include=include, actor=context.party, why=why, draft=draft, **which)
            made.append((one, stream, done))
            if not as_json and (of_one or done.records or done.moved or done.replaced_by_others):
                _tell(stream.name if of_one else f"{one.name} {stream.name}", done, include=include, draft=draft)
        those = [one for one, _, done in made if done.records]
        promotes = bool(include) and not draft and all(step.promotes_by_itself(context.db, one) for one in those)
    if as_json:
        decision = "undecided" if include is None else "include" if include else "ignore"
        told = [
            {"connection": one.name, "entity": stream.name, "decision": decision, "records": done.records,
             "batch": done.batch_id, "draft": draft, "moved": done.moved, "replaced_by_others": done.replaced_by_others}
            for one, stream, done in made
        ]  # fmt: skip
        emit({"org": org, **(told[0] if of_one else {"selected": told})})
    else:
        _next(org, sum(done.records for _, _, done in made), include=include, promotes=promotes, of_one=of_one)
    if any(done.moved or done.replaced_by_others for _, _, done in made):
        raise typer.Exit(1)


def _with_records(context: Context, tenant: Organization) -> set[tuple[str, str]]:
    """The lists that hold anything: connection and entity."""
    from sync_pipeline.steps import observe

    found = observe.status(context.db, tenant)
    return {(one.name, e.entity) for one in found for e in one.entities if e.captured or e.deleted}


def _tell(entity: str, done: Selected, *, include: bool | None, draft: bool) -> None:
    did = "undecided again" if include is None else "included" if include else "ignored"
    records = f"{done.records:,} record{'' if done.records == 1 else 's'} of {entity}"
    say(f"{records} {'is' if done.records == 1 else 'are'} {did}{' as a draft' if draft else ''}.")
    for rule in done.rules_replaced:
        before = f"{rule.records:,} of them {'was' if rule.records == 1 else 'were'} {CHOICES[rule.decision]}"
        note(f"{before} by rule {rule.rule_id}. A person's decision counts more than a rule's.")
    if done.moved:
        note(f"{done.moved_count:,} changed since they were seen, and were not decided. Read the table again.")
        for moved in done.moved[:20]:
            note(f"  {moved['external_id']}")
    if done.replaced_by_others:
        note(f"{done.replaced_by_others_count:,} were decided by others, and were left. --replace decides them too.")
        for kept in done.replaced_by_others[:20]:
            note(f"  {kept['external_id']}: {CHOICES[kept['decision']]}, by {kept['who']} at {cell(kept['when'])}")


def _next(org: str, records: int, *, include: bool | None, promotes: bool, of_one: bool) -> None:
    if not records and not of_one:
        say("No record matches.")
    if not include or not records:
        return
    if promotes:
        say("While `sync-pipeline up` is running, they are promoted within seconds. Otherwise:")
    say(f"Next: sync-pipeline plan {org}")


def _seen(file: str) -> dict[str, str]:
    """The versions in the file, or on stdin.

    Raises:
        ConfigurationError: it is not a JSON object of texts.
    """
    from sync_pipeline.errors import ConfigurationError

    try:
        with sys.stdin if file == "-" else open(file, encoding="utf-8") as text:
            seen = json.load(text)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"--seen: {file} cannot be read as JSON: {error}.") from error
    if not isinstance(seen, dict) or not all(isinstance(version, str) for version in seen.values()):
        raise ConfigurationError('--seen: give an object of ids and versions: {"101": "9f86…"}.')
    return seen


def _ids(texts: list[str] | None) -> list[str]:
    """The ids of an option that may be repeated, separated by commas."""
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]
