"""A source: a folder with a SOURCE, whose streams are declarations and whose client speaks the provider's API.

Steps know only the names in this file. Providers are found by folder and streams by file; nothing is registered.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, Field

from sync_pipeline.entities.base import Entity
from sync_pipeline.errors import NotFound, RefusedBySource, SyncError
from sync_pipeline.sources.settings import ConnectionSettings

ToEntity = Callable[[Mapping[str, Any]], Entity]


class Paging(StrEnum):
    """How a list is read without losing a row while the store changes it."""

    OFFSET = "offset"  # ordered by id; pages overlap by one row, which proves that none was skipped between them
    KEYSET = "keyset"  # windows of ids, ordered by id; rows that a page left out are requested again
    WHOLE = "whole"  # one answer has all records


class Sweep(StrEnum):
    """How a sweep finds changes that the change signal misses."""

    COMPARE = "compare"  # ids and sweep fields of every record, then a fetch of what differs
    READ = "read"  # a full read: nothing cheaper shows the changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One entity of one provider. Field names are paths in the payload, `billing.email`.

    A path may name alternatives; the first non-empty one wins: `email|billing.email`.
    """

    name: str  # the asset's and the command line's name: products
    entity_type: str  # in the database: product
    title: str  # for people: Products
    path: str  # the provider's address of the list
    entity: str | None = None  # the core entity its payloads map to; None: reference data
    paging: Paging = Paging.OFFSET
    signal: bool = False  # the list can be filtered by time of change
    sweep: Sweep = Sweep.READ
    parent: str | None = None  # the stream of its parents (one list per parent)
    parent_where: Callable[[Mapping[str, Any]], bool] | None = None  # which parents have a list
    id_field: str = "id"
    parent_field: str | None = None  # what fills parent_id
    refers_to: str | None = None  # entity type parent_id points to; preview warns where it is missing
    part_of_parent: bool = False  # core's row of the parent is not whole without it: an order without its lines
    # Top-level lists of ids by which it is known who names a record (entities/named_by.py). A further one needs a
    # migration that adds what is captured already to capture.named_record.
    named_in: tuple[str, ...] = ()
    label: str | None = "name"
    columns: tuple[str, ...] = ()  # top-level fields that a list of them shows, besides name, code and email
    code: str | None = None
    code_is: str = "code"  # its kind: sku, order_number, code
    email: str | None = None
    created: str | None = None
    modified: str | None = None
    empty: tuple[str, ...] = ("null",)  # JSON types of an empty field: filling one is no schema drift
    noise: tuple[str, ...] = ()  # top-level fields that vary without a change; stored, not hashed
    sweep_fields: tuple[str, ...] = ()  # top-level fields a sweep compares
    # Fields that the mapper reads, those of a list's elements as line_items.total. Preview maps a record in which
    # one of them does not have its plain form, and warns as promotion will.
    money: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field → the words known
    currency: str | None = None
    amounts: tuple[str, ...] = ()  # paths of money that no mapper reads: a rate, a coupon's amount
    personal: tuple[str, ...] = ()  # paths of what tells who or where a person is; city and country are not among them
    total: str | None = None  # an order's total
    adds_up: tuple[
        str, ...
    ] = ()  # amounts of a list's elements that make the total; preview maps an order where they do not
    links: Mapping[str, str] = field(
        default_factory=dict
    )  # list of {id} → entity type; preview warns of what is missing
    # Columns of core whose value the payload has as it is, {column: path}, also `metadata.key`: `validate` compares the
    # two without the mapper. `currency_id>currency.name`: the record that `currency_id` names has it in its `name`.
    copied: Mapping[str, str] = field(default_factory=dict)
    references: tuple[str, ...] = ()  # an order's fields that may name another store's order
    needs: tuple[str, ...] = ()  # top-level fields the mapper needs: a gate opens if one disappears
    params: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False  # a store may lack it
    absent: tuple[int, ...] = (400, 403, 404, 501)  # how a store that lacks it answers
    store_currency: Callable[[Mapping[str, Any]], str | None] | None = None  # the store's own currency
    to_entity: ToEntity | None = None
    read_text: Callable[[str], str] | None = None  # how label, code and email are read: HTML entities decoded
    declared_in: str = ""  # its module; `collect` fills it in

    def is_absent(self, error: RefusedBySource) -> bool:
        """Does this refusal say that the store lacks the list, or that the user may not read what nothing waits for?"""
        return self.optional and error.by_api and error.status in self.absent

    @property
    def money_paths(self) -> tuple[str, ...]:
        """Every path of money in its payloads; what an amount is in is one of them."""
        return tuple(dict.fromkeys((*self.money, *self.amounts, *((self.currency,) if self.currency else ()))))


