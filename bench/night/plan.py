"""The organizations of a night: sizes by a power law, most a hundred records, one far more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SMALLEST = 100  # records of products, customers and orders
_STEEP = 1.25  # the n-th largest has largest / n ** _STEEP records
_ODOO_EVERY = 4  # every fourth organization has an Odoo, the others a WooCommerce
_BEGAN = timedelta(days=2)  # ago: all stores are older than their first import


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider and a size: organizations of a kind have stores with the same contents."""

    provider: str
    size: int  # products, customers and orders; lines, variants, countries and the like come on top

    @property
    def products(self) -> int:
        return max(8, self.size * 4 // 10)

    @property
    def customers(self) -> int:
        return max(4, self.size // 5)

    @property
    def orders(self) -> int:
        return max(4, self.size * 4 // 10)


@dataclass(frozen=True, slots=True)
class Org:
    """One organization: its number is the path of its store."""

    number: int
    kind: Kind

    @property
    def slug(self) -> str:
        return f"o{self.number:04}"


def organizations(number: int, largest: int) -> Sequence[Org]:
    """So many organizations, the largest with so many records."""
    sizes = [_rounded(largest / rank**_STEEP) for rank in range(1, number + 1)]
    # Large and small ones are mixed, as names mix them.
    places = sorted(range(number), key=lambda n: (n * 618_033 + 271_828) % 1_000_003)
    of = {place: Kind("woocommerce" if rank % _ODOO_EVERY else "odoo", sizes[rank - 1])
          for rank, place in enumerate(places, start=1)}  # fmt: skip
    return [Org(place, of[place]) for place in range(number)]


def kinds(orgs: Sequence[Org]) -> Mapping[Kind, Sequence[Org]]:
    """The organizations of each kind."""
    found: dict[Kind, list[Org]] = {}
    for org in orgs:
        found.setdefault(org.kind, []).append(org)
    return found


def began() -> datetime:
    """When the stores began, in whole seconds."""
    return (datetime.now(UTC) - _BEGAN).replace(microsecond=0)


def _rounded(size: float) -> int:
    """Two digits, so that there are few kinds."""
    whole = max(SMALLEST, int(size))
    step = 10 ** (len(str(whole)) - 1) // 2 or 1
    return whole // step * step
