"""Fetch a preview from the store, and select what to promote."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Depends, Header, Query

from sync_pipeline.api.auth import RIGHTS, Caller, CallerFirst, Right, lacking, may
from sync_pipeline.api.contracts.base import Answer
from sync_pipeline.api.contracts.table import PreviewResult, Selection
from sync_pipeline.api.errors import problems
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.masking import Masking
from sync_pipeline.api.routes.observe import Wait, requested
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, Forbidden
from sync_pipeline.steps import preview, select
from sync_pipeline.steps.connect.party import Party

router = APIRouter(prefix="/api/v1/integrations/sync", tags=["preview"], route_class=CallerFirst)
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE))]
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", min_length=1, max_length=200, description="A repeated key returns the same request."
    ),
]


@router.post("/preview", responses=problems(404, 409, 413, 415, 424))
async def preview_or_select(  # noqa: PLR0913 - query parameters
    runtime: RuntimeDep,
    caller: Proposer,
    action: Annotated[
        Literal["fetch", "select"], Query(description="fetch: capture and compare; select: include or ignore.")
    ],
    entity_type: Annotated[str, Query(max_length=60, examples=["products"])],
    sync_type: Annotated[
        str | None, Query(max_length=40, description="The provider.", examples=["woocommerce"])
    ] = None,
    connection: Annotated[str | None, Query(max_length=63, description="Required if there are several.")] = None,
    wait: Wait = 0,
    idempotency_key: Key = None,
    given: Annotated[Selection | None, Body(description="For `select`.")] = None,
) -> Answer[PreviewResult]:
    """`fetch` captures records, up to a limit of pages, and compares them with core, through a durable request.
    `select` includes or ignores records, or takes a decision back (`undecided`); the decision is bound to the version
    that was seen (`seen`, `as_of`). An agent's selection is always a draft, and it takes back its own drafts only.
    """
    provider = sync_type.removesuffix("_sync") if sync_type else None
    if action == "select":
        if given is None:
            raise ConfigurationError("A selection needs a body: {“decision”: “include”, “ids”: […]}.")
        return Answer(data=await _select(runtime, caller, provider, connection, entity_type, given))
    if Right.FETCH not in RIGHTS[caller.role]:
        raise lacking(Right.FETCH, caller.role)
    if given is not None:
        raise ConfigurationError("A body is for action=select; with action=fetch it would be ignored. Send none.")
    one = await runtime.run(the_connection, runtime.db, caller, connection, provider=provider)
    stream = one.source.stream(entity_type)
    wanted = {"fetch": True, "max_pages": one.common().preview_max_pages}
    request = await requested(runtime, caller, "preview", one, stream, idempotency_key, wait, **wanted)
    if request.state != "done":
        return Answer(data=PreviewResult(request=request))
    found = await runtime.run(preview.summaries, runtime.db, one)
    return Answer(data=PreviewResult(request=request, preview=[row for row in found if row.entity == stream.name]))


async def _select(
    runtime: ApiRuntime, caller: Caller, provider: str | None, connection: str | None, entity: str, given: Selection
) -> PreviewResult:
    proposes = Right.SELECT not in RIGHTS[caller.role]
    if proposes and given.replace:
        raise Forbidden(f"A token of the role {caller.role} may not replace what somebody else decided.")
    wanted, by = given.filter or given, Party.of(caller, "api")

    def choose() -> select.Selected:
        one = the_connection(runtime.db, caller, connection, provider=provider)
        stream = one.source.stream(entity)
        Masking.of(runtime.settings, caller).may_decide_by(stream, wanted.search)
        which: select.Which = {
            "ids": given.ids,
            "status": wanted.status,
            "selection": wanted.selection,
            "search": wanted.search,
            "everything": wanted.all,
            "excluding": wanted.excluding,
            "seen": given.seen,
            "as_of": given.as_of,
            "expected": given.expected,
            "replace": given.replace,
        }
        here = (runtime.db, one, stream)
        if given.decision == "undecided":
            return select.undecide(*here, actor=by, why=given.why, own=proposes, **which)
        include, draft = given.decision == "include", given.draft or proposes
        return select.select(*here, include=include, actor=by, why=given.why, draft=draft, **which)

    made = await runtime.slowly(choose)
    return PreviewResult.model_validate(made, from_attributes=True)
