"""Captured payloads as entities: what preview warns of and what promotion writes come from here.

A payload that cannot be mapped fails alone, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from functools import cache
from hashlib import blake2b
from itertools import islice
from typing import Any, NamedTuple, TypedDict

import msgspec

from sync_pipeline.entities.base import Entity, Follow, MapperWarning, Unmappable
from sync_pipeline.entities.core import table_of
from sync_pipeline.entities.order import Order
from sync_pipeline.entities.values import BEGINNING, fitted
from sync_pipeline.errors import SyncError
from sync_pipeline.exact_json import decoder, to_json
from sync_pipeline.sources.base import source
from sync_pipeline.sources.fingerprint import fingerprint
from sync_pipeline.steps.capture.related import Lookup, Place, embed

_HALF_A_CENT = Decimal("0.005")  # stores round the total, and not always its parts
_TOGETHER = 500  # payloads decoded at a time: few enough to stay in the processor's cache

# Whole numbers of any size stay whole; a fraction written as a number becomes a Decimal, never a float.
_decoder = decoder()


class Captured(NamedTuple):
    """A version of a record, as it was captured. `parent_id`: what it was listed under."""

    connection_id: int
    provider: str
    entity_type: str
    payload: str
    parent_id: str | None = None


class Mapping(NamedTuple):
    """How payloads of an entity type are decoded and mapped."""

    decoder: msgspec.json.Decoder[Any]
    to: Callable[[Any], Entity]
    follows: Sequence[Follow]
    parent_field: str | None = None
    as_promoted: Sequence[str] = ()


def to_entities(records: Iterable[Captured], look: Lookup) -> Iterator[Entity | Exception]:
    """Captured payloads as entities, in order; for one that cannot be mapped the reason.

    `look` finds the records they name; it is asked a few times for some hundred of them.
    """
    rest = iter(records)
    while some := list(islice(rest, _TOGETHER)):
        yield from _to_entities(some, look)


def _to_entities(records: Sequence[Captured], look: Lookup) -> list[Any]:
    results: list[Any] = []
    follows: list[Place] = []
    later: list[tuple[int, Mapping, Any]] = []
    for record in records:
        try:
            mapping = mapping_of(record.provider, record.entity_type)
            payload = mapping.decoder.decode(record.payload)
            if record.parent_id is not None and mapping.parent_field and not payload.get(mapping.parent_field):
                payload[mapping.parent_field] = record.parent_id
            if mapping.follows:
                follows.append(Place(record.connection_id, payload, mapping.follows))
                later.append((len(results), mapping, payload))
                results.append(None)
            else:
                results.append(_finished(mapping.to(payload)))
        except Exception as error:  # noqa: BLE001 - a payload of any shape fails alone
            results.append(error)
    embed(follows, look)
    for place, mapping, payload in later:
        try:
            results[place] = _finished(mapping.to(payload))
        except Exception as error:  # noqa: BLE001
            results[place] = error
    return results


def reason(error: Exception) -> str:
    """Why a payload cannot be mapped, for people."""
    if isinstance(error, SyncError):
        return str(error)
    return f"The payload does not have the expected form: {type(error).__name__}: {error}"


@cache
def mapping_of(provider: str, entity_type: str) -> Mapping:
    """The mapping of these records.

    Raises:
        Unmappable: the provider has no mapper for them.
    """
    stream = source(provider).stream(entity_type)
    to = stream.to_entity
    if to is None:
        raise Unmappable("entity", entity_type, "entity that can be promoted")
    fields, follows = getattr(to, "reads", ()), getattr(to, "follows", ())
    # Only where a list has a parent: what another field says of a record may differ from version to version.
    listed = stream.parent_field if stream.parent is not None else None
    rest = (to, follows, listed, getattr(to, "as_promoted", ()))
    if not fields:
        return Mapping(_decoder, *rest)
    # A dictionary of these fields alone: the others are passed over, which is most of the time of decoding them.
    read = TypedDict("read", dict.fromkeys(fields, Any), total=False)  # type: ignore[misc]
    return Mapping(decoder(read), *rest)


@cache
def mapper_of(provider: str, entity_type: str) -> int:
    """The version of the mapper that maps these records."""
    return fingerprint(mapping_of(provider, entity_type).to)


def entity_hash(provider: str, entity_type: str, entity: Entity) -> int | None:
    """What core has of a record, as 64 bits, where its mapper follows other records: if they change it is another.

    Of records whose mapper follows none it is None: their content says it all.
    """
    mapping = mapping_of(provider, entity_type)
    if not mapping.follows:
        return None
    without = {name: None for name in (*mapping.as_promoted, "warnings") if hasattr(entity, name)}
    text = type(entity).__name__ + to_json(msgspec.structs.replace(entity, **without))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), signed=True)


def _finished(entity: Entity) -> Entity:
    """What holds for the entities of every provider."""
    return _fitted(_summed(entity) if isinstance(entity, Order) else entity)


def _summed(order: Order) -> Order:
    """The order, with a warning if its items do not add up to its total; `metadata` keeps the difference."""
    if order.lines_apart:
        return order  # core sums them up when the lines are promoted
    difference = order.total - sum((one.total for one in order.items), Decimal(0))
    if abs(difference) < _HALF_A_CENT:
        return order
    if order.items:
        said = f"The items add up to {order.total - difference}, the order's total is {order.total}; "
        said += f"the difference is {difference}."
    else:
        said = f"It came without items, and its total is {order.total}."
    return msgspec.structs.replace(
        order,
        metadata={**order.metadata, "items_difference": difference},
        warnings=(*order.warnings, MapperWarning(said, "items_differ", "total")),
    )


def _fitted(entity: Entity) -> Entity:
    """The entity, its indexed texts cut to what an index takes; `metadata` has all of a text that was cut."""
    if isinstance(entity, Order) and entity.guest is not None:
        guest = _fitted(entity.guest)
        if guest is not entity.guest:
            entity = msgspec.structs.replace(entity, guest=guest)
    texts = {name: text for name in table_of(type(entity)).indexed if (text := getattr(entity, name))}
    cut = {name: short for name, text in texts.items() if (short := fitted(text)) is not text}
    if not cut:
        return entity
    whole = {name: texts[name] for name in cut}
    said = [
        MapperWarning(
            f"{name} has {len(text)} characters. Core has the first {BEGINNING} and a hash; metadata has all of it.",
            "long_text",
            name,
        )
        for name, text in whole.items()
    ]
    return msgspec.structs.replace(
        entity,
        **cut,
        metadata={**entity.metadata, **whole},
        warnings=(*entity.warnings, *said),
    )
