"""check: run the business checks: ledger, money, mappings, what waits."""

import typer

from sync_pipeline.cli.options import Json, Org
from sync_pipeline.cli.output import emit, say


def register(app: typer.Typer) -> None:
    app.command("check")(check)


def check(org: Org, as_json: Json = False) -> None:
    """Run the business checks. Exits 1 if one fails; warnings do not count."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps.observe import checks

    with opened() as context:
        results = checks.check(context.db, context.org(org))
    well = checks.ok(results)
    if as_json:
        emit({"ok": well, "checks": results})
    else:
        for one in results:
            sign = "✓" if one.ok else ("▲" if one.severity == "warning" else "✗")
            say(f"{sign} {one.name}: {one.detail if one.ok else f'{one.found:,} found. {one.detail}'}")
            for example in one.examples:
                say(f"    {example}")
    if not well:
        raise typer.Exit(1)
