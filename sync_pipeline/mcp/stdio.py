"""The server over a program's standard input and output, for a client that starts it."""

from __future__ import annotations

import logging
import os
from typing import Any

import anyio

from sync_pipeline.api.logs import configure
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.tokens import Caller

_STATEMENT_SECONDS = 120


def serve(settings: Settings, db: Database, token_env: str) -> None:
    """Serve until the client closes the input.

    Raises:
        ConfigurationError: the variable holds no token.
        Unauthenticated: the token is not valid.
    """
    plain = os.environ.get(token_env, "").strip()
    if not plain:
        raise ConfigurationError(
            f"Set {token_env} to a token: `sync-pipeline token add ORG --role agent` makes one. "
            "--token-env names another variable."
        )
    tokens.authenticate(db, plain)  # a wrong token is told before a client waits for it
    configure(logging.WARNING)  # on the error output: the other one is the client's
    db.serve_calls(_STATEMENT_SECONDS)
    anyio.run(_serve, settings, db, plain)


async def _serve(settings: Settings, db: Database, plain: str) -> None:
    from mcp.server.stdio import stdio_server

    from sync_pipeline.mcp.server import build

    runtime = ApiRuntime(settings, db)

    async def identify(_ctx: Any) -> Caller:
        # Each call again: a token that was revoked ends here.
        return await runtime.run(tokens.authenticate, db, plain, per_minute=settings.calls_per_minute)

    server = build(runtime, identify, "stdio")
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
