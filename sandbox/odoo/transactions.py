"""Transactions that commit later than they began."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sandbox.odoo.data import Data
from sandbox.odoo.models import Json


@dataclass(slots=True)
class Transaction:
    """Its write_date is its start; its changes become visible when it commits."""

    store: Data
    begun: int
    steps: list[Callable[[int], Any]] = field(default_factory=list)

    def create(self, model: str, values: Json | list[Json], uid: int = 2) -> list[int]:
        """Returns the new ids, taken now as from a sequence: later transactions may commit higher ids first."""
        given = values if isinstance(values, list) else [values]
        table = self.store.tables[model]
        with self.store.lock:
            ids = [table.reserve(v.get("id")) for v in given]
        for row_id, vals in zip(ids, given, strict=True):
            self.steps.append(partial(self.store.insert, model, row_id, vals, uid=uid))
        return ids

    def write(self, model: str, ids: Iterable[int], values: Json, *, touch: bool = True, uid: int = 2) -> None:
        for row_id in list(ids):
            self.steps.append(partial(self._change, model, row_id, values, touch, uid))

    def unlink(self, model: str, ids: Iterable[int]) -> None:
        for row_id in list(ids):
            self.steps.append(partial(self.store.remove, model, row_id))

    def _change(self, model: str, row_id: int, values: Json, touch: bool, uid: int, at: int) -> None:
        self.store.change(model, row_id, values, at if touch else None, uid)

    def commit(self) -> None:
        with self.store.lock:
            for step in self.steps:
                step(self.begun)
            self.steps = []
            self.store.version += 1

    def __enter__(self) -> "Transaction":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.commit()
