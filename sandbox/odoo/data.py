"""The sandbox's data under one lock: models, tables, users and the clock. The writes are in `store`."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from sandbox.odoo.models import Json, load
from sandbox.odoo.rows import Row, Table, Views, moment

Clock = Callable[[], datetime]
ADMIN, CLERK, BOT = 2, 5, 1
_KEY = "0dd0" * 10
_CLERK_KEY = "c1e4" * 10


@dataclass(slots=True)
class User:
    id: int
    login: str
    password: str
    key: str
    companies: list[int]
    company: int = 1
    admin: bool = True
    # UTC microseconds after which the key is no longer accepted; the password is.
    key_until: int | None = None
    active: bool = True


class Data:
    """What the modules below `store` may use of it. `Store` implements the writes."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))
        self._shift = 0
        self.lock = RLock()
        self.db = "sandbox"
        self.models = load()
        self.tables: dict[str, Table] = {name: Table(name) for name in self.models}
        for model in self.models.values():
            for inverse in model.inverses.values():
                self.tables[inverse.model].index(inverse.field)
        # Names of records in models that the sandbox does not have: {model: {id: name}}.
        self.labels: dict[str, dict[int, str]] = {}
        self.users = {
            ADMIN: User(ADMIN, "admin", "admin-password", _KEY, [1]),
            CLERK: User(CLERK, "clerk", "clerk-password", _CLERK_KEY, [1], admin=False),
        }
        # Models and fields hidden from a login, beyond those that its groups hide.
        self.denied: dict[str, set[str]] = {}
        self.hidden: dict[tuple[str, str], frozenset[str]] = {}
        # The share of a real server's time that computed fields take; 0 means none.
        self.slowness = 0.02
        self.server_version = (19, 0)
        self.views = Views()
        # (model, id) -> answer this record as these bytes (see raw_override).
        self.raw: dict[tuple[str, int], bytes] = {}
        # Set by the server: which rows its faults hide from a model's lists, and from searches by id (`named`).
        self.losing: Callable[..., Callable[[int], bool] | None] = lambda _model, **_: None
        # Counts commits; encoded rows of an earlier version are stale.
        self.version = 0

    # -- who ----------------------------------------------------------------------------------------------
    @property
    def admin(self) -> User:
        return self.users[ADMIN]

    @property
    def clerk(self) -> User:
        """A sales user with fewer rights: own orders only, fewer fields, no stock moves, no accounting."""
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

    # -- the clock ----------------------------------------------------------------------------------------
    def utcnow(self) -> datetime:
        return datetime.fromtimestamp(self.now() / 1e6, UTC)

    def now(self) -> int:
        """UTC microseconds."""
        return round(self._clock().timestamp() * 1e6) + self._shift

    # -- rows ---------------------------------------------------------------------------------------------
    def row(self, model: str, row_id: int) -> Row:
        return self.tables[model].rows[row_id]

    def put(self, model: str, values: Json, at: int, *, uid: int = BOT, row_id: int | None = None) -> Row:
        """Insert a row for seeding, without derived values. `at` becomes both its dates."""
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
        """Values as rows hold them: None as False, x2many commands applied, company-dependent values by company."""
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

    def create(
        self, model: str, values: Json | list[Json], *, hold_seconds: float = 0.0, uid: int = ADMIN
    ) -> list[int]:
        raise NotImplementedError

    def write(
        self, model: str, ids: int | Iterable[int], values: Json, *, touch: bool = True, hold_seconds: float = 0.0
    ) -> None:
        raise NotImplementedError

    def unlink(self, model: str, ids: int | Iterable[int], *, force: bool = False, hold_seconds: float = 0.0) -> None:
        raise NotImplementedError

    def touch(self, row: Row, at: int | None) -> None:
        raise NotImplementedError

    def insert(self, model: str, row_id: int, values: Json, at: int, uid: int) -> Row:
        """A step of a transaction. `at` is the transaction's start, None if no write_date may move."""
        raise NotImplementedError

    def change(self, model: str, row_id: int, values: Json, at: int | None, uid: int = ADMIN) -> None:
        raise NotImplementedError

    def remove(self, model: str, row_id: int, at: int) -> None:
        raise NotImplementedError


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
