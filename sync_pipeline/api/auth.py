"""Authorization: one table of roles and rights, and the dependency that enforces it on a route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterator
from enum import StrEnum
from typing import Annotated, Any

from fastapi import Depends, Request, Response, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from sync_pipeline.api.masking import Masking
from sync_pipeline.api.parameters import known_parameters, refuse_body, refuse_unknown
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Forbidden, Unauthenticated
from sync_pipeline.steps.connect import limits, tokens
from sync_pipeline.steps.connect.tokens import Caller

__all__ = ["RIGHTS", "RIGHT_WORDS", "Caller", "CallerFirst", "Right", "lacking", "may", "needs", "sync_call"]


class Right(StrEnum):
    """The right that a call needs."""

    READ = "read"  # read everything except secrets
    PROPOSE = "propose"  # select as a draft, make a plan: nothing is promoted yet
    FETCH = "fetch"  # send requests to a store: pull, preview, test
    SELECT = "select"  # make a selection that is promoted
    PROMOTE = "promote"  # approve, apply and undo plans, control queues
    DECIDE = "decide"  # answer a gate
    CONNECT = "connect"  # add and change connections
    PEOPLE = "people"  # manage tokens and users
    PUSH = "push"  # send records into one connection


RIGHTS: dict[str, frozenset[Right]] = {
    "viewer": frozenset({Right.READ}),
    "agent": frozenset({Right.READ, Right.PROPOSE}),
    "operator": frozenset({Right.READ, Right.PROPOSE, Right.FETCH, Right.SELECT, Right.PROMOTE, Right.DECIDE}),
    "admin": frozenset(Right),
    "plugin": frozenset({Right.PUSH}),
}

# What each right allows, in words.
RIGHT_WORDS: dict[Right, str] = {
    Right.READ: "everything except secrets",
    Right.PROPOSE: "select as a draft, make a plan",
    Right.FETCH: "requests to a store: preview, full sync, test",
    Right.SELECT: "selections that are promoted",
    Right.PROMOTE: "approve, apply and undo plans; control queues",
    Right.DECIDE: "answer a gate",
    Right.CONNECT: "add and change connections",
    Right.PEOPLE: "tokens and users",
    Right.PUSH: "send records into the token's connection",
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
    caller: Caller = request.state.caller  # the log and the body limit read it too
    return caller


class CallerFirst(APIRoute):
    """A route that authenticates the caller before it reads the body, so that strangers cannot make it parse one.

    Query parameters that it does not know are refused, and a body where it takes none. What an agent's token is
    answered is masked, whatever the route says.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, preceded by authentication if the route needs a token."""
        handle = super().get_route_handler()
        rights = [NEEDED[need.call] for need in needs(self.dependant) if need.call in NEEDED]
        if not rights:
            return handle
        parameters = known_parameters(self.dependant)
        takes_body = self.body_field is not None or self.dependant.request_param_name is not None

        async def known_first(request: Request) -> Response:
            caller = await _caller(request, await _bearer(request))
            if all(
                right is None or right in RIGHTS[caller.role] for right in rights
            ):  # others are told that they may not
                refuse_unknown(request, parameters)
                if not takes_body:
                    await refuse_body(request)
            response = await handle(request)
            runtime: ApiRuntime = request.app.state.runtime
            reads = Masking.of(runtime.settings, caller)
            return response if reads.masker is None else await runtime.run(reads.response, response)

        return known_first


def needs(dependant: Dependant) -> Iterator[Dependant]:
    """A route's dependencies, with their own dependencies."""
    for one in dependant.dependencies:
        yield one
        yield from needs(one)


def lacking(right: Right, role: str) -> Forbidden:
    """The refusal of a role that lacks a right; it names the roles that have it."""
    *others, last = [name for name, rights in RIGHTS.items() if right in rights]
    having = f"{', '.join(others)} or {last}" if others else last
    return Forbidden(
        f"The role {role} may not do this: it needs the right “{right}” ({RIGHT_WORDS[right]}). "
        f"Use a token or login of the role {having}."
    )


def may(right: Right | None, *, everywhere: bool = False) -> Allowed:
    """A dependency that returns the caller, whose role must have this right (None: any role).

    `everywhere`: the call concerns the whole organization, so a token of one connection is not enough.

    Raises:
        Unauthenticated: there is no valid token.
        Forbidden: the role lacks the right, or the token belongs to one connection.
    """

    async def allowed(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        if right is not None and right not in RIGHTS[caller.role]:
            raise lacking(right, caller.role)
        if everywhere and caller.connection_id is not None:
            raise Forbidden(
                "This call concerns the whole organization, and this token belongs to one connection. "
                "Use a token that belongs to none."
            )
        return caller

    NEEDED[allowed] = right
    return allowed


# The right that each dependency made by `may` requires; the OpenAPI document shows it.
NEEDED: dict[Allowed, Right | None] = {}


async def sync_call(runtime: RuntimeDep, caller: Caller, connection_id: int | None) -> None:
    """Count a call that causes work for a store or Dagster against the connection's rate limit, or the organization's.

    Raises:
        RateLimited: the limit is reached.
    """
    subject = f"connection:{connection_id}" if connection_id is not None else "connections"
    await runtime.run(
        limits.consume, runtime.db, caller.org.org_id, subject, per_minute=runtime.settings.sync_calls_per_minute
    )
