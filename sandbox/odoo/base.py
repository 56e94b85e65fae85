"""The store without its writes: environments, transactions that commit later than they began, reads."""

from collections.abc import Iterable
from typing import Any

from sandbox.odoo.computed import FROM
from sandbox.odoo.data import Clock, Data, User
from sandbox.odoo.env import Env, environment
from sandbox.odoo.models import Json
from sandbox.odoo.transactions import Transaction
from sandbox.odoo.values import reader


class StoreBase(Data):
    def __init__(self, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self._held: list[tuple[int, Transaction]] = []

    def env(self, user: User | None = None, **context: Any) -> Env:
        return environment(self, user or self.admin, context)

    def advance(self, seconds: float) -> None:
        """Move the store's clock forward and commit the held transactions that are due."""
        with self.lock:
            self._shift += round(seconds * 1e6)
            self.settle()

    # -- transactions -------------------------------------------------------------------------------------
    def transaction(self) -> Transaction:
        """`with store.transaction() as t: t.create(...)`: begun now, visible when the block ends."""
        self.settle()
        return Transaction(self, self.now())

    def hold(self, transaction: Transaction, seconds: float) -> None:
        """Commit in `seconds` by the store's clock, or now if that is 0."""
        if seconds <= 0:
            transaction.commit()
            return
        with self.lock:
            self._held.append((self.now() + round(seconds * 1e6), transaction))

    def settle(self) -> None:
        """Commit the held transactions that are due. Each call to the server does this first."""
        if not self._held:
            return
        with self.lock:
            now = self.now()
            due = sorted((held for held in self._held if held[0] <= now), key=lambda held: held[0])
            self._held = [held for held in self._held if held[0] > now]
            for _, transaction in due:
                transaction.commit()

    @property
    def held(self) -> int:
        """Transactions that have begun and not yet committed."""
        return len(self._held)

    # -- reads --------------------------------------------------------------------------------------------
    def ids(self, model: str) -> set[int]:
        """Every id, of archived rows too."""
        with self.lock:
            self.settle()
            return set(self.tables[model].ids)

    def read(
        self, model: str, ids: Iterable[int], fields: list[str] | None = None, *, load: bool = False, **context: Any
    ) -> list[Json]:
        """Rows as `search_read` answers them to the administrator, archived ones too. `load`: with [id, name]."""
        with self.lock:
            self.settle()
            env = self.env(**{"active_test": False, **context})
            read = reader(env, model, fields or list(self.models[model].fields), load=load)
            return [read(self.tables[model].rows[i]) for i in ids if i in self.tables[model].rows]

    def raw_override(self, model: str, row_id: int, json_text: str | None) -> None:
        """Answer this record as this exact JSON text, whatever fields are asked. None removes the override."""
        with self.lock:
            self.raw.pop((model, row_id), None)
            if json_text is not None:
                self.raw[(model, row_id)] = json_text.encode("utf-8", "surrogatepass")
            self.version += 1

    def drop_field(self, model: str, *names: str) -> None:
        """Remove fields, as if a module were missing or the version older."""
        with self.lock:
            for name in names:
                self.models[model].fields.pop(name)
            self.version += 1

    def drop_model(self, *models: str) -> None:
        """The module is not installed: no such model, and no field that points to it or is computed from it."""
        with self.lock:
            for name in models:
                self.models.pop(name)
                self.tables.pop(name)
            for model in self.models.values():
                gone = {f.name for f in model.fields.values() if f.relation in models}
                gone.update(name for (of, name), source in FROM.items() if of == model.name and source in models)
                for name in gone & model.fields.keys():
                    model.fields.pop(name)
                    model.inverses.pop(name, None)
            self.version += 1
