"""The ORM methods that can be called over HTTP, with a real server's signatures."""

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from sandbox.odoo import groups
from sandbox.odoo import search as finding
from sandbox.odoo.display import display_name
from sandbox.odoo.effects import refuse_removal
from sandbox.odoo.env import Env
from sandbox.odoo.models import Json
from sandbox.odoo.refusals import (
    access_error,
    invalid_field,
    missing_record,
    no_access,
    type_error,
    validation_error,
)
from sandbox.odoo.rows import Row
from sandbox.odoo.values import cost_of, reader

_NEEDED = {"res.partner": ("name", "Contacts require a name")}
_CLASSIC = "_classic_read"
_EMPTIED = {"payment.provider": frozenset({"payment_method_ids"})}
_ATTRIBUTES = ("read", "write", "create", "unlink")
Call = Callable[..., Any]


class Method(NamedTuple):
    call: Call
    # On records: the first argument is their ids.
    on_records: bool
    signature: inspect.Signature


class Encoded(NamedTuple):
    """A result that is already encoded as JSON."""

    body: bytes
    # (model, id) of every row in the answer, for faults of single records.
    shown: list[tuple[str, Any]]


METHODS: dict[str, Method] = {}


def _method(*, on_records: bool = False) -> Callable[[Call], Call]:
    def known(call: Call) -> Call:
        signature = inspect.signature(call)
        given = list(signature.parameters.values())[2:]
        METHODS[call.__name__] = Method(call, on_records, signature.replace(parameters=given))
        return call

    return known


# -- reads ------------------------------------------------------------------------------------------------
@_method()
def search(
    env: Env, model: str, domain: Any, offset: int = 0, limit: int | None = None, order: str | None = None
) -> list[int]:
    return [row.id for row in finding.search(env, model, domain, offset=offset, limit=limit, order=order)]


@_method()
def search_count(env: Env, model: str, domain: Any, limit: int | None = None) -> int:
    return finding.count(env, model, domain, limit)


@_method()
def search_read(
    env: Env, model: str, domain: Any = None, fields: Any = None, offset: int = 0, limit: int | None = None,
    order: str | None = None, **read_kwargs: Any,
) -> Encoded:  # fmt: skip
    unknown = sorted(read_kwargs.keys() - {"load"})
    if unknown:
        raise type_error(f"BaseModel.read() got an unexpected keyword argument '{unknown[0]}'")
    rows = finding.search(env, model, domain, offset=offset, limit=limit, order=order)
    # Seen on a real server: with archived records asked for, this list is empty here, and `read` answers it.
    emptied = _EMPTIED.get(model, frozenset()) if not env.active_test else frozenset()
    return _encoded(env, model, rows, fields, read_kwargs.get("load", _CLASSIC), emptied)


@_method(on_records=True)
def read(env: Env, model: str, ids: list[int], fields: Any = None, load: Any = _CLASSIC) -> Encoded:
    """Missing ids are left out; rows hidden by a rule raise Refused."""
    env.check_model(model)
    rows = [row for i in ids if (row := env.store.tables[model].rows.get(i)) is not None]
    rule = env.rule(model)
    if rule is not None and not all(rule(row) for row in rows):
        raise access_error(
            "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\n"
            f"Sorry, {env.user.login} (id={env.uid}) doesn't have 'read' access to:\n"
            f"- {env.store.models[model].title} ({model})"
        )
    return _encoded(env, model, rows, fields, load)


def _encoded(
    env: Env, model: str, rows: list[Row], fields: Any, load: Any, emptied: frozenset[str] = frozenset()
) -> Encoded:
    """`fields` empty or missing: all of them, images included. `load` other than the default: bare many2one ids."""
    known = env.store.models[model].fields
    hidden = env.hides(model)
    names = list(fields) if fields else [name for name in known if name not in hidden]
    named = load == _CLASSIC
    one = reader(env, model, names, load=named)
    cache = env.store.views.of(env.store.version, (model, tuple(names), named, emptied, env.seen_by()))
    parts = []
    for row in rows:
        found = cache.get(row.id)
        if found is None:
            found = cache[row.id] = env.store.raw.get((model, row.id)) or msgspec.json.encode(
                {name: [] if name in emptied else value for name, value in one(row).items()} if emptied else one(row)
            )
        parts.append(found)
    env.cost += cost_of(env, model, names) * len(rows)
    return Encoded(b"[" + b",".join(parts) + b"]", [(model, row.id) for row in rows])


@_method()
def fields_get(env: Env, model: str, allfields: Any = None, attributes: Any = None) -> Json:
    env.check_model(model)
    hidden = env.hides(model)
    fields: Json = {}
    for name, field in env.store.models[model].fields.items():
        if name in hidden or (allfields and name not in allfields):
            continue
        said = field.described()
        fields[name] = {k: v for k, v in said.items() if k in attributes} if attributes else said
    return fields


