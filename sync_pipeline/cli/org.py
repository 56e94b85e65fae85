"""org: organizations, the tenants everything belongs to."""

from typing import Annotated

import typer

from sync_pipeline.cli.options import Json
from sync_pipeline.cli.output import emit, say, show

commands = typer.Typer(no_args_is_help=True, help="Organizations: the tenants everything belongs to.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="org")


@commands.command("add")
def add(
    slug: Annotated[str, typer.Argument(metavar="ORG", help="Short name: lower-case letters, digits, - and _.")],
    name: Annotated[str | None, typer.Option("--name", metavar="N", help="What people call it.")] = None,
    as_json: Json = False,
) -> None:
    """Make an organization, or rename the one that is there."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import connect

    with opened() as context:
        org = connect.add_organization(context.db, slug, name)
    if as_json:
        emit({"org": org.slug, "name": org.name})
        return
    say(f"{org.name} ({org.slug}) is there.")
    say(f"Next: sync-pipeline connect {org.slug} woocommerce --name C --url URL --key K --secret-env VAR")


@commands.command("policy")
def policy(
    slug: Annotated[str, typer.Argument(metavar="ORG")],
    sku: Annotated[str, typer.Option("--sku", metavar="P", help="source_wins, core_wins, or halt: a person decides.")],
    as_json: Json = False,
) -> None:
    """What decides where a SKU is in conflict (docs/mapping.md)."""
    from sync_pipeline.cli.context import opened
    from sync_pipeline.steps import connect

    with opened() as context:
        connect.set_sku_policy(context.db, context.org(slug), sku, actor=context.actor)
    if as_json:
        emit({"org": slug, "sku_policy": sku})
        return
    say(f"From the next promotion on: {sku}.")


@commands.command("list")
def list_all(as_json: Json = False) -> None:
    """All organizations."""
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
        say("There is no organization yet. Make one: sync-pipeline org add ORG")
