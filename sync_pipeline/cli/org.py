"""org: add and list organizations, the tenants that own everything."""

from typing import Annotated

import typer

from sync_pipeline.cli.options import CONNECT, Json, Org
from sync_pipeline.cli.output import emit, say, show

commands = typer.Typer(no_args_is_help=True, help="Manage organizations, the tenants that own everything.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="org")


@commands.command("add")
def add(
    slug: Annotated[str, typer.Argument(metavar="ORG", help="Short name: lowercase letters, digits, - and _.")],
    name: Annotated[str | None, typer.Option("--name", metavar="N", help="Display name.")] = None,
    as_json: Json = False,
) -> None:
    """Add an organization; rename or restore an existing one."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import connect

    with opened() as context:
        org = connect.add_organization(context.db, slug, name)
    if as_json:
        emit({"org": org.slug, "name": org.name})
        return
    say(f"Organization {org.slug} ({org.name}) is ready.")
    say(f"Next: {CONNECT.format(org=org.slug)}")


@commands.command("policy")
def policy(
    slug: Org,
    sku: Annotated[str, typer.Option("--sku", metavar="P", help="source_wins, core_wins, or halt (a person decides).")],
    as_json: Json = False,
) -> None:
    """Set which side wins a SKU conflict (see docs/mapping.md)."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import connect

    with opened() as context:
        connect.set_sku_policy(context.db, context.org(slug), sku, actor=context.actor)
    if as_json:
        emit({"org": slug, "sku_policy": sku})
        return
    say(f"{slug} now uses {sku}, from the next promotion on.")


@commands.command("list")
def list_all(as_json: Json = False) -> None:
    """List the organizations."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import connect

    with opened() as context:
        orgs = connect.organizations(context.db)
    if as_json:
        emit(
            {
                "organizations": [
                    {"org": o.slug, "name": o.name, "currency": o.currency, "providers": o.providers} for o in orgs
                ]
            }
        )
    elif orgs:
        show(
            ["org", "name", "currency", "providers"],
            [(o.slug, o.name, o.currency, ", ".join(o.providers)) for o in orgs],
        )
    else:
        say("There is no organization yet. Create one: sync-pipeline org add ORG")
