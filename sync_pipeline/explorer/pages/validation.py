"""Validation: the matrix of every check, red rows first, and a person's sign-off."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from sync_pipeline.api.auth import RIGHTS, Caller, Right, may, sync_call
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, NotFound
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.steps import observe
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.observe import validation
from sync_pipeline.steps.observe.validation import Verdict
from sync_pipeline.steps.observe.validation.matrix import OPEN

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ, everywhere=True))]
Fetcher = Annotated[Caller, Depends(may(Right.FETCH, everywhere=True))]
Decider = Annotated[Caller, Depends(may(Right.DECIDE, everywhere=True))]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Offset = Annotated[int, Query(ge=0, le=2**31)]
_ROWS = 100
_EARLIER = 10  # validations that the page lists


@router.get("/ui/{org}/validation")
async def validation_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    verdict: Verdict | None = None,
    after: Offset = 0,
    asked: Annotated[int | None, Query(ge=1, le=2**53)] = None,
) -> Response:
    """The newest matrix: what is red, and who signed it off."""
    newest = await runtime.run(validation.newest_validation, runtime.db, caller.org)
    return await _page(request, runtime, caller, newest, verdict, after, asked=asked)


@router.get("/ui/{org}/validation/{validation_id}")
async def one_validation_page(
    request: Request,
    runtime: RuntimeDep,
    caller: Reader,
    validation_id: Number,
    verdict: Verdict | None = None,
    after: Offset = 0,
) -> Response:
    """An earlier matrix."""
    found = await runtime.run(validation.validation, runtime.db, caller.org, validation_id)
    return await _page(request, runtime, caller, found, verdict, after)


async def _page(
    request: Request,
    runtime: ApiRuntime,
    caller: Caller,
    found: validation.Validation | None,
    verdict: Verdict | None,
    after: int,
    *,
    asked: int | None = None,
) -> Response:
    base = f"/ui/{caller.org.slug}/validation"

    def look() -> dict[str, Any]:
        earlier, _ = validation.validations(runtime.db, caller.org, page_size=_EARLIER)
        told = _told(runtime, caller, asked)
        shown: dict[str, Any] = {
            "validation": found,
            "earlier": earlier,
            "newest": earlier[0] if earlier else None,
            "rows": [],
            "count": 0,
            "open_rows": [],
            "signoffs": [],
            "told": told,
            "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
        }
        if found is None:
            return shown
        here = (runtime.db, caller.org, found.validation_id)
        wanted = (verdict,) if verdict else ()
        shown["rows"], shown["count"] = validation.matrix_rows(*here, verdicts=wanted, offset=after, limit=_ROWS)
        shown["open_rows"], _ = validation.matrix_rows(*here, verdicts=OPEN, limit=_ROWS)
        shown["signoffs"], _ = validation.signoffs(runtime.db, caller.org)
        return shown

    shown = await runtime.run(look)
    page = base if found is None else f"{base}/{found.validation_id}"

    def at(**changes: Any) -> str:
        query = urlencode({name: value for name, value in {"verdict": verdict, **changes}.items() if value})
        return f"{page}?{query}" if query else page

    rights = RIGHTS[caller.role]
    return render.page(
        request,
        "validation/page.html",
        here=("", "validation"),
        base=base,
        at=at,
        verdict=verdict,
        after=after,
        next_after=after + _ROWS,
        fetches=Right.FETCH in rights,
        decides=Right.DECIDE in rights,
        signs=Right.DECIDE in rights and Party.of(caller, "explorer").is_person,
        **shown,
    )


def _told(runtime: ApiRuntime, caller: Caller, number: int | None) -> observe.Request | None:
    """The request that this page was led to."""
    try:
        found = observe.request(runtime.db, caller.org, number) if number is not None else None
    except NotFound:  # long ago
        return None
    return found if found is not None and found.kind == "validate" else None


@router.post("/ui/{org}/validation")
async def request_validation(runtime: RuntimeDep, caller: Fetcher) -> Response:
    """Ask for a validation: every check at every place, and the stores' lists."""
    await sync_call(runtime, caller, None)
    asked = await runtime.run(observe.create_request, runtime.db, caller.org, "validate", actor=caller.actor)
    return forms.then(f"/ui/{caller.org.slug}/validation?asked={asked.request_id}")


@router.post("/ui/{org}/validation/signoff")
async def sign_off(request: Request, runtime: RuntimeDep, caller: Decider) -> Response:
    """Sign the newest matrix off, as a person who is logged in with a password."""
    given = await forms.fields(request)
    rows, reasons = given.get("accept", []), given.get("why", [])
    unknown = given.keys() - {"hash", "milestone", "note", "accept", "why"}
    if unknown or len(rows) != len(reasons) or len(set(rows)) < len(rows):
        raise ConfigurationError("This form is not the one that the page shows. Open the page again.")
    accept = {row: why for row, why in zip(rows, reasons, strict=True) if why.strip()}
    await runtime.run(
        validation.sign_off,
        runtime.db,
        caller.org,
        given.get("hash", [""])[-1],
        milestone=given.get("milestone", [""])[-1][:200],
        note=given.get("note", [""])[-1][:2000],
        accept=accept,
        by=Party.of(caller, "explorer"),
    )
    return forms.then(f"/ui/{caller.org.slug}/validation")
