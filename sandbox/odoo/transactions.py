"""Transactions that commit later than they began, and rows as JSON until the next commit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.odoo.models import Json

if TYPE_CHECKING:
    from sandbox.odoo.base import StoreBase

_MAX_VIEWS = 32


@dataclass(slots=True)
class Transaction:
    """Stamps write_date when it begins; what it did becomes visible when it commits."""

    store: "StoreBase"
    begun: int
    steps: list[Callable[[int], Any]] = field(default_factory=list)

    def create(self, model: str, values: Json | list[Json], uid: int = 2) -> list[int]:
        """The new ids: taken now, as a sequence does, so that later transactions may commit higher ones first."""
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


class Views:
    """Rows as JSON, by what was asked: dropped as soon as anything is committed."""

    def __init__(self) -> None:
        self._version = -1
        self._held: dict[Any, dict[int, bytes]] = {}

    def of(self, version: int, view: Any) -> dict[int, bytes]:
        if version != self._version:
            self._held.clear()
            self._version = version
        if view not in self._held and len(self._held) >= _MAX_VIEWS:
            self._held.pop(next(iter(self._held)))
        return self._held.setdefault(view, {})
