"""People and tokens: who may do what, who has access, and the sessions of whoever looks."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import Field, SecretStr

from sync_pipeline.api.auth import RIGHT_WORDS, RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Number, Shape
from sync_pipeline.api.contracts.people import NewToken, NewUser
from sync_pipeline.api.lists import visible_connections
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, Conflict
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens, users

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Admin = Annotated[Caller, Depends(may(Right.PEOPLE, everywhere=True))]
Id = Annotated[Number, Path()]
_MOST = 200  # tokens, sessions and people that the page shows


class UserAction(Shape):
    """What is done to a user: one thing a form."""

    role: users.PersonRole | None = None
    password: SecretStr | None = Field(None, min_length=users.SHORTEST_PASSWORD, max_length=users.LONGEST_PASSWORD)
    access: Literal["disable", "enable"] | None = None


class OwnPassword(Shape):
    """One's own password: the one that holds, and the next, twice, since nobody sees what is typed."""

    current: SecretStr = Field(max_length=users.LONGEST_PASSWORD)
    password: SecretStr = Field(min_length=users.SHORTEST_PASSWORD, max_length=users.LONGEST_PASSWORD)
    again: SecretStr = Field(max_length=users.LONGEST_PASSWORD)


@router.get("/ui/{org}/people")
async def people_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    role: Annotated[str | None, Query(max_length=20)] = None,
    connection: Annotated[str | None, Query(max_length=63)] = None,
    changed: bool = False,
) -> Response:
    """Roles and own sessions; for an admin also people and tokens. The address may begin the form of a token."""
    shown = await runtime.run(_look, request, runtime, caller)
    wanted = {"role": role, "connection": connection}
    return render.page(request, "people/page.html", made=None, wanted=wanted, changed=changed, **shown)


@router.post("/ui/{org}/people")
async def make_token(request: Request, runtime: RuntimeDep, caller: Admin) -> Response:
    """Make a token. Its text is in this answer, and in no other."""
    given = await forms.form(request, NewToken)

    def make() -> tuple[tokens.Token, dict[str, Any]]:
        bound = connect.connection(runtime.db, caller.org, given.connection) if given.connection else None
        made = tokens.add_token(
            runtime.db,
            caller.org,
            given.role,
            connection=bound,
            name=given.name,
            unmasked=given.unmasked,
            days=given.days,
            actor=caller.actor,
        )
        return made, _look(request, runtime, caller)

    made, shown = await runtime.run(make)
    wanted = {"role": None, "connection": None}
    return render.page(request, "people/page.html", made=made, wanted=wanted, changed=False, **shown)


@router.post("/ui/{org}/people/tokens/{token_id}/revoke")
async def revoke_token(runtime: RuntimeDep, caller: Admin, token_id: Id) -> Response:
    """Revoke a token, or end a session, at once."""
    await runtime.run(tokens.revoke_token, runtime.db, caller.org, token_id, actor=caller.actor)
    return forms.then(_address(caller))


@router.post("/ui/{org}/people/sessions/{token_id}/end")
async def end_session(runtime: RuntimeDep, caller: Reader, token_id: Id) -> Response:
    """End a session of one's own; those of others are not found."""
    # Whoever came with a token has no sessions: no user has this id.
    own = caller.user_id if caller.user_id is not None else 0
    await runtime.run(tokens.revoke_token, runtime.db, caller.org, token_id, user_id=own, actor=caller.actor)
    return forms.then(_address(caller))


@router.post("/ui/{org}/people/password")
async def change_own_password(request: Request, runtime: RuntimeDep, caller: Reader) -> Response:
    """Change one's own password; all other sessions end. Who came with a token has none."""
    given = await forms.form(request, OwnPassword)
    if caller.user_id is None:
        raise Conflict("You are logged in with a token, which has no password. Log in with your e-mail to change it.")
    if given.password.get_secret_value() != given.again.get_secret_value():
        raise ConfigurationError("The two new passwords differ. Type the same one twice.")
    await runtime.log_in(
        users.change_own_password,
        runtime.db,
        caller.org,
        caller.user_id,
        current=given.current.get_secret_value(),
        new=given.password.get_secret_value(),
        session=caller.token_id,
        actor=caller.actor,
    )
    return forms.then(f"{_address(caller)}?changed=1")


@router.post("/ui/{org}/people/users")
async def add_user(request: Request, runtime: RuntimeDep, caller: Admin) -> Response:
    """Add a person, who logs in with this password."""
    given = await forms.form(request, NewUser)
    password = given.password.get_secret_value()
    await runtime.log_in(users.add_user, runtime.db, caller.org, given.email, password, given.role, actor=caller.actor)
    return forms.then(_address(caller))


@router.post("/ui/{org}/people/users/{user_id}")
async def change_user(request: Request, runtime: RuntimeDep, caller: Admin, user_id: Id) -> Response:
    """Change a person's role or password, or whether they may log in."""
    given = await forms.form(request, UserAction)
    disabled = None if given.access is None else given.access == "disable"
    users.refuse_own_change(user_id, caller.user_id, role=given.role, disabled=disabled)
    await runtime.log_in(
        users.change_user,
        runtime.db,
        caller.org,
        user_id,
        role=given.role,
        password=given.password.get_secret_value() if given.password else None,
        disabled=disabled,
        actor=caller.actor,
    )
    return forms.then(_address(caller))


def _look(request: Request, runtime: ApiRuntime, caller: Caller) -> dict[str, Any]:
    administers = Right.PEOPLE in RIGHTS[caller.role] and caller.connection_id is None
    every: Sequence[tokens.TokenRow] = tokens.list_tokens(runtime.db, caller.org) if administers else ()
    own = tokens.list_tokens(runtime.db, caller.org, user_id=caller.user_id) if caller.user_id is not None else []
    people = users.users(runtime.db, caller.org) if administers else []
    now = datetime.now(UTC)
    ended = [one for one in every if one.revoked_at or (one.expires_at and one.expires_at <= now)]
    return {
        "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        "here": ("", "people"),
        "administers": administers,
        "people": people,
        "roles": users.ROLES,
        "token_roles": tokens.ROLES,
        "connections": [one.name for one in visible_connections(runtime.db, caller)],
        "tokens": [one for one in every if one not in ended and one.user is None],
        "others": [one for one in every if one not in ended and one.user is not None],
        "ended": [one for one in ended if one.user is None],
        "own": [one for one in own if one.revoked_at is None],
        "most": _MOST,
        "rights": RIGHTS,
        "right_words": RIGHT_WORDS,
        "address": _address(caller),
        "shortest": users.SHORTEST_PASSWORD,
        "longest": users.LONGEST_PASSWORD,
    }


def _address(caller: Caller) -> str:
    return f"/ui/{caller.org.slug}/people"
