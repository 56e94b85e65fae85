"""check: run the business checks: ledger, money, mappings, what waits; or compare core with what it should be."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import Json, Org
from sync_pipeline.cli.output import emit, note, row, say
from sync_pipeline.cli.plans import value

if TYPE_CHECKING:
    from sync_pipeline.steps.promote import CoreCheck

_SHOWN = 20


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(
    org: Org,
    core: Annotated[
        bool, typer.Option("--core", help="Also compute core again from what is promoted, and compare.")
    ] = False,
    repair: Annotated[
        bool, typer.Option("--repair", help="With --core: plan the records behind what differs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run the business checks. Exits 1 if one fails; warnings do not count."""
    from sync_pipeline.steps import promote
    from sync_pipeline.steps.observe import checks, validation

    if repair and not core:
        raise typer.BadParameter("--repair needs --core: it plans what that finds.")
    with opened() as context:
        tenant = context.org(org)
        results = checks.check(context.db, tenant)
        compared = promote.check_core(context.db, tenant) if core else None
        unbacked = validation.rows_of_people(context.db, tenant) if core else {}
        plan = None
        if repair and compared is not None:
            plan = promote.make_repair_plan(context.db, tenant, compared, actor=context.actor)
    well = checks.ok(results) and (compared is None or compared.ok)
    if as_json:
        answer: dict[str, Any] = {"ok": well, "checks": results}
        if compared is not None:
            answer["core"] = {**_core(compared), "without_records": {name: row(one) for name, one in unbacked.items()}}
        if repair:
            answer["plan"] = plan.plan_id if plan else None
        emit(answer)
    else:
        for one in results:
            sign = "✓" if one.ok else ("▲" if one.severity == "warning" else "✗")
            say(f"{sign} {one.name}: {one.detail if one.ok else f'{one.found:,} found. {one.detail}'}")
            for example in one.examples:
                say(f"    {example}")
        if compared is not None:
            _say_core(compared)
        if plan:
            say(f"Plan {plan.plan_id} writes {plan.items:,} records again.")
            say(f"Next: sync-pipeline apply {org} {plan.plan_id}")
        elif compared is not None and not compared.ok and not repair:
            note(f"Next: sync-pipeline check {org} --core --repair")
        if unbacked:
            counted = ", ".join(f"{name} {one.rows:,}" for name, one in unbacked.items())
            say(f"Rows that no record is behind: {counted}. People made them; they are no differences. Which: --json")
    if not well:
        raise typer.Exit(1)


def _core(found: "CoreCheck") -> dict[str, Any]:
    return {
        "rows": found.records,
        "older": found.older,
        "count": found.count,
        "differences": [
            {
                "table": one.table,
                "id": one.row if one.id is None else one.id,  # with table and field it names each difference
                "row": one.row,
                "field": one.field,
                "is": one.found,
                "should": one.should,
            }
            for one in found.differences
        ],
    }


def _say_core(found: "CoreCheck") -> None:
    from sync_pipeline.steps.preview.paths import told

    if found.ok:
        say(f"✓ core: {found.records:,} records were computed again, and core is what they say.")
    else:
        say(f"✗ core: {found.count:,} differences in {found.records:,} records.")
    for one in found.differences[:_SHOWN]:
        if not one.field:
            say(f"    {one.table} {one.row} {_row(one.should)}")
            continue
        shown = told(one.field, {"before": one.found, "after": one.should})
        for part in shown.get("paths") or [{"path": one.field, "before": one.found, "after": one.should}]:
            said = f"is {value(part, 'before')}, should be {value(part, 'after')}"
            say(f"    {one.table} {one.row} {part['path']}: {said}")
    if found.count > _SHOWN:
        say(f"    … and {found.count - _SHOWN:,} more; --json lists {len(found.differences):,}")
    if found.older:
        say(
            f"    {found.older:,} records were mapped by an older mapper and not compared: "
            "`sync-pipeline plan ORG --remap` renews them."
        )


def _row(should: Any) -> str:
    if isinstance(should, str):
        return should
    return "should not be there" if should is None else "is missing"
