"""token, keys: manage API tokens, and the keys that encrypt credentials."""

from typing import Annotated

import typer

from sync_pipeline.cli.context import opened
from sync_pipeline.cli.options import AnyConnection, Json, Org, TokenRole
from sync_pipeline.cli.output import answer, emit, note, show

token_commands = typer.Typer(no_args_is_help=True, help="Manage API tokens.")
key_commands = typer.Typer(no_args_is_help=True, help="Manage the keys that encrypt credentials.")


def register(app: typer.Typer) -> None:
    app.add_typer(token_commands, name="token")
    app.add_typer(key_commands, name="keys")


@token_commands.command("add")
def add(
    org: Org,
    role: Annotated[TokenRole, typer.Option("--role", help="What its owner may do.")],
    connection: AnyConnection = None,
    days: Annotated[
        float | None,
        typer.Option("--days", metavar="N", help="Days until the token expires, at most 3660; else never."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", metavar="N", help="What the token is for.")] = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="An agent reads personal data with it.")] = False,
    as_json: Json = False,
) -> None:
    """Create a token. It is shown once; only its hash is stored."""
    from sync_pipeline.steps.connect import tokens

    with opened() as context:
        tenant = context.org(org)
        made = tokens.add_token(
            context.db,
            tenant,
            role,
            connection=context.connection(tenant, connection) if connection else None,
            name=name,
            unmasked=unmasked,
            days=days,
            actor=context.actor,
        )
    shown = {"org": org, "role": made.role, "connection": made.connection, "token": made.plain}
    answer(as_json, {**shown, "expires_at": made.expires_at}, made.plain)
    if not as_json:
        note("This token is shown once and cannot be shown again.")


@token_commands.command("list")
def list_all(org: Org, as_json: Json = False) -> None:
    """List the tokens and when each was last used, without their text."""
    from sync_pipeline.steps.connect import tokens

    with opened() as context:
        found = tokens.list_tokens(context.db, context.org(org))
    if as_json:
        emit({"org": org, "tokens": found})
    else:
        show(
            ["token", "role", "for", "connection", "expires", "revoked", "last used"],
            [
                (t.token_id, t.role, t.user or t.name, t.connection, t.expires_at, t.revoked_at, t.last_used_at)
                for t in found
            ],
        )


@token_commands.command("revoke")
def revoke(
    org: Org, token_id: Annotated[int, typer.Argument(metavar="TOKEN", help="The token's id.")], as_json: Json = False
) -> None:
    """Revoke a token."""
    from sync_pipeline.steps.connect import tokens

    with opened() as context:
        tokens.revoke_token(context.db, context.org(org), token_id, actor=context.actor)
    answer(as_json, {"org": org, "token": token_id, "revoked": True}, f"Token {token_id} is revoked.")


@key_commands.command("rotate")
def rotate(as_json: Json = False) -> None:
    """Create a new key and encrypt every connection's credentials with it; rewrite legacy settings too."""
    from sync_pipeline.steps import connect

    with opened() as context:
        made = context.settings.secret_key is None
        if made:
            context.settings.prepend_key()
        rewritten = connect.rotate_keys(context.db, context.settings)
    said = [f"{rewritten:,} connections were encrypted with the newest key, and their settings made canonical."]
    if not made:
        said.append("The newest key is the first one in SYNC_SECRET_KEY. You can remove the older ones now.")
    answer(as_json, {"rewritten": rewritten, "new_key": made}, *said)