@dataclass(frozen=True, slots=True)
class RawRecord:
    """One record of a page: its id and its exact bytes."""

    external_id: str
    raw: bytes
    parent_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """An answer with records, in the store's order.

    `total`: how many records the list has, if known; `clock`: the store's time, if known. For a window of ids, `upto`
    is the last id that was read (None: the whole window), and `looked` is the number of rows that were read, if some of
    them do not belong to the list.
    """

    items: Sequence[RawRecord]
    total: int | None = None
    clock: datetime | None = None
    upto: int | None = None
    looked: int | None = None
    request: str = ""
    rejected: Sequence[tuple[bytes, str]] = ()  # elements that are not records: their bytes and the reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One request for a part of a list. `walk` names the list where a stream has several (its parent's id)."""

    stream: Stream
    walk: str = ""
    offset: int = 0
    after: int | None = None  # keyset: ids above this one
    before: int | None = None  # keyset: and below this one
    limit: int = 100
    since: datetime | None = None
    fields: tuple[str, ...] = ()  # only these (a sweep)


class Presence(StrEnum):
    """What a direct look at one id found."""

    PRESENT = "present"
    TRASH = "trash"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Look:
    """A direct look at one record: the evidence for a deletion."""

    presence: Presence
    evidence: str  # "404", "status trash" …
    item: RawRecord | None = None


@dataclass(frozen=True, slots=True)
class Scope:
    """The parts of a stream's records that a pull leaves out; reports show them.

    `left_out`: reason → field names; `missing`: fields the mapper expects and the store does not offer to this user.
    """

    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    level: Literal["ok", "warning", "error"]
    code: str
    message: str
    remedy: Annotated[str, Field(description="What to do.")] = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a client has used of a store: requests, and bytes received."""

    requests: int = 0
    bytes: int = 0

    def __sub__(self, before: "Usage") -> "Usage":
        return Usage(self.requests - before.requests, self.bytes - before.bytes)


class Client(Protocol):
    """Speaks one connection's API. Thread-safe; every method may raise the SourceErrors of `errors`."""

    page_size: int

    @property
    def usage(self) -> Usage:
        """What it has used so far."""

    def list(self, ask: Ask) -> Page:
        """A part of a list, ordered by id."""

    def last(self, ask: Ask) -> Page:
        """The last record of a list (its id is enough), and the number of records if that is cheap to know."""

    def fetch(self, stream: Stream, ids: Sequence[str], walk: str = "") -> Page:
        """These records; the page lacks those that no longer exist."""

    def look(self, stream: Stream, external_id: str, parent_id: str | None = None) -> Look:
        """Does this record still exist?"""

    def lists(self, stream: Stream) -> bool:
        """True if all records are in one list; False if there is one list per parent."""

    def offset_ignored(self, stream: Stream) -> None:
        """This list ignores offsets: request pages from now on."""

    def scope(self, stream: Stream) -> Scope:
        """What a pull leaves out of these records, as far as earlier requests showed; makes no request."""

    def close(self) -> None:
        """Close connections."""


class Unreadable(SyncError):
    """A record or a delivery that cannot be read. The message names the field and never contains a value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """How to read the records of one push call.

    `record` declares the known fields for OpenAPI. It nests no other model; the API accepts further fields.
    """

    stream: str
    id_field: str  # wc_product_id
    record: type[BaseModel]
    # A pushed record → the provider's own payload. Raises Unreadable.
    to_payload: Callable[[Mapping[str, Any]], dict[str, Any]]
    # (stored payload, pushed payload) → the stored payload updated with the pushed one.
    combine: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
    # Where the payload has the time of its change; the stream's `modified` if not given. Older pushes change nothing.
    modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook's message: something happened to a record. It may hold the record as it was then."""

    delivery_id: str
    topic: str
    stream: str | None  # None: not about a record of any stream
    external_id: str | None = None
    parent_id: str | None = None
    modified: datetime | None = None  # of `raw`, on the store's clock
    raw: bytes | None = None  # the complete record; None: ask the store for it