# The parameters are those of Odoo's method.
@_method()
def read_group(
    env: Env, model: str, domain: Any, fields: Any, groupby: Any, offset: int = 0, limit: int | None = None,
    orderby: Any = False, lazy: bool = True,
) -> list[Json]:  # fmt: skip
    return groups.read_group(env, model, domain, fields, groupby, offset, limit, orderby, lazy)


# The parameters are those of Odoo's method.
@_method()
def formatted_read_group(
    env: Env, model: str, domain: Any, groupby: Any = (), aggregates: Any = (), having: Any = (), offset: int = 0,
    limit: int | None = None, order: str | None = None,
) -> list[Json]:  # fmt: skip
    if having:
        raise type_error("the sandbox has no `having`")
    return groups.formatted_read_group(env, model, domain, groupby, aggregates, offset, limit, order)


@_method()
def name_search(
    env: Env, model: str, name: str = "", domain: Any = None, operator: str = "ilike", limit: int = 100
) -> list[list[Any]]:
    asked = [*(domain or []), ["name" if "name" in env.store.models[model].fields else "id", operator, name]]
    rows = finding.search(env, model, asked if name else domain, limit=limit)
    return [[row.id, display_name(env, model, row.id)] for row in rows]


@_method(on_records=True)
def exists(env: Env, model: str, ids: list[int]) -> list[int]:
    env.check_model(model)
    return [i for i in ids if i in env.store.tables[model].rows]


# -- rights -----------------------------------------------------------------------------------------------
@_method(on_records=True)
def has_access(env: Env, model: str, ids: list[int], operation: str) -> bool:
    rule = env.rule(model)
    rows = env.store.tables[model].rows
    held = rule is None or all(rule(rows[i]) for i in ids if i in rows)
    return held and _may(env, model, operation)


@_method(on_records=True)
def check_access(env: Env, model: str, ids: list[int], operation: str) -> None:
    if not has_access(env, model, ids, operation):
        raise no_access(env.store.models[model].title, model)


@_method()
def check_access_rights(env: Env, model: str, operation: str, raise_exception: bool = True) -> bool:
    allowed = _may(env, model, operation)
    if not allowed and raise_exception:
        raise no_access(env.store.models[model].title, model)
    return allowed


def _may(env: Env, model: str, operation: str) -> bool:
    if operation not in _ATTRIBUTES:
        raise type_error(f"unknown operation {operation!r}")
    return env.may_read(model) if operation == "read" else env.may_write(model)


@_method()
def context_get(env: Env, _model: str) -> Json:
    """Of res.users: the caller's id, language and time zone."""
    return {"lang": "en_US", "tz": "Europe/Brussels", "uid": env.uid}


@_method(on_records=True)
def has_group(env: Env, _model: str, ids: list[int], group_ext_id: str) -> bool:
    """Of res.users: the administrator is in every group of sales, the clerk in none that sees others' orders."""
    users = [env.store.users[i] for i in ids if i in env.store.users]
    return bool(group_ext_id) and all(user.admin for user in users)


# -- writes -----------------------------------------------------------------------------------------------
@_method()
def create(env: Env, model: str, vals_list: Any) -> Any:
    env.check_model(model, writing=True)
    many = isinstance(vals_list, list)
    for values in vals_list if many else [vals_list]:
        _known(env, model, values)
        needed = _NEEDED.get(model)
        if needed and not values.get(needed[0]) and values.get("type", "contact") == "contact":
            raise validation_error(f"The operation cannot be completed: {needed[1]}")
    ids = env.store.create(model, vals_list, uid=env.uid)
    return ids if many else ids[0]


@_method(on_records=True)
def write(env: Env, model: str, ids: list[int], vals: Json) -> bool:
    env.check_model(model, writing=True)
    _known(env, model, vals)
    _must_exist(env, model, ids)
    env.store.write(model, ids, vals)
    return True


@_method(on_records=True)
def unlink(env: Env, model: str, ids: list[int]) -> bool:
    env.check_model(model, writing=True)
    _must_exist(env, model, ids)
    for row_id in ids:
        refuse_removal(env.store, model, env.store.row(model, row_id))
    env.store.unlink(model, ids)
    return True


@_method(on_records=True)
def action_archive(env: Env, model: str, ids: list[int]) -> bool:
    return write(env, model, ids, {"active": False}) is True


@_method(on_records=True)
def action_unarchive(env: Env, model: str, ids: list[int]) -> bool:
    return write(env, model, ids, {"active": True}) is True


def _known(env: Env, model: str, values: Json) -> None:
    for name in values:
        if name not in env.store.models[model].fields:
            raise invalid_field(model, name)


def _must_exist(env: Env, model: str, ids: list[int]) -> None:
    for row_id in ids:
        if row_id not in env.store.tables[model].rows:
            raise missing_record(model, row_id, env.uid)
