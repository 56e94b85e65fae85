"""What a tool declares: who may call it, what it takes, what clients should know of it. And one call of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar, get_type_hints
from urllib.parse import quote, urlencode

from pydantic import BaseModel, ConfigDict, Field

from sync_pipeline.api.auth import RIGHTS, Right
from sync_pipeline.api.lists import the_connection
from sync_pipeline.api.masking import Masking
from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.mcp.answers import ToolAnswer
from sync_pipeline.mcp.text import record_id
from sync_pipeline.sources.base import Stream
from sync_pipeline.steps.connect import Connection
from sync_pipeline.steps.connect.party import Party
from sync_pipeline.steps.connect.tokens import Caller

Kind = Literal["look", "ask", "propose", "act"]
# The right that each kind needs. Nobody has more here than to propose, whatever the token's role: a model holds it.
RIGHT: Mapping[Kind, Right] = {
    "look": Right.READ,
    "ask": Right.FETCH,
    "propose": Right.PROPOSE,
    "act": Right.PROPOSE,
}
# What clients are told: reads only, destroys, may be repeated, reaches other systems.
HINTS: Mapping[Kind, tuple[bool, bool, bool, bool]] = {
    "look": (True, False, True, False),
    "ask": (False, False, True, True),
    "propose": (False, False, True, False),
    "act": (False, True, True, False),
}


class Arguments(BaseModel):
    """What a tool takes. An unknown argument is refused."""

    model_config = ConfigDict(extra="forbid")


OfConnection = Annotated[str | None, Field(None, max_length=63, description="Needed if there are several.")]
Entity = Annotated[str, Field(max_length=60, description="products, customers, orders …")]
RecordId = Annotated[str, Field(min_length=1, max_length=200)]
Next = Annotated[str | None, Field(None, max_length=400, description="`next` of the answer before.")]
Number = Annotated[
    str | None, Field(None, pattern="^[0-9]{1,10}$", description="`next` of the answer before.")
]  # of a row
Limit = Annotated[int, Field(20, ge=1, le=50)]
Why = Annotated[str, Field(min_length=3, max_length=500, description="For the person who decides.")]
PlanId = Annotated[
    str, Field(min_length=4, max_length=36, description="Its id, or the beginning, if it is the only one.")
]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who makes it, and through which program."""

    db: Database
    settings: Settings
    caller: Caller
    client: str | None = None

    @property
    def party(self) -> Party:
        """The caller as who acts through this server: an agent, whatever role the token has."""
        return Party.of(self.caller, "mcp", self.client)

    def connection(self, name: str | None) -> Connection:
        """The connection of this name, or the only one.

        Raises:
            NotFound: the caller sees no such connection.
            ConfigurationError: there are several.
        """
        return the_connection(self.db, self.caller, name)

    def place(self, name: str | None, entity: str) -> tuple[Connection, Stream]:
        """A connection and one of its entities."""
        one = self.connection(name)
        return one, one.source.stream(entity)

    @property
    def reads(self) -> Masking:
        """What the caller may read of records."""
        return Masking.of(self.settings, self.caller, to_a_model=True)

    def address(self, *parts: str, **query: str | None) -> str:
        """The address of a page of the Explorer, for a person."""
        base = (self.settings.explorer_url or "").rstrip("/")
        path = "/".join(quote(part, safe="") for part in ("ui", self.caller.org.slug, *parts))
        asked = {name: value for name, value in query.items() if value is not None}
        return f"{base}/{path}" + (f"?{urlencode(asked)}" if asked else "")

    def record_address(self, one: Connection, stream: Stream, external_id: str) -> str | None:
        """The page of a record. An id that is text like any other has none: the address would speak for it."""
        plain = isinstance(record_id(external_id), str)
        return self.address(one.name, "data", stream.name, external_id) if plain else None


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. `everywhere`: it concerns the organization, so a token of one connection may not call it.

    `waits`: it may be repeated for up to `wait` seconds until its answer has `ended`. `store`: it waits for a store.
    """

    name: str
    kind: Kind
    description: str
    arguments: type[Arguments]
    run: Callable[[Call, Any], ToolAnswer]
    everywhere: bool = False
    waits: bool = False
    store: bool = False

    def open_to(self, caller: Caller) -> bool:
        """May this caller use it?"""
        return RIGHT[self.kind] in RIGHTS[caller.role] and not (self.everywhere and caller.connection_id is not None)


TOOLS: dict[str, Tool] = {}
A = TypeVar("A", bound=Arguments)
Run = Callable[[Call, A], ToolAnswer]


def tool(kind: Kind, **how: bool) -> Callable[[Run[A]], Run[A]]:
    """Register a function as a tool: its name, its docstring and the type of its second argument say the rest."""

    def register(run: Run[A]) -> Run[A]:
        taken = get_type_hints(run)["given"]
        words = " ".join((run.__doc__ or "").split())
        TOOLS[run.__name__] = Tool(run.__name__, kind, words, taken, run, **how)
        return run

    return register


def schema(arguments: type[Arguments]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments, without what a model does not need."""
    slim: dict[str, Any] = _slim(arguments.model_json_schema())
    return slim


def _slim(part: Any) -> Any:
    if isinstance(part, list):
        return [_slim(one) for one in part]
    if not isinstance(part, dict):
        return part
    kept = {
        name: {key: _slim(one) for key, one in value.items()} if name == "properties" else _slim(value)
        for name, value in part.items()
        if name not in ("title", "default") or (name == "default" and value not in (None, False))
    }
    options = [one for one in kept.get("anyOf", ()) if one != {"type": "null"}]
    if "anyOf" in kept and len(options) == 1:
        del kept["anyOf"]
        kept = {**options[0], **kept}
    if "description" in kept and "additionalProperties" in kept:
        del kept["description"]  # of the class: the tool has its own
    return kept
