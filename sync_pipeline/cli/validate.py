"""validate, signoff, uat: every check as a matrix with evidence, a person's word on it, and acceptance scripts."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org
from sync_pipeline.cli.output import answer, emit, note, row, say, show

if TYPE_CHECKING:
    from sync_pipeline.steps.observe.validation import Signoff

_SHOWN = 30


def register(app: typer.Typer) -> None:
    app.command("validate")(validate)
    app.command("signoff")(signoff)
    app.command("uat")(uat)


def validate(
    org: Org,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Also write the matrix and its evidence to this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run every check at every place and keep the matrix. Exits 1 if a row failed or was not run.

    Rows that wait for a person are shown, and are no failure.
    """
    from sync_pipeline.errors import ConfigurationError
    from sync_pipeline.steps.observe import validation as step

    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigurationError(f"{out} is not an empty folder. Choose another one for the export.")
    with opened() as context:
        tenant = context.org(org)
        kept, matrix, files = step.validate(context.db, context.settings, tenant, by=context.party)
        if out is not None:
            files.write(out)
    if as_json:
        emit({**row(kept), "rows": [row(one) for one in matrix.rows]})
    else:
        found = [one for one in step.red_first(matrix.rows) if one.open]
        counted = ", ".join(f"{count:,} {verdict.replace('_', ' ')}" for verdict, count in kept.counts.items() if count)
        say(f"Validation {kept.validation_id} of {org}: {counted}. {kept.seconds:,.1f} s.")
        if found:
            columns = ["verdict", "row", "expected", "found", "ids"]
            show(
                columns,
                [(one.verdict, one.row, one.expected, one.found, "; ".join(one.ids[:3])) for one in found[:_SHOWN]],
            )
            for words in dict.fromkeys(one.words for one in found[:_SHOWN]):
                note(words)
        if len(found) > _SHOWN:
            note(f"… and {len(found) - _SHOWN:,} more such rows; --json and --out have all of them.")
        say(f"The manifest's hash: {kept.hash}")
        if out is not None:
            say(f"The matrix and its evidence are in {out}.")
        if kept.ok:
            accepted = "".join(f" --accept {shlex.quote(one.row)} --why W" for one in found[:_SHOWN])
            say(f"Next: sync-pipeline signoff {org} --matrix {kept.hash} --milestone M --note N{accepted}")
    if not kept.ok:
        raise typer.Exit(1)


def signoff(
    org: Org,
    matrix: Annotated[
        str | None, typer.Option("--matrix", metavar="HASH", help="The manifest's hash, as you read it.")
    ] = None,
    milestone: Annotated[
        str | None, typer.Option("--milestone", metavar="M", help="What it is good enough for.")
    ] = None,
    words: Annotated[str | None, typer.Option("--note", metavar="N", help="What you looked at.")] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept", metavar="ROW", help="A row that is red or waits; each has its --why. Can be repeated."
        ),
    ] = None,
    why: Annotated[list[str] | None, typer.Option("--why", metavar="W", help="Why that row is accepted.")] = None,
    as_json: Json = False,
) -> None:
    """Sign the newest matrix off, as a person. Without --matrix: list the sign-offs."""
    from sync_pipeline.steps.observe import validation as step

    rows, reasons = accept or [], why or []
    if len(rows) != len(reasons):
        raise typer.BadParameter("Every --accept ROW needs a --why of its own, in the same order.")
    if len(set(rows)) < len(rows):
        raise typer.BadParameter("A row is accepted twice.")
    with opened() as context:
        tenant = context.org(org)
        if matrix is None:
            if milestone or words or rows:
                raise typer.BadParameter("--matrix says which matrix is signed: the hash that validate printed.")
            found, _ = step.signoffs(context.db, tenant)
            _list(org, found, as_json=as_json)
            return
        if not milestone or not words:
            raise typer.BadParameter("A sign-off needs --milestone and --note.")
        made = step.sign_off(
            context.db,
            tenant,
            matrix,
            milestone=milestone,
            note=words,
            accept=dict(zip(rows, reasons, strict=True)),
            by=context.party,
        )
    rows_too = f", {len(made.accepted):,} rows accepted" if made.accepted else ""
    answer(
        as_json,
        row(made),
        f"Sign-off {made.signoff_id}: {made.signed_by} signed validation {made.validation_id} for {made.milestone}"
        f"{rows_too}.",
    )


def _list(org: str, found: Any, *, as_json: bool) -> None:
    signed: list[Signoff] = list(found)
    if as_json:
        emit({"org": org, "signoffs": [row(one) for one in signed]})
    elif signed:
        show(
            ["signoff", "milestone", "validation", "by", "at", "accepted", "state"],
            [
                (s.signoff_id, s.milestone, s.validation_id, s.signed_by, s.signed_at, len(s.accepted), s.state)
                for s in signed
            ],
            zeros=("accepted",),
        )
    else:
        say(f"Nobody has signed a validation of {org} off.")


def uat(
    org: Org,
    script: Annotated[str | None, typer.Argument(metavar="SCRIPT", help="A script of docs/uat, by its name.")] = None,
    passed: Annotated[bool, typer.Option("--passed", help="Every step did what it says.")] = False,
    failed: Annotated[
        int | None, typer.Option("--failed", metavar="STEP", min=1, help="The number of the step that did not.")
    ] = None,
    words: Annotated[str | None, typer.Option("--note", metavar="N", help="What you saw.")] = None,
    as_json: Json = False,
) -> None:
    """Record that you carried out an acceptance script. Without SCRIPT: list the scripts and their last runs."""
    from sync_pipeline.steps.observe import validation as step

    with opened() as context:
        tenant = context.org(org)
        if script is None:
            _scripts(org, step.documents_version().scripts, step.acceptances(context.db, tenant), as_json=as_json)
            return
        if passed == (failed is not None):
            raise typer.BadParameter("Say --passed, or --failed STEP.")
        made = step.record_acceptance(context.db, tenant, script, failed_step=failed, note=words, by=context.party)
    result = "passed" if made.passed else f"failed at step {made.failed_step}"
    answer(as_json, row(made), f"{script} {result}. Next: sync-pipeline validate {org}")


def _scripts(org: str, scripts: Any, runs: Any, *, as_json: bool) -> None:
    newest = {one.script: one for one in reversed(runs)}
    if as_json:
        emit({"org": org, "scripts": [{"script": name, "run": row(newest[name]) if name in newest else None}
                                      for name in scripts]})  # fmt: skip
        return
    rows = []
    for name, digest in scripts.items():
        run = newest.get(name)
        result = "" if run is None else "passed" if run.passed else f"failed at step {run.failed_step}"
        if run is not None and run.script_hash != digest:
            result += ", on an older text"
        rows.append((name, result, run and run.done_by, run and run.done_at))
    show(["script", "last run", "by", "at"], rows)
