"""Log in with a token or a password, log out."""

from typing import Literal
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import Forbidden, RateLimited, Unauthenticated
from sync_pipeline.explorer import render
from sync_pipeline.explorer.session import PageRoute, keep, local, may_look, sessions, visitor
from sync_pipeline.steps.connect import tokens, users

router = APIRouter(route_class=PageRoute)


@router.get("/ui")
async def first_page(request: Request) -> Response:
    """The organization of the newest session, or the login."""
    held = sessions(request)
    return RedirectResponse(f"/ui/{list(held)[-1]}" if held else "/ui/login", 303)


@router.get("/ui/login")
async def login_page(
    request: Request, next: str | None = None, ended: Literal["page", "action"] | None = None
) -> Response:
    """The form. `ended`: somebody was in the middle, and what they clicked may not be done."""
    return _form(request, next=next, ended=ended)


@router.post("/ui/login")
async def log_in(request: Request, runtime: RuntimeDep) -> Response:
    """Open a session and go to the page that asked for it."""
    fields = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    given = {name: values[0] for name, values in fields.items()}
    wanted = given.get("next")
    try:
        slug, token = await (_by_token if given.get("token") else _by_password)(runtime, given)
    except (Unauthenticated, Forbidden) as error:
        return _form(request, next=wanted, error=str(error), given=given, status=401)
    except RateLimited as error:
        return _form(request, next=wanted, error=str(error), given=given, status=429)
    place = local(wanted)
    response = RedirectResponse(place if place.startswith(f"/ui/{slug}/") else f"/ui/{slug}", 303)
    keep(request, response, {**{one: held for one, held in sessions(request).items() if one != slug}, slug: token})
    return response


@router.post("/ui/{org}/logout")
async def log_out(request: Request, runtime: RuntimeDep, org: str) -> Response:
    """End the session. A token that somebody typed in is only forgotten here: it may be in use elsewhere."""
    caller = visitor(request).caller
    if caller.user_id is not None:
        await runtime.run(tokens.revoke_token, runtime.db, caller.org, caller.token_id, actor=caller.actor)
    response = RedirectResponse("/ui", 303)
    keep(request, response, {slug: held for slug, held in sessions(request).items() if slug != org})
    return response


async def _by_token(runtime: ApiRuntime, given: dict[str, str]) -> tuple[str, str]:
    token = given["token"].strip()
    try:
        caller = await runtime.run(tokens.authenticate, runtime.db, token, per_minute=runtime.settings.calls_per_minute)
    except Unauthenticated:
        raise Unauthenticated("This token is unknown, expired or revoked.") from None
    if Right.READ not in RIGHTS[caller.role]:
        raise Forbidden(f"A token of the role {caller.role} sends records. It cannot read pages.")
    may_look(runtime, caller)
    return caller.org.slug, token


async def _by_password(runtime: ApiRuntime, given: dict[str, str]) -> tuple[str, str]:
    org, email, password = (given.get(name, "") for name in ("org", "email", "password"))
    if not (org.strip() and email.strip() and password):
        raise Unauthenticated("Type the organization, the e-mail and the password; or a token.")
    made = await runtime.log_in(users.log_in, runtime.db, org.strip(), email, password[: users.LONGEST_PASSWORD + 1])
    return made.org, made.token


def _form(
    request: Request,
    *,
    next: str | None,
    error: str | None = None,
    given: dict[str, str] | None = None,
    status: int = 200,
    ended: Literal["page", "action"] | None = None,
) -> Response:
    kept = {name: (given or {}).get(name, "") for name in ("org", "email")}
    if given is None and next and local(next) == next:
        kept["org"] = next.split("/")[2].partition("?")[0][:63]  # the page that is asked for is of this organization
    return render.page(
        request,
        "login/page.html",
        status=status,
        next=next if local(next) == next else None,
        error=error,
        ended=ended,
        by_token="token" in (given or {}),
        given=kept,
    )
