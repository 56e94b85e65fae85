"""The sandbox's data under one lock: tables, users, the clock, transactions that commit later than they began."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from sandbox.odoo.computed import FROM
from sandbox.odoo.env import Env, User, environment
from sandbox.odoo.models import Json, load
from sandbox.odoo.rows import Row, Table, moment
from sandbox.odoo.transactions import Transaction, Views
from sandbox.odoo.values import reader

Clock = Callable[[], datetime]
ADMIN, CLERK, BOT = 2, 5, 1
_KEY = "0dd0" * 10
_CLERK_KEY = "c1e4" * 10


class StoreBase:
    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        self._shift = 0
        self._held: list[tuple[int, Transaction]] = []
        self.lock = RLock()
        self.db = "sandbox"
        self.models = load()
        self.tables: dict[str, Table] = {name: Table(name) for name in self.models}
        for model in self.models.values():
            for inverse in model.inverses.values():
                self.tables[inverse.model].index(inverse.field)
        # Names of records in models that the sandbox does not hold: {model: {id: name}}.
        self.labels: dict[str, dict[int, str]] = {}
        self.users = {
            ADMIN: User(ADMIN, "admin", "admin-password", _KEY, [1]),
            CLERK: User(CLERK, "clerk", "clerk-password", _CLERK_KEY, [1], admin=False),
        }
        # Models and fields that a login does not see, beyond what its groups hide.
        self.denied: dict[str, set[str]] = {}
        self.hidden: dict[tuple[str, str], frozenset[str]] = {}
        # A share of a real server's time for computed fields; 0 answers at once.
        self.slowness = 0.02
        self.server_version = (19, 0)
        self.views = Views()
        # (model, id) -> answer this record as these bytes (see raw_override).
        self.raw: dict[tuple[str, int], bytes] = {}
        # Set by a server: rows that its faults hide from a model's lists, and from searches by id (`named`).
        self.losing: Callable[..., Callable[[int], bool] | None] = lambda _model, **_: None
        # Counts commits: what was encoded before one is stale after it.
        self.version = 0

    # -- who ----------------------------------------------------------------------------------------------
    @property
    def admin(self) -> User:
        return self.users[ADMIN]

    @property
    def clerk(self) -> User:
        """A user of sales with fewer rights: own orders only, fewer fields, no stock moves, no accounting."""
        return self.users[CLERK]

    @property
    def login(self) -> str:
        return self.admin.login

    @property
    def password(self) -> str:
        return self.admin.password

    @property
    def key(self) -> str:
        return self.admin.key

    def by_key(self, key: str) -> User | None:
        for user in self.users.values():
            if user.active and user.key == key:
                return None if user.key_until is not None and user.key_until < self.now() else user
        return None

    def by_login(self, login: str, secret: str) -> User | None:
        found = next((u for u in self.users.values() if u.active and u.login == login), None)
        return found if found and (secret == found.password or self.by_key(secret) is found) else None

    def env(self, user: User | None = None, **context: Any) -> Env:
        return environment(self, user or self.admin, context)  # type: ignore[arg-type]

    # -- the clock ----------------------------------------------------------------------------------------
    def utcnow(self) -> datetime:
        return datetime.fromtimestamp(self.now() / 1e6, UTC)

    def now(self) -> int:
        """UTC microseconds."""
        return round(self._clock().timestamp() * 1e6) + self._shift

    def advance(self, seconds: float) -> None:
        """Shift the store's clock, so that a test need not wait; held transactions that are due commit."""
        with self.lock:
            self._shift += round(seconds * 1e6)
            self.settle()

    # -- transactions -------------------------------------------------------------------------------------
    def transaction(self) -> Transaction:
        """`with store.transaction() as t: t.create(...)`: begun now, visible when the block ends."""
        self.settle()
        return Transaction(self, self.now())

    def hold(self, transaction: Transaction, seconds: float) -> None:
        """Commit `seconds` after now by the store's clock, or at once."""
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

    # -- rows ---------------------------------------------------------------------------------------------
    def row(self, model: str, row_id: int) -> Row:
        return self.tables[model].rows[row_id]

    def put(self, model: str, values: Json, at: int, *, uid: int = BOT, row_id: int | None = None) -> Row:
        """A row as it is, without what a real server derives: for seeding. `at` is both its dates."""
        table = self.tables[model]
        known = self.models[model].fields
        values.setdefault("create_uid", uid)
        values.setdefault("write_uid", uid)
        if "active" in known:
            values.setdefault("active", True)
        row = Row(table.reserve(row_id), values, at, at)
        table.add(row)
        return row

    def normal(self, model: str, values: Json, row: Row | None = None) -> Json:
        """Values as rows hold them: None is False, commands of x2many applied, one company's value in its place."""
        known = self.models[model].fields
        clean: Json = {}
        for name, value in values.items():
            if name in ("id", "create_date", "write_date"):
                continue
            field_ = known.get(name)
            if field_ is None:
                if not name.startswith("_"):
                    raise KeyError(f"{model} has no field {name}")
                clean[name] = value
            elif field_.per_company:
                before = row.values.get(name, {}) if row else {}
                clean[name] = {**before, **(value if isinstance(value, dict) else {self.admin.company: value})}
            elif field_.type == "many2many":
                clean[name] = _members(value, row.values.get(name, []) if row else [])
            elif field_.type in ("float", "monetary") and isinstance(value, int):
                clean[name] = float(value)
            elif field_.type == "datetime" and value:
                clean[name] = _datetime(value)
            elif field_.type != "one2many":
                clean[name] = field_.empty if value is None else value
        return clean

    def insert(self, model: str, row_id: int, values: Json, at: int, uid: int) -> Row:
        """What a transaction's steps do; `at` is its start, None when nothing may be touched."""
        raise NotImplementedError

    def change(self, model: str, row_id: int, values: Json, at: int | None, uid: int = ADMIN) -> None:
        raise NotImplementedError

    def remove(self, model: str, row_id: int, at: int) -> None:
        raise NotImplementedError

    # -- reads --------------------------------------------------------------------------------------------
    def ids(self, model: str) -> set[int]:
        """Every id there is, archived rows too."""
        with self.lock:
            self.settle()
            return set(self.tables[model].ids)

    def read(self, model: str, ids: Iterable[int], fields: list[str] | None = None, **context: Any) -> list[Json]:
        """Rows as `search_read` with load "" answers them to the administrator, archived ones too."""
        with self.lock:
            self.settle()
            env = self.env(**{"active_test": False, **context})
            read = reader(env, model, fields or list(self.models[model].fields), load=False)
            return [read(self.tables[model].rows[i]) for i in ids if i in self.tables[model].rows]

    def raw_override(self, model: str, row_id: int, json_text: str | None) -> None:
        """Answer this record as this exact JSON text, whatever fields are asked. None takes it back."""
        with self.lock:
            self.raw.pop((model, row_id), None)
            if json_text is not None:
                self.raw[(model, row_id)] = json_text.encode("utf-8", "surrogatepass")
            self.version += 1

    def drop_field(self, model: str, *names: str) -> None:
        """A module is missing, or a version older: these fields do not exist."""
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


def _members(value: Any, before: list[int]) -> list[int]:
    """A many2many: ids, or the commands (3 unlink, 4 link, 5 clear, 6 set)."""
    if value in (None, False):
        return []
    if not any(isinstance(item, (list, tuple)) for item in value):
        return list(value)
    found = list(before)
    for command in value:
        if command[0] == 3:
            found = [i for i in found if i != command[1]]
        elif command[0] == 4:
            found = [*(i for i in found if i != command[1]), command[1]]
        elif command[0] == 5:
            found = []
        elif command[0] == 6:
            found = list(command[2])
    return found


def _datetime(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", value):
        return value
    return datetime.fromtimestamp(moment(value) / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")
