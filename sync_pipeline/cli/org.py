"""org: add and list organizations, the tenants that own everything."""

from typing import Annotated

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import CONNECT, Json, Org, SkuPolicy, Why
from sync_pipeline.cli.output import answer, emit, say, show

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
    from sync_pipeline.steps import connect

    with opened() as context:
        org = connect.add_organization(context.db, slug, name)
    ready = f"Organization {org.slug} ({org.name}) is ready."
    answer(as_json, {"org": org.slug, "name": org.name}, ready, f"Next: {CONNECT.format(org=org.slug)}")


@commands.command("policy")
def policy(
    slug: Org,
    sku: Annotated[
        SkuPolicy | None,
        typer.Option("--sku", help="Who wins a SKU conflict; halt: a person decides."),
    ] = None,
    priority: Annotated[
        str | None,
        typer.Option(
            "--priority",
            metavar="P,…",
            help="Several stores, one core row: the providers in the order in which their values win.",
        ),
    ] = None,
    four_eyes: Annotated[
        bool | None,
        typer.Option(
            "--four-eyes/--no-four-eyes", help="Nobody approves what they proposed or planned.", show_default=False
        ),
    ] = None,
    why: Why = None,
    as_json: Json = False,
) -> None:
    """Show or set which side wins: a SKU conflict, or a field that several stores have (see docs/mapping.md); and
    whether somebody else must approve.
    """
    from sync_pipeline.steps import connect

    order = None if priority is None else [name.strip() for name in priority.split(",") if name.strip()]
    with opened() as context:
        now = connect.set_policy(
            context.db, context.org(slug), sku=sku, priority=order, four_eyes=four_eyes, actor=context.actor, why=why
        )
    said = [f"SKU conflicts: {now.sku_policy}. Fields of several stores: {', then '.join(now.provider_priority)}."]
    if now.four_eyes:
        said.append("Four eyes: somebody else approves a plan, and no selection is promoted without one.")
    if sku is not None or order is not None:
        said.append("This applies from the next promotion on.")
    shown = {"sku_policy": now.sku_policy, "provider_priority": now.provider_priority, "four_eyes": now.four_eyes}
    answer(as_json, {"org": slug, **shown}, *said)


@commands.command("list")
def list_all(as_json: Json = False) -> None:
    """List the organizations."""
    from sync_pipeline.steps import connect

    with opened() as context:
        orgs = connect.organizations(context.db)
    if as_json:
        listed = [
            {"org": o.slug, "number": o.org_id, "name": o.name, "currency": o.currency, "providers": o.providers}
            for o in orgs
        ]
        emit({"organizations": listed})
    elif orgs:
        show(
            ["org", "number", "name", "currency", "providers"],
            [(o.slug, str(o.org_id), o.name, o.currency, ", ".join(o.providers)) for o in orgs],
        )
    else:
        say("There is no organization yet. Create one: sync-pipeline org add ORG")
