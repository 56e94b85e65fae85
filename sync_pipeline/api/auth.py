"""Who may do what: one table of roles and rights, and the dependency that holds a route to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Forbidden, Unauthenticated
from sync_pipeline.steps.connect import limits, tokens
from sync_pipeline.steps.connect.tokens import Caller

__all__ = ["RIGHTS", "Caller", "CallerFirst", "Right", "may", "needs", "sync_call"]


class Right(StrEnum):
    """What a call needs."""

    READ = "read"  # look at everything but secrets
    PROPOSE = "propose"  # select as a draft, make a plan: nothing moves yet
    FETCH = "fetch"  # ask a store: pull, preview, test a connection
    SELECT = "select"  # make a selection that counts
    PROMOTE = "promote"  # approve, apply and undo plans, steer queues
    DECIDE = "decide"  # answer a gate
    CONNECT = "connect"  # make and change connections
    PEOPLE = "people"  # tokens and users
    PUSH = "push"  # send records into one connection


RIGHTS: dict[str, frozenset[Right]] = {
    "viewer": frozenset({Right.READ}),
    "agent": frozenset({Right.READ, Right.PROPOSE}),
    "operator": frozenset({Right.READ, Right.PROPOSE, Right.FETCH, Right.SELECT, Right.PROMOTE, Right.DECIDE}),
    "admin": frozenset(Right),
    "plugin": frozenset({Right.PUSH}),
}

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="`Authorization: Bearer sp_…`")
Allowed = Callable[..., Awaitable[Caller]]


async def _caller(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]) -> Caller:
    if not hasattr(request.state, "caller"):
        if given is None:
            raise Unauthenticated()
        runtime: ApiRuntime = request.app.state.runtime
        request.state.caller = await runtime.run(
            tokens.authenticate, runtime.db, given.credentials, per_minute=runtime.settings.calls_per_minute
        )
    caller: Caller = request.state.caller  # the log and the body's limit ask for it too
    return caller


class CallerFirst(APIRoute):
    """A route that asks who calls before it reads a body: nobody unknown makes it hold or parse one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind the caller's token where the route needs one."""
        handle = super().get_route_handler()
        if not any(need.call in NEEDED for need in needs(self.dependant)):
            return handle

        async def known_first(request: Request) -> Response:
            await _caller(request, await _bearer(request))
            return await handle(request)

        return known_first


def needs(dependant: Dependant) -> Iterator[Dependant]:
    """Everything a route depends on, and what that depends on."""
    for one in dependant.dependencies:
        yield one
        yield from needs(one)


def may(right: Right | None, *, everywhere: bool = False) -> Allowed:
    """A dependency: the caller, whose role has this right (None: any).

    `everywhere`: the call concerns the whole organization, which a token of one connection may not.

    Raises:
        Unauthenticated: no token, or none that holds.
        Forbidden: the role or the token's connection does not reach so far.
    """

    async def allowed(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if right is not None and right not in RIGHTS[caller.role]:
            raise Forbidden(f"A token of the role {caller.role} may not do this: it needs the right to {right}.")
        if everywhere and caller.connection_id is not None:
            raise Forbidden("This token belongs to one connection; this call concerns the whole organization.")
        return caller

    NEEDED[allowed] = right
    return allowed


# Which right a dependency made by `may` asks for: the documents tell it.
NEEDED: dict[Allowed, Right | None] = {}


async def sync_call(runtime: RuntimeDep, caller: Caller, connection_id: int | None) -> None:
    """Take a call that makes a store or Dagster work from the connection's rate (or the organization's).

    Raises:
        RateLimited: there is none left.
    """
    subject = f"connection:{connection_id}" if connection_id is not None else "connections"
    await runtime.run(
        limits.consume, runtime.db, caller.org.org_id, subject, per_minute=runtime.settings.sync_calls_per_minute
    )
