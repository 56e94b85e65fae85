"""mcp: the agents' server, for a client that starts it."""

from __future__ import annotations

from typing import Annotated

import typer

from sync_pipeline.cli.context import opened, system_user


def register(app: typer.Typer) -> None:
    app.command("mcp")(mcp)


def mcp(
    token_env: Annotated[
        str, typer.Option("--token-env", metavar="VAR", help="Environment variable that holds the agent's token.")
    ] = "SYNC_TOKEN",  # noqa: S107 - a name, not a token
    owner: Annotated[
        bool,
        typer.Option("--owner", help="Serve the deployment's one tool instead, propose_migration. It takes no token."),
    ] = False,
) -> None:
    """Serve an agent over standard input and output (MCP). A client such as Claude or Cursor starts this; see
    docs/agents.md.
    """
    if owner:
        from sync_pipeline.config import Settings
        from sync_pipeline.mcp.owner import serve_owner

        serve_owner(Settings(), system_user())
        return
    from sync_pipeline.mcp.stdio import serve

    with opened() as context:
        serve(context.settings, context.db, token_env)