class Webhooks(Protocol):
    """How to read a provider's webhooks. `headers` have lower-case names."""

    secret_field: str
    headers: Mapping[str, str]  # those that it reads, and what each says: for the API's document

    def genuine(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        """Is the signature valid? Compared in constant time."""

    def ping(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Is this the store's test of a new webhook? It may be unsigned and carries no record."""

    def read(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """Read the delivery. Raises Unreadable."""


@dataclass(frozen=True, slots=True)
class Source:
    """A provider: its settings model, its client and its streams, parents before children."""

    name: str
    title: str
    settings: type[ConnectionSettings]
    address_field: str
    connect: Callable[..., Client]  # (settings, *, allow_private)
    diagnose: Callable[[Client], Sequence[Finding]]  # what works and what does not, with causes in plain words
    streams: Mapping[str, Stream]
    pushed: Mapping[str, Pushed] = field(default_factory=dict)  # by the name of the call: products
    webhooks: Webhooks | None = None
    short_title: str = ""  # where the title is long for a tab

    @property
    def data_title(self) -> str:
        """What the tab of its records is called: Woo Data."""
        return f"{self.short_title or self.title} Data"

    @property
    def secret_fields(self) -> tuple[str, ...]:
        """The settings that hold secrets."""
        return self.settings.secret_fields()

    def stream(self, name: str) -> Stream:
        """The stream called `name` (products) or typed `name` (product).

        Raises:
            NotFound: unknown name; lists the names.
        """
        if name in self.streams:
            return self.streams[name]
        for stream in self.streams.values():
            if stream.entity_type == name:
                return stream
        raise NotFound(f"{self.title} has no entity “{name}”. There are: {', '.join(self.streams)}.")


def collect(package: str, reference: Callable[[str], ToEntity] | None = None) -> dict[str, Stream]:
    """The streams that the modules of `package` declare as STREAM or STREAMS, parents before children, else by name.

    `reference` makes the mapper of those that name none: they are reference data.
    """
    folder = importlib.import_module(package)
    found: dict[str, Stream] = {}
    for info in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{package}.{info.name}")
        for stream in getattr(module, "STREAMS", None) or (module.STREAM,):
            if stream.name in found:
                raise ValueError(f"{package} declares the stream {stream.name} twice")
            mapper = stream.to_entity or (reference and reference(stream.entity_type))
            found[stream.name] = replace(stream, to_entity=mapper, declared_in=module.__name__)
    ordered: dict[str, Stream] = {}

    def place(stream: Stream) -> None:
        if stream.parent and stream.parent not in ordered:
            place(found[stream.parent])
        ordered.setdefault(stream.name, stream)

    for name in sorted(found):
        place(found[name])
    return ordered


@cache
def all_sources() -> Mapping[str, Source]:
    """All providers: the packages beside this file, each with a SOURCE."""
    import sync_pipeline.sources as package

    sources = {}
    for info in pkgutil.iter_modules(package.__path__):
        if info.ispkg:
            source = importlib.import_module(f"{package.__name__}.{info.name}").SOURCE
            sources[source.name] = source
    return sources


def streams_of(entity: str) -> Sequence[Stream]:
    """The streams of every provider whose records are a core entity."""
    return [one for provider in all_sources().values() for one in provider.streams.values() if one.entity == entity]


def types_of(entity: str) -> list[str]:
    """The entity types that any provider's records of a core entity have."""
    return sorted({stream.entity_type for stream in streams_of(entity)})


def parent_fields(entity: str) -> list[str]:
    """The payload's fields that any provider's records of a core entity name what they hang on in."""
    return sorted({stream.parent_field for stream in streams_of(entity) if stream.parent_field})


def source(name: str) -> Source:
    """The provider called `name`.

    Raises:
        NotFound: unknown provider; lists the providers.
    """
    try:
        return all_sources()[name]
    except KeyError:
        raise NotFound(f"There is no provider “{name}”. There are: {', '.join(all_sources())}.") from None
