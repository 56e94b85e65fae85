"""The records of an entity: found, filtered, paged; and included or ignored as they were seen."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime, Field, ValidationError

from sync_pipeline import invalid
from sync_pipeline.api.auth import RIGHTS, Caller, Right, may
from sync_pipeline.api.contracts.base import Shape, Why
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.runtime import ApiRuntime, RuntimeDep
from sync_pipeline.errors import ConfigurationError, Forbidden
from sync_pipeline.explorer import forms, nav, render
from sync_pipeline.explorer.session import PageRoute
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps import connect, observe, preview, select
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.preview import Browsed, RecordRow, RecordView
from sync_pipeline.steps.select import Selected

router = APIRouter(route_class=PageRoute)
Reader = Annotated[Caller, Depends(may(Right.READ))]
Proposer = Annotated[Caller, Depends(may(Right.PROPOSE))]
ConnectionName = Annotated[str, Path(max_length=63)]
Entity = Annotated[str, Path(max_length=60)]
Decision = Literal["include", "ignore", "undecided"]
SIZE = 50
MOST_SORTED = 20_000  # ids and times have an index; more names would be sorted at every click
_NAMED = 20  # of the records that were left out so many are shown

_Id = Annotated[str | None, Query(max_length=200)]


def view_of(
    status: Annotated[str | None, Query(max_length=20)] = None,
    choice: Annotated[str | None, Query(max_length=20)] = None,
    warned: bool = False,
    q: Annotated[str | None, Query(max_length=200)] = None,
    sort: Annotated[str | None, Query(max_length=40)] = None,
    after: _Id = None,
    before: _Id = None,
) -> RecordView:
    """What the address asks for."""
    search = (q or "").strip() or None
    return RecordView(status=status, choice=choice, warned=warned, search=search, sort=sort, after=after, before=before)


View = Annotated[RecordView, Depends(view_of)]


class Decide(Shape):
    """A decision about records that were seen: those in `seen` or `ids`, or `all` that the address finds."""

    decision: Decision
    seen: dict[str, str] | None = Field(None, max_length=10_000)
    ids: list[str] | None = Field(None, max_length=SIZE)
    all: bool = False
    excluding: list[str] = Field(default_factory=list, max_length=10_000)
    as_of: AwareDatetime | None = None
    expected: int | None = Field(None, ge=0)
    replace: bool = False
    why: Why = None
    record: bool = False  # it is decided on its own page


class DecideForm(Shape):
    """The form of a list or a record, where scripts fail: a button names one record, the bar those that are ticked."""

    include: str | None = Field(None, max_length=200)
    ignore: str | None = Field(None, max_length=200)
    undecided: str | None = Field(None, max_length=200)
    decision: Literal["include", "ignore"] | None = None
    id: list[str] = Field(default_factory=list, max_length=SIZE)
    as_of: AwareDatetime
    replace: bool = False
    record: bool = False
    why: Why = None

    def decided(self) -> Decide:
        """The decision. What changed after `as_of`, when the page was made, stays as it is."""
        named: dict[Decision, str | None] = {
            "include": self.include, "ignore": self.ignore, "undecided": self.undecided
        }  # fmt: skip
        decision, one = next(((name, one) for name, one in named.items() if one), (self.decision, None))
        if decision is None:
            raise ConfigurationError("Choose Include or Ignore.")
        return Decide(
            decision=decision,
            ids=[one] if one else self.id,
            as_of=self.as_of,
            replace=self.replace,
            why=self.why,
            record=self.record,
        )


async def decided_of(request: Request) -> Decide:
    """What is decided: JSON of the script, or the form itself.

    Raises:
        ConfigurationError: it is neither.
    """
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return (await forms.form(request, DecideForm)).decided()
    try:
        return Decide.model_validate_json(await request.body())
    except ValidationError as error:
        raise ConfigurationError(invalid.sentences(error.errors(), "the call")) from None


@dataclass(frozen=True, slots=True)
class Notice:
    """What a decision did: how many records it decided, which it left out, and as what they are shown now."""

    decision: str
    made: Selected
    rows: Mapping[str, RecordRow]
    draft: bool
    promotes: bool  # the sensor does, within seconds


@router.get("/ui/{org}/{connection}/data/{entity}")
async def data_page(
    request: Request, runtime: RuntimeDep, caller: Reader, connection: ConnectionName, entity: Entity, view: View
) -> Response:
    """The records of an entity."""
    return await _shown(request, runtime, caller, (connection, entity), view)


@router.post("/ui/{org}/{connection}/data/{entity}")
async def decide(
    request: Request,
    runtime: RuntimeDep,
    caller: Proposer,
    connection: ConnectionName,
    entity: Entity,
    view: View,
    given: Annotated[Decide, Depends(decided_of)],
) -> Response:
    """Include or ignore, then show the list again with what was done. Who may only propose makes a draft."""
    proposes = Right.SELECT not in RIGHTS[caller.role]
    if proposes and given.replace:
        raise Forbidden(f"The role {caller.role} cannot replace what somebody else decided.")

    def choose() -> tuple[Notice, str | None]:
        one = the_connection(runtime.db, caller, connection)
        stream = one.source.stream(entity)
        here = (runtime.db, one, stream)
        why, by = (given.why or "").strip() or None, Party.of(caller, "explorer")
        which = _which(view, given)
        if given.decision == "undecided":
            made = select.undecide(*here, actor=by, why=why, own=proposes, **which)
        else:
            include = given.decision == "include"
            made = select.select(*here, include=include, actor=by, why=why, draft=proposes, **which)
        left_out = [one["external_id"] for one in (*made.moved, *made.replaced_by_others)][: 2 * _NAMED]
        rows = {row.external_id: row for row in preview.browse_some(runtime.db, one, stream, left_out)}
        done = Notice(given.decision, made, rows, proposes, select.promotes_by_itself(runtime.db, one))
        its_page = record_address(caller, one, stream)(given.ids[0]) if given.record and given.ids else None
        return done, None if left_out else its_page

    notice, its_page = await runtime.slowly(choose)
    if its_page is not None:
        return forms.then(its_page)
    return await _shown(request, runtime, caller, (connection, entity), view, notice)


def _which(view: RecordView, given: Decide) -> select.Which:
    """Which records are decided: those that were ticked, or all that the address finds."""
    which: select.Which = {"as_of": given.as_of, "replace": given.replace}
    if not given.all:
        if given.ids and given.as_of:
            return {**which, "ids": given.ids}
        if not given.seen:
            raise ConfigurationError("Select records first.")
        return {**which, "seen": given.seen}
    return {
        **which,
        "status": view.status,
        "selection": view.choice,
        "search": view.search,
        "warned": view.warned,
        "everything": not (view.status or view.choice or view.search or view.warned),
        "excluding": given.excluding,
        "expected": given.expected,
    }


async def _shown(
    request: Request,
    runtime: ApiRuntime,
    caller: Caller,
    place: tuple[str, str],
    view: RecordView,
    notice: Notice | None = None,
) -> Response:
    def look() -> tuple[connect.Connection, Stream, Browsed, dict[str, Any]]:
        one = the_connection(runtime.db, caller, place[0])
        stream = one.source.stream(place[1])
        found = preview.browse(runtime.db, one, stream, view, size=SIZE)
        return (
            one,
            stream,
            found,
            {
                "links": [] if render.is_fragment(request) else nav.links(runtime, caller),
                "quarantined": observe.quarantine_counts(runtime.db, one).get(stream.entity_type, 0),
                "saved": preview.saved_views(runtime.db, one, stream),
                "to_plan": _to_plan(runtime, caller, (one, stream), view, found),
            },
        )

    one, stream, found, beside = await runtime.run(look)
    return render.page(
        request,
        "data/page.html",
        here=(one.name, stream.name),
        connection=one,
        stream=stream,
        view=view,
        found=found,
        actor=caller.actor,
        administers=Right.CONNECT in RIGHTS[caller.role],
        notice=notice,
        at=addresses(caller, one, stream, view),
        record_at=lambda external_id: f"{stream.name}/{quote(external_id, safe='')}",  # beside the list
        sortable=found.total <= MOST_SORTED,
        most_sorted=MOST_SORTED,
        decides=Right.PROPOSE in RIGHTS[caller.role],
        proposes=Right.SELECT not in RIGHTS[caller.role],
        amounts=frozenset((*stream.money, *stream.numbers)),
        code_title=stream.code_is.replace("_", " ").capitalize() if stream.code_is != "sku" else "SKU",
        **beside,
    )


def _to_plan(
    runtime: ApiRuntime, caller: Caller, of: tuple[connect.Connection, Stream], view: RecordView, found: Browsed
) -> int | None:
    """How many included records a new plan of this person would hold; 0: all wait in plans of others, or agents
    proposed them. None: there are none, or plans are not this person's to make."""
    rights, any_included = RIGHTS[caller.role], found.counts.of(None, "include") > 0
    if Right.PROPOSE not in rights or caller.connection_id is not None or not (any_included or view.search):
        return None
    kinds = select.included(
        runtime.db,
        caller.org,
        actor=Party.of(caller, "explorer"),
        waiting=Right.PROMOTE in rights,
        only=(of[0].connection_id, of[1].entity_type),
    )
    number = sum(kind.items for kind in kinds)
    return number if number or any_included else None


def list_address(caller: Caller, connection: connect.Connection, stream: Stream) -> str:
    """The address of an entity's list."""
    return f"/ui/{caller.org.slug}/{quote(connection.name, safe='')}/data/{stream.name}"


def record_address(caller: Caller, connection: connect.Connection, stream: Stream) -> Callable[[str], str]:
    """The addresses of its records."""
    base = list_address(caller, connection, stream)
    return lambda external_id: f"{base}/{quote(external_id, safe='')}"


def addresses(caller: Caller, connection: connect.Connection, stream: Stream, view: RecordView) -> Callable[..., str]:
    """Addresses of the list with other filters than `view`; another filter begins at the first page."""
    given = {**asdict(view), "q": view.search, "warned": 1 if view.warned else None}
    del given["search"]
    base = list_address(caller, connection, stream)

    def at(**changes: Any) -> str:
        wanted = {**given, "after": None, "before": None, **changes}
        query = urlencode({name: value for name, value in wanted.items() if value not in (None, "", False)})
        return f"{base}?{query}" if query else base

    return at
