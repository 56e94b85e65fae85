"""Search: filter, order and page."""

import re
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.odoo.display import display_name
from sandbox.odoo.domain import Filter, compiled
from sandbox.odoo.env import Env
from sandbox.odoo.refusals import value_error
from sandbox.odoo.rows import Row
from sandbox.odoo.values import getter

_TERM = re.compile(r"^(?P<name>[a-z0-9_.]+)(?:\s+(?P<way>asc|desc))?(?:\s+nulls\s+(first|last))?$", re.IGNORECASE)


def search(
    env: Env, model: str, domain: Any, *, offset: int = 0, limit: int | None = None, order: str | None = None
) -> list[Row]:
    """The rows of one page. `limit` None or 0: all of them."""
    env.check_model(model)
    if offset and offset < 0:
        raise value_error("OFFSET must not be negative")
    terms = _terms(env, model, order)
    found = matching(env, model, domain, backwards=terms == [("id", True)])
    until = offset + limit if limit else None
    if [name for name, _ in terms] == ["id"]:
        return _slice(found, offset, until)
    rows = _sorted(env, model, list(found), terms, unstable=(offset, limit))
    return rows[offset:until]


def count(env: Env, model: str, domain: Any, limit: int | None = None) -> int:
    env.check_model(model)
    return len(_slice(matching(env, model, domain), 0, limit or None))


def matching(env: Env, model: str, domain: Any, *, backwards: bool = False) -> Iterator[Row]:
    """By id. Archived rows only with active_test off or when the domain names `active`."""
    asked = compiled(env, model, domain)
    rows = env.store.tables[model].rows
    rule = env.rule(model)
    hide = env.active_test and env.store.models[model].archives and "active" not in asked.names
    passes = asked.passes
    lost = env.store.losing(model, named=asked.among is not None)
    for row_id in _candidates(env, model, asked, backwards):
        row = rows[row_id]
        if lost is not None and lost(row_id):
            continue
        if hide and not row.values.get("active"):
            continue
        if (passes is None or passes(row)) and (rule is None or rule(row)):
            yield row


def _candidates(env: Env, model: str, asked: Filter, backwards: bool) -> Iterable[int]:
    table = env.store.tables[model]
    if asked.among is not None:
        low, high = asked.low or 0, asked.high
        ids = [i for i in asked.among if i in table.rows and i >= low and (high is None or i <= high)]
    else:
        start, end = table.between(asked.low, asked.high)
        ids = table.ids if (start, end) == (0, len(table.ids)) else table.ids[start:end]
    return reversed(ids) if backwards else ids


def _slice(found: Iterator[Row], offset: int, until: int | None) -> list[Row]:
    kept = []
    for position, row in enumerate(found):
        if until is not None and position >= until:
            break
        if position >= offset:
            kept.append(row)
    return kept


def _terms(env: Env, model: str, order: str | None) -> list[tuple[str, bool]]:
    """(field, descending) of an order; the model's own when none is given."""
    known = env.store.models[model]
    terms = []
    for part in (order or known.order).split(","):
        found = _TERM.match(part.strip())
        if found is None:
            raise value_error(
                f'Invalid "order" specified ({order}). A valid "order" specification is a comma-separated list'
            )
        name = found["name"].partition(".")[0]
        field = known.fields.get(name)
        if field is None:
            raise value_error(f"Invalid field {name!r} on {model!r}")
        if not field.stored and order:
            raise value_error(f"Cannot convert {model}.{name} to SQL because it is not stored")
        terms.append((name, (found["way"] or "").lower() == "desc"))
    return terms


def _sorted(
    env: Env, model: str, rows: list[Row], terms: list[tuple[str, bool]], *, unstable: tuple[int, int | None]
) -> list[Row]:
    """The order of ties differs from page to page, as in PostgreSQL: the id is not appended."""
    salt = repr(unstable).encode()
    if "id" not in [name for name, _ in terms]:
        rows.sort(key=lambda row: zlib.crc32(salt + row.id.to_bytes(8, "big")))
    for name, descending in reversed(terms):
        rows.sort(key=_key(env, model, name), reverse=descending)
    return rows


def _key(env: Env, model: str, name: str) -> Any:
    if name in ("write_date", "create_date"):
        return (lambda row: row.written) if name == "write_date" else (lambda row: row.created)
    get = getter(env, model, name)
    field = env.store.models[model].fields[name]
    if field.type == "many2one":
        return lambda row: (not (v := get(row)), str(display_name(env, field.relation, v)))
    if field.type in ("integer", "float", "monetary", "boolean"):
        return get
    # An unset value is NULL: last when ascending.
    return lambda row: (not (v := get(row)), str(v))
