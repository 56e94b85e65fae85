"""Reading a field of a row: stored, of the company, of another record, computed, translated."""

from collections.abc import Callable
from typing import Any

from sandbox.odoo.computed import COMPUTED, INHERITS, RELATED, SLOW
from sandbox.odoo.display import display_name
from sandbox.odoo.env import Env
from sandbox.odoo.models import LISTS, Field, Json
from sandbox.odoo.refusals import access_error, invalid_field, no_access
from sandbox.odoo.rows import Row, text

Getter = Callable[[Row], Any]


def getter(env: Env, model: str, name: str) -> Getter:
    """A function that reads the raw value: a bare id for a many2one, archived rows too for a list."""
    known = env.store.models[model].fields.get(name)
    if known is None:
        raise invalid_field(model, name)
    if name == "id":
        return lambda row: row.id
    if name == "create_date":
        return lambda row: text(row.created)
    if name == "write_date":
        return lambda row: text(row.written)
    if name == "display_name":
        return lambda row: display_name(env, model, row.id)
    found = _from_elsewhere(env, model, known)
    return found or _stored(env, known)


def _from_elsewhere(env: Env, model: str, known: Field) -> Getter | None:
    name = known.name
    compute = COMPUTED.get((model, name))
    if compute is not None:
        return lambda row: compute(env, row)
    path = RELATED.get((model, name))
    if path is not None:
        return _along(env, model, path.split("."), known)
    inverse = env.store.models[model].inverses.get(name)
    if inverse is not None:
        pointing = env.store.tables[inverse.model].pointing[inverse.field]
        if model == "account.move" and name == "invoice_line_ids":
            lines = env.store.tables[inverse.model].rows
            shown = ("product", "line_section", "line_subsection", "line_note")
            return lambda row: [i for i in pointing.get(row.id, ()) if lines[i].values.get("display_type") in shown]
        return lambda row: list(pointing.get(row.id, ()))
    parent = INHERITS.get(model)
    if parent and not known.stored:
        theirs = env.store.models[parent[1]].fields.get(name)
        if theirs is not None:
            return _along(env, model, [parent[0], name], known)
    return None


def _along(env: Env, model: str, path: list[str], known: Field) -> Getter:
    """The value at the end of a path of many2one fields."""
    first = getter(env, model, path[0])
    if len(path) == 1:
        return first
    relation = env.store.models[model].fields[path[0]].relation
    rows = env.store.tables[relation].rows
    rest = _along(env, relation, path[1:], known)

    def follow(row: Row) -> Any:
        target = rows.get(first(row))
        return known.empty if target is None else rest(target)

    return follow


def _stored(env: Env, known: Field) -> Getter:
    name, empty = known.name, known.empty
    if known.per_company:
        company = env.company

        def of_company(row: Row) -> Any:
            held = row.values.get(name)
            return held.get(company, empty) if isinstance(held, dict) else empty

        return of_company
    if "t" in known.flags and env.lang != "en_US":
        lang = env.lang

        def translated(row: Row) -> Any:
            words = row.words.get(lang) if row.words else None
            return words[name] if words and name in words else row.values.get(name, empty)

        return translated
    if known.type in LISTS:
        return lambda row: list(row.values.get(name, ()))
    return lambda row: row.values.get(name, empty)


def reader(env: Env, model: str, names: list[str], *, load: bool) -> Callable[[Row], Json]:
    """A function that reads rows as `read` answers them: `id`, then the fields in order. `load`: [id, display name]."""
    known = env.store.models[model].fields
    for name in names:
        if name not in known:
            raise invalid_field(model, name)
    hidden = env.hides(model)
    asked = [name for name in dict.fromkeys(names) if name != "id"]
    refused = [name for name in asked if name in hidden]
    if refused:
        listed = ", ".join(refused)
        raise access_error(f'You do not have enough rights to access the fields "{listed}" on {model}.')
    base: Json = {"id": 0, **{name: known[name].empty for name in asked}}
    plain: set[str] = set()
    special: list[tuple[str, Getter]] = []
    for name in asked:
        if _is_plain(env, model, known[name], load=load):
            plain.add(name)
        else:
            special.append((name, _shown(env, model, known[name], load=load)))

    def read(row: Row) -> Json:
        answer = base.copy()
        answer["id"] = row.id
        values = row.values
        for name in values.keys() & plain:
            answer[name] = values[name]
        for name, value in special:
            answer[name] = value(row)
        return answer

    return read


def cost_of(env: Env, model: str, names: list[str]) -> float:
    """Seconds per row that these fields take to compute."""
    return sum(SLOW.get((model, name), 0.0) for name in names) * env.store.slowness


def _is_plain(env: Env, model: str, known: Field, *, load: bool) -> bool:
    """Whether the row's value is the answer: no list to filter, no name, company, language or computation."""
    if known.name in ("create_date", "write_date", "display_name") or known.type in LISTS or known.per_company:
        return False
    if known.type == "many2one" and load:
        return False
    if "t" in known.flags and env.lang != "en_US":
        return False
    return _from_elsewhere(env, model, known) is None


def _shown(env: Env, model: str, known: Field, *, load: bool) -> Getter:
    raw = getter(env, model, known.name)
    if known.type == "many2one" and load:
        relation = known.relation

        def named(row: Row) -> Any:
            target = raw(row)
            return [target, display_name(env, relation, target)] if target else False

        return named
    if known.type in LISTS and not env.may_list(known.relation):

        def refused(_row: Row) -> Any:
            raise no_access(known.relation, known.relation)

        return refused
    if known.type in LISTS and known.relation in env.store.tables:
        rows = env.store.tables[known.relation].rows
        hide = env.active_test and env.store.models[known.relation].archives
        rule = env.rule(known.relation)

        def listed(row: Row) -> Any:
            found = [(i, rows[i]) for i in raw(row) if i in rows]
            return [i for i, r in found if (not hide or r.values.get("active")) and (rule is None or rule(r))]

        return listed
    return raw
