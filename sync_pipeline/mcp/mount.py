"""The server at /mcp of the service, over streamable HTTP.

Each call is complete in itself: it brings its token, and no state stays in this process, so several processes can serve
side by side. A caller is known before a body is read. The SDK is imported with the first call.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.api.errors import answer, explain
from sync_pipeline.api.origins import origins_of
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.errors import Forbidden, SyncError, Unauthenticated
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.tokens import Caller

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

PATH = "/mcp"
_MOST_BODY = 1024 * 1024


def mount(app: FastAPI) -> FastAPI:
    """Add the route to the service, and what it opens and closes."""
    door = _Door()
    app.router.routes.insert(0, door.route)
    before = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Mapping[str, Any] | None]:
        async with before(app) as state, door.open(app.state.runtime):
            yield state

    app.router.lifespan_context = lifespan  # type: ignore[assignment]
    return app


class _Door:
    """The route, as an ASGI application: the SDK answers by itself."""

    def __init__(self) -> None:
        self._runtime: ApiRuntime | None = None
        self._manager: StreamableHTTPSessionManager | None = None
        self._asked, self._ready = anyio.Event(), anyio.Event()
        self.route = Route(PATH, self, methods=None, name="mcp", include_in_schema=False)

    @asynccontextmanager
    async def open(self, runtime: ApiRuntime) -> AsyncIterator[None]:
        """Serve while the service runs."""
        self._runtime, self._manager = runtime, None
        self._asked, self._ready = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(self._run, runtime)
            try:
                yield
            finally:
                group.cancel_scope.cancel()

    async def _run(self, runtime: ApiRuntime) -> None:
        """Hold the SDK's session manager from the first call on, in one task: that is what closes it."""
        await self._asked.wait()
        manager = await anyio.to_thread.run_sync(_manager, runtime)
        async with manager.run():
            self._manager = manager
            self._ready.set()
            await anyio.sleep_forever()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        scope["route"] = self.route  # the log names it
        try:
            await self._known(request)
        except SyncError as error:
            explained = explain(request, error)
            assert explained is not None
            await answer(explained[0], explained[1], headers=explained[2])(scope, receive, send)
            return
        if request.method != "POST":  # no stream stays open, and there is no session to end
            await _not_here()(scope, receive, send)
            return
        self._asked.set()
        await self._ready.wait()
        assert self._manager is not None
        await self._manager.handle_request(scope, receive, send)

    async def _known(self, request: Request) -> None:
        """Find out who calls, before the body is read.

        Raises:
            Forbidden: a page of another site calls, or the role has no use here.
            Unauthenticated: there is no valid token.
            RateLimited: the token's limit is reached.
        """
        runtime = self._runtime
        assert runtime is not None
        _from_here(request, runtime)
        kind, _, plain = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not plain.strip():
            raise Unauthenticated()
        caller = await runtime.run(
            tokens.authenticate, runtime.db, plain.strip(), per_minute=runtime.settings.calls_per_minute
        )
        request.state.caller = caller  # the log, the body limit and the tools read it
        if Right.READ not in RIGHTS[caller.role]:
            raise Forbidden(f"The role {caller.role} has no use here.")


def _from_here(request: Request, runtime: ApiRuntime) -> None:
    """Refuse what a browser sends for a page of another site, unless `SYNC_CORS_ORIGINS` names it.

    Raises:
        Forbidden: it comes from there.
    """
    origin = request.headers.get("origin")
    if origin is None:
        return
    if origin not in origins_of(runtime.settings) and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden("This call comes from a page of another site.")


def _not_here() -> Response:
    return JSONResponse({"success": False, "error": "Send POST."}, 405, headers={"Allow": "POST"})


def _manager(runtime: ApiRuntime) -> StreamableHTTPSessionManager:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.server.transport_security import TransportSecuritySettings

    from sync_pipeline.mcp.server import build

    async def identify(ctx: Any) -> Caller:
        caller: Caller = ctx.request.state.caller
        return caller

    return StreamableHTTPSessionManager(
        build(runtime, identify, "http"),
        json_response=True,
        stateless=True,
        # Origin is checked above; any host may be in front, since nothing is open without a token.
        security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        max_request_body_size=_MOST_BODY,
    )
