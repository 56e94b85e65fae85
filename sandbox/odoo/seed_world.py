"""What the parts of a seed share: the store, the random numbers, the current time, the ids others refer to."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.odoo.models import Json
from sandbox.odoo.rows import Row
from sandbox.odoo.store import Store

_SECOND = 1_000_000
US, EU = 1, 2


@dataclass(slots=True)
class World:
    store: Store
    rng: random.Random
    # The creation time of new rows in UTC microseconds, always in the past: a delta after seeding is empty.
    at: int
    named: dict[tuple[str, str], int] = field(default_factory=dict)
    # Products that orders sell: (variant, price, company or False).
    sold: list[tuple[int, float, int | bool]] = field(default_factory=list)
    # Partners that buy: (partner, invoice address, delivery address).
    buyers: list[tuple[int, int, int]] = field(default_factory=list)

    def put(self, model: str, row_id: int | None = None, /, **values: Any) -> Row:
        row = self.store.put(model, values, self.at, row_id=row_id)
        if "name" in values:
            self.named[(model, str(values["name"]))] = row.id
        return row

    def id(self, model: str, name: str) -> int:
        return self.named[(model, name)]

    def words(self, row: Row, **german: str | None) -> None:
        given = {k: v for k, v in german.items() if v}
        if given:
            row.words = {"de_DE": given}

    def tick(self, seconds: float) -> None:
        self.at += round(seconds * _SECOND)

    def text(self, *, days: float = 0.0) -> str:
        return datetime.fromtimestamp(self.at / _SECOND + days * 86400, UTC).strftime("%Y-%m-%d %H:%M:%S")

    def both(self, value: Any, other: Any | None = None) -> Json:
        """A company-dependent value, the same in both companies unless `other` is given."""
        return {US: value, EU: value if other is None else other}  # type: ignore[dict-item]
