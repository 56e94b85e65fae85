"""Who looks at a page: the session cookie, the check that a call comes from our own pages, errors as pages."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import structlog
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from sync_pipeline.api.errors import explain
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.runtime import ApiRuntime
from sync_pipeline.errors import Forbidden, NotFound, Unauthenticated
from sync_pipeline.explorer import render
from sync_pipeline.steps.connect import tokens
from sync_pipeline.steps.connect.tokens import Caller
from sync_pipeline.steps.connect.users import SESSION

# A browser takes the first name over TLS only, for this host alone; without TLS it would refuse it.
SECURE, PLAIN = "__Host-session", "session"
_MOST = 8  # organizations at a time
_SAFE = frozenset({"GET", "HEAD"})
_log = structlog.get_logger("sync_pipeline.explorer")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, and the organizations in which this browser has a session."""

    caller: Caller
    orgs: tuple[str, ...]


def sessions(request: Request) -> dict[str, str]:
    """The tokens in the cookie, by organization."""
    plain = request.cookies.get(PLAIN) if request.url.scheme == "http" else None
    value = request.cookies.get(SECURE) or plain or ""
    parts = (part.partition(":") for part in value.split("|")[:_MOST])
    return {slug: token for slug, _, token in parts if slug and token}


def keep(request: Request, response: Response, held: Mapping[str, str]) -> None:
    """Write the cookie; the organization that was added last stays longest."""
    secure = urlsplit(request.headers.get("origin", "")).scheme == "https" or request.url.scheme == "https"
    value = "|".join(f"{slug}:{token}" for slug, token in list(held.items())[-_MOST:])
    for name in (SECURE, PLAIN):
        kept = bool(value) and name == (SECURE if secure else PLAIN)
        if kept or name in request.cookies:
            response.set_cookie(
                name,
                value if kept else "",
                max_age=int(SESSION.total_seconds()) if kept else 0,
                path="/",
                secure=name == SECURE,
                httponly=True,
                samesite="strict",
            )


def local(path: str | None) -> str:
    """A page of ours to go to, or the first one if this is none. A browser follows dots, also `%2e`, elsewhere."""
    plain = (path or "").partition("?")[0].lower().replace("%2e", ".")
    leaves = "\\" in plain or ".." in plain.split("/")
    return path if path and path.startswith("/ui/") and not leaves and path.isprintable() else "/ui"


def visitor(request: Request) -> Visitor:
    """Who looks at this page."""
    found: Visitor = request.state.visitor
    return found


class PageRoute(APIRoute):
    """A page. Whoever asks is known before a body is read, and an error is a page too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler behind these checks."""
        handle = super().get_route_handler()

        async def page(request: Request) -> Response:
            try:
                if request.method not in _SAFE:
                    _from_our_pages(request)
                if "org" in request.path_params:
                    await _known(request, request.path_params["org"])
                return await handle(request)
            except Exception as error:  # noqa: BLE001 - whatever it is, the answer is a page without its inside
                return _problem(request, error)

        return page


def _from_our_pages(request: Request) -> None:
    """Refuse what a page of another site sends: a browser says where a call comes from.

    Raises:
        Forbidden: it does not come from a page of this service.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:  # a browser says so only over TLS and on loopback
        origin = urlsplit(request.headers.get("origin", ""))
        site = "same-origin" if origin.netloc and origin.netloc == request.headers.get("host") else "unknown"
    if site != "same-origin":
        raise Forbidden("This call does not come from a page of this service. Open the page here and try again.")


async def _known(request: Request, slug: str) -> None:
    """Find out who has a session in this organization.

    Raises:
        Unauthenticated: nobody has a session.
        NotFound: the sessions belong to other organizations.
    """
    held = sessions(request)
    if slug not in held:
        if held:
            raise NotFound("This page does not exist, or it belongs to an organization you are not logged in to.")
        raise Unauthenticated()
    runtime: ApiRuntime = request.app.state.runtime
    caller = await runtime.run(
        tokens.authenticate, runtime.db, held[slug], per_minute=runtime.settings.calls_per_minute
    )
    if caller.org.slug != slug:
        raise Unauthenticated()
    may_look(runtime, caller)
    request.state.caller = caller  # the log, the body limit and the rights read it
    request.state.visitor = Visitor(caller, tuple(held))


def may_look(runtime: ApiRuntime, caller: Caller) -> None:
    """Pages show records as they are, so whoever reads masks reads no pages.

    Raises:
        Forbidden: they read masks.
    """
    if Masking.of(runtime.settings, caller).masker is not None:
        raise Forbidden(
            "These pages show people's data, and this token reads it masked. Use the agents' server or the API with "
            "it, or log in as a person."
        )


def _place(request: Request) -> str:
    """The page that a person looks at: this one, or the one whose form they sent."""
    if request.method in _SAFE:
        return request.url.path + (f"?{request.url.query}" if request.url.query else "")
    page = urlsplit(request.headers.get("referer", ""))
    ours = page.netloc == request.headers.get("host")
    return local(page.path + (f"?{page.query}" if page.query else "")) if ours else "/ui"


def _ended(request: Request) -> str:
    """What the login says: that a session ended in the middle, and whether what was clicked was not done."""
    if request.method not in _SAFE:
        return "ended=action&"
    came_from = urlsplit(request.headers.get("referer", ""))
    ours = came_from.netloc == request.headers.get("host") and came_from.path.startswith("/ui/")
    known = render.is_fragment(request) or request.path_params.get("org") in sessions(request)
    return "ended=page&" if known or (ours and came_from.path != "/ui/login") else ""


def _problem(request: Request, error: Exception) -> Response:
    if isinstance(error, Unauthenticated):
        login = f"/ui/login?{_ended(request)}next={quote(_place(request))}"
        streams = "text/event-stream" in request.headers.get("accept", "")
        if not render.is_fragment(request) and not streams:
            return RedirectResponse(login, 303)
        return JSONResponse({"success": False, "error": str(error)}, 401, {"X-Login": login})
    answer = explain(request, error)
    if answer is None:
        _log.error("unexpected", exc_info=error)
        answer = (500, "Unexpected error. Committed work is safe.", {})
    status, words, headers = answer
    if isinstance(error, HTTPException) and status == 404:
        words = "There is no such page."
    return render.problem(request, status, words, headers)
