"""read_group and formatted_read_group: counts and sums by the values of fields."""

from collections.abc import Callable
from typing import Any

from sandbox.odoo.display import display_name
from sandbox.odoo.env import Env
from sandbox.odoo.models import LISTS, Json
from sandbox.odoo.refusals import invalid_field, value_error
from sandbox.odoo.rows import Row
from sandbox.odoo.search import matching
from sandbox.odoo.values import getter

Key = tuple[Any, ...]
_CUT = {"year": 4, "month": 7, "day": 10, "hour": 13}
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "sum": sum,
    "min": lambda values: min(values, default=False),
    "max": lambda values: max(values, default=False),
    "avg": lambda values: sum(values) / len(values) if values else 0.0,
    "count": lambda values: sum(1 for v in values if v is not False),
    "count_distinct": lambda values: len({v for v in values if v is not False}),
    "array_agg": list,
    "bool_or": any,
    "bool_and": all,
}


def grouped(env: Env, model: str, domain: Any, groupby: list[str]) -> dict[Key, list[Row]]:
    """Rows by the keys of `groupby`; a row with several members in a list is in several groups."""
    env.check_model(model)
    gets = [_key(env, model, spec) for spec in groupby]
    found: dict[Key, list[Row]] = {}
    for row in matching(env, model, domain):
        keys: list[Key] = [()]
        for get in gets:
            keys = [(*key, value) for key in keys for value in get(row)]
        for key in keys:
            found.setdefault(key, []).append(row)
    return found


# The parameters are those of Odoo's method.
def read_group(
    env: Env,
    model: str,
    domain: Any,
    fields: Any,
    groupby: Any,
    offset: int,
    limit: int | None,
    orderby: Any,
    lazy: bool,
) -> list[Json]:
    specs = [groupby] if isinstance(groupby, str) else list(groupby or [])
    now = specs[:1] if lazy else specs
    wanted = [_aggregate(env, model, spec) for spec in fields or [] if _summed(env, model, spec, specs)]
    answers = []
    for key, rows in _ordered(grouped(env, model, domain, now), now, str(orderby or "")):
        counted = f"{now[0].partition(':')[0]}_count" if lazy and now else "__count"
        group: Json = {spec: _shown(env, model, spec, v) for spec, v in zip(now, key, strict=True)}
        group[counted] = len(rows)
        group.update({name: aggregate(rows) for name, aggregate in wanted})
        group["__domain"] = [*_leaves(now, key), *(domain or [])]
        if lazy and len(specs) > 1:
            group["__context"] = {"group_by": specs[1:]}
        answers.append(group)
    return answers[offset : offset + limit if limit else None]


# The parameters are those of Odoo's method.
def formatted_read_group(
    env: Env, model: str, domain: Any, groupby: Any, aggregates: Any, offset: int, limit: int | None, order: str | None
) -> list[Json]:
    specs = list(groupby or [])
    wanted = [(spec, _aggregate(env, model, spec)[1]) for spec in aggregates or []]
    answers = []
    groups = grouped(env, model, domain, specs)
    if not specs and not groups:
        groups = {(): []}
    for key, rows in _ordered(groups, specs, order or ""):
        group: Json = {spec: _shown(env, model, spec, v) for spec, v in zip(specs, key, strict=True)}
        group["__extra_domain"] = _leaves(specs, key)
        group.update({spec: aggregate(rows) for spec, aggregate in wanted})
        answers.append(group)
    return answers[offset : offset + limit if limit else None]


def _key(env: Env, model: str, spec: str) -> Callable[[Row], list[Any]]:
    name, _, part = spec.partition(":")
    field = env.store.models[model].fields.get(name)
    if field is None or name in env.hides(model):
        raise invalid_field(model, name)
    get = getter(env, model, name)
    if field.type in LISTS:
        return lambda row: get(row) or [False]
    if field.type in ("date", "datetime"):
        cut = _CUT.get(part or "month", 7)
        return lambda row: [v[:cut] if (v := get(row)) else False]
    return lambda row: [get(row)]


def _summed(env: Env, model: str, spec: str, groupby: list[str]) -> bool:
    """The fields that read_group sums: numbers, without the ones grouped by."""
    name, _, how = spec.partition(":")
    field = env.store.models[model].fields.get(name)
    if spec == "__count" or field is None or name in groupby:
        return False
    return bool(how) or (field.stored and field.type in ("float", "monetary", "integer") and name != "id")


def _aggregate(env: Env, model: str, spec: str) -> tuple[str, Callable[[list[Row]], Any]]:
    if spec == "__count":
        return spec, len
    name, _, how = spec.partition(":")
    field = env.store.models[model].fields.get(name)
    if field is None:
        raise invalid_field(model, name)
    combine = _AGGREGATES.get(how or "sum")
    if combine is None or not (field.stored or name == "id"):
        raise value_error(f"Invalid aggregate method {how!r} for {model}.{name}")
    get = getter(env, model, name)
    return name, lambda rows: combine([get(row) for row in rows])


def _shown(env: Env, model: str, spec: str, value: Any) -> Any:
    field = env.store.models[model].fields[spec.partition(":")[0]]
    if field.relation and value:
        return [value, display_name(env, field.relation, value)]
    return value


def _leaves(specs: list[str], key: Key) -> list[Any]:
    found: list[Any] = []
    for spec, value in zip(specs, key, strict=True):
        name, _, part = spec.partition(":")
        if part and value:
            found += [[name, ">=", f"{value}{'-01-01'[len(value) - 4 :] if len(value) < 10 else ''}"]]
        else:
            found.append([name, "=", value])
    return found


def _ordered(groups: dict[Key, list[Row]], specs: list[str], order: str) -> list[tuple[Key, list[Row]]]:
    def rank(item: tuple[Key, list[Row]]) -> tuple[Any, ...]:
        return tuple((not v, v if isinstance(v, (int, float)) else str(v)) for v in item[0])

    found = sorted(groups.items(), key=rank)
    first = order.split(",")[0].strip().lower()
    name = first.partition(" ")[0]
    if name in ("__count", f"{specs[0]}_count" if specs else ""):
        found.sort(key=lambda item: len(item[1]))
    if name and first.endswith(" desc"):
        found.reverse()
    return found
