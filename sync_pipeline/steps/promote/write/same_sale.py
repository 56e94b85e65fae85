"""The same sale in two stores: a connector copies a shop's order into the ERP, with its number as a reference.

An order is a copy of another store's order of the same customer if it refers to that order's number, and currency and
total are equal. A copy counts for nothing; the order that it is a copy of does. The preview warns by the same rule
(`warn_same_sale`), and `settings ORG CONNECTION same_sales=false` says that a store's references mean something else.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from sync_pipeline.entities.order import NOT_SOLD, Order
from sync_pipeline.entities.values import fold

_BEFORE_THE_NUMBER = re.compile(r"^[^0-9]+")


class Sale(NamedTuple):
    """A captured order of a customer, with the refunds that are records: the amount by id."""

    connection_id: int
    order: Order
    refunds: dict[str, Decimal]


def without_copies(sales: Sequence[Sale], separate_sales: frozenset[int] = frozenset()) -> Sequence[Sale]:
    """The sales of one customer that count; the references of the connections in `separate_sales` are not looked at."""
    if not any(one.order.references for one in sales):
        return sales
    by_number: dict[str, list[int]] = defaultdict(list)
    for place, one in enumerate(sales):
        if one.order.status not in NOT_SOLD:
            by_number[fold(one.order.number)].append(place)
    originals = [
        set()
        if one.connection_id in separate_sales
        else {
            place
            for reference in one.order.references
            for number in numbers(reference)
            for place in by_number.get(number, ())
            if _same(one, sales[place])
        }
        for one in sales
    ]
    return [one for place, one in enumerate(sales) if not originals[place] or _first_of_circle(place, originals, sales)]


def _first_of_circle(place: int, originals: Sequence[set[int]], sales: Sequence[Sale]) -> bool:
    """True for one of the orders that only refer to each other: the lowest connection's and number's."""
    circle, ahead = {place}, {place}
    while ahead:
        ahead = {of for one in ahead for of in originals[one]} - circle
        circle |= ahead
    if any(not originals[one] for one in circle):
        return False
    return place == min(circle, key=lambda one: (sales[one].connection_id, sales[one].order.number, one))


def numbers(reference: str) -> Sequence[str]:
    """The order numbers that a reference may mean: as it is, and without the words before the first digit."""
    whole = fold(reference)
    return tuple(dict.fromkeys(one for one in (whole, _BEFORE_THE_NUMBER.sub("", whole)) if one))


def _same(copy: Sale, of: Sale) -> bool:
    return (
        copy.connection_id != of.connection_id
        and copy.order.currency == of.order.currency
        and copy.order.total == of.order.total
    )
