"""Sessions, tokens, users, and the organization."""

from typing import Annotated

from fastapi import APIRouter, Depends

from sync_pipeline.api.auth import RIGHTS, Caller, CallerFirst, Right, may
from sync_pipeline.api.contracts.base import Answer, Listing, Number, Page, PageSize
from sync_pipeline.api.contracts.people import (
    Login,
    MadeToken,
    Me,
    NewToken,
    NewUser,
    OrganizationInfo,
    Revoked,
    UserChange,
)
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import part
from sync_pipeline.api.runtime import RuntimeDep
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens, users

router = APIRouter(prefix="/api/v1", tags=["people"], route_class=CallerFirst)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Admin = Annotated[Caller, Depends(may(Right.PEOPLE, everywhere=True))]
Anybody = Annotated[Caller, Depends(may(None))]


@router.post("/session", status_code=201, responses=problems(413, 415))
async def log_in(runtime: RuntimeDep, given: Login) -> Answer[users.LoginSession]:
    """Log in with a password. The token is valid for 12 hours and has the user's role."""
    made = await runtime.log_in(users.log_in, runtime.db, given.org, given.email, given.password.get_secret_value())
    return Answer(data=made)


@router.get("/session", responses=problems())
async def who_am_i(runtime: RuntimeDep, caller: Anybody) -> Answer[Me]:
    """Show the caller: organization, role and rights."""
    bound = None
    if caller.connection_id is not None:
        found = await runtime.run(connect.connections, runtime.db, caller.org)
        bound = next((one.name for one in found if one.connection_id == caller.connection_id), None)
    rights = sorted(RIGHTS[caller.role])
    return Answer(data=Me(org=caller.org.slug, role=caller.role, actor=caller.actor, connection=bound, rights=rights))


@router.delete("/session", responses=problems())
async def log_out(runtime: RuntimeDep, caller: Anybody) -> Answer[Revoked]:
    """Revoke the session or token of this call."""
    await runtime.run(tokens.revoke_token, runtime.db, caller.org, caller.token_id, actor=caller.actor)
    return Answer(data=Revoked(token_id=caller.token_id))


@router.get("/organizations", responses=problems())
async def list_organizations(
    runtime: RuntimeDep, caller: Reader, page: Page = 1, page_size: PageSize = 50
) -> Listing[OrganizationInfo]:
    """List the organizations that the token may see: its own."""

    def look() -> OrganizationInfo:
        policy = connect.policy(runtime.db, caller.org)
        return OrganizationInfo(
            slug=caller.org.slug,
            name=caller.org.name,
            currency=caller.org.currency,
            providers=sorted({one.provider for one in connect.connections(runtime.db, caller.org)}),
            sku_policy=policy.sku_policy,
            provider_priority=list(policy.provider_priority),
        )

    return part([await runtime.run(look)], page, page_size)


@router.get("/tokens", responses=problems())
async def list_tokens(
    runtime: RuntimeDep, caller: Admin, page: Page = 1, page_size: PageSize = 50
) -> Listing[tokens.TokenRow]:
    """List tokens and sessions, newest first, without their text."""
    return part(await runtime.run(tokens.list_tokens, runtime.db, caller.org), page, page_size)


@router.post("/tokens", status_code=201, responses=problems(404, 413, 415))
async def make_token(runtime: RuntimeDep, caller: Admin, given: NewToken) -> Answer[MadeToken]:
    """Create a token. It is shown once."""

    def make() -> tokens.Token:
        bound = connect.connection(runtime.db, caller.org, given.connection) if given.connection else None
        return tokens.add_token(
            runtime.db,
            caller.org,
            given.role,
            connection=bound,
            name=given.name,
            unmasked=given.unmasked,
            days=given.days,
            actor=caller.actor,
        )

    return Answer(data=MadeToken.model_validate(await runtime.run(make), from_attributes=True))


@router.delete("/tokens/{token_id}", responses=problems(404))
async def revoke_token(runtime: RuntimeDep, caller: Admin, token_id: Number) -> Answer[Revoked]:
    """Revoke a token."""
    await runtime.run(tokens.revoke_token, runtime.db, caller.org, token_id, actor=caller.actor)
    return Answer(data=Revoked(token_id=token_id))


@router.get("/users", responses=problems())
async def list_users(
    runtime: RuntimeDep, caller: Admin, page: Page = 1, page_size: PageSize = 50
) -> Listing[users.User]:
    """List the organization's users."""
    return part(await runtime.run(users.users, runtime.db, caller.org), page, page_size)


@router.post("/users", status_code=201, responses=problems(409, 413, 415))
async def add_user(runtime: RuntimeDep, caller: Admin, given: NewUser) -> Answer[users.User]:
    """Add a user."""
    password = given.password.get_secret_value()
    made = await runtime.log_in(
        users.add_user, runtime.db, caller.org, given.email, password, given.role, actor=caller.actor
    )
    return Answer(data=made)


@router.patch("/users/{user_id}", responses=problems(404, 409, 413, 415))
async def change_user(runtime: RuntimeDep, caller: Admin, user_id: Number, given: UserChange) -> Answer[users.User]:
    """Change a user's role or password, or disable or enable the user."""
    users.refuse_own_change(user_id, caller.user_id, role=given.role, disabled=given.disabled)
    changed = await runtime.log_in(
        users.change_user,
        runtime.db,
        caller.org,
        user_id,
        role=given.role,
        password=given.password.get_secret_value() if given.password else None,
        disabled=given.disabled,
        actor=caller.actor,
    )
    return Answer(data=changed)
