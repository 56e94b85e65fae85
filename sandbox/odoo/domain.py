"""Domains: compile prefix notation to one predicate over rows, and the ids it can be narrowed to."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sandbox.odoo.comparing import LIKE, Predicate, compare, like, moments
from sandbox.odoo.display import display_name
from sandbox.odoo.env import Env
from sandbox.odoo.models import LISTS, Field
from sandbox.odoo.refusals import value_error
from sandbox.odoo.rows import Row
from sandbox.odoo.values import getter

_OPERATORS = {
    "=",
    "!=",
    "<>",
    "==",
    "<",
    "<=",
    ">",
    ">=",
    "in",
    "not in",
    "=?",
    "child_of",
    "parent_of",
    "any",
    "not any",
    *LIKE,
}


class Filter(NamedTuple):
    """A compiled domain: a predicate (None: everything), the range of ids it allows, or the ids themselves."""

    passes: Predicate | None
    low: int | None
    high: int | None
    among: list[int] | None
    names: frozenset[str]


def compiled(env: Env, model: str, domain: Any) -> Filter:
    """Raises Refused for an invalid domain (a 500 on a real server)."""
    tree, names = _tree(env, model, domain or [])
    low = high = None
    among: list[int] | None = None
    kept = []
    for term in tree:
        if isinstance(term, _Id):
            if term.operator == "in":
                among = term.value if among is None else [i for i in among if i in set(term.value)]
            elif term.operator in (">", ">="):
                bound = term.value + (term.operator == ">")
                low = bound if low is None else max(low, bound)
            else:
                bound = term.value - (term.operator == "<")
                high = bound if high is None else min(high, bound)
        else:
            kept.append(term)
    return Filter(_all(kept), low, high, among, frozenset(names))


class _Id(NamedTuple):
    """A condition on `id`; it narrows the search instead of testing each row."""

    operator: str
    value: Any


def _tree(env: Env, model: str, domain: Any) -> tuple[list[Any], set[str]]:
    """The terms that must all hold, and the field names the domain mentions at its top."""
    if not isinstance(domain, (list, tuple)):
        raise value_error(f"Domain() invalid item in domain: {domain!r}")
    names: set[str] = set()
    stack: list[list[Any]] = []
    for item in reversed(domain):
        if item in ("&", "|"):
            if len(stack) < 2:
                raise value_error(f"Domain() invalid domain: {domain!r}")
            left, right = stack.pop(), stack.pop()
            stack.append([*left, *right] if item == "&" else [_any(left, right)])
        elif item == "!":
            if not stack:
                raise value_error(f"Domain() invalid domain: {domain!r}")
            stack.append([_not(stack.pop())])
        elif isinstance(item, bool):
            stack.append([(lambda _row: True) if item else (lambda _row: False)])
        elif isinstance(item, (list, tuple)) and len(item) == 3:
            stack.append([_leaf(env, model, item, names)])
        else:
            raise value_error(f"Domain() invalid item in domain: {item!r}")
    # Terms without an operator are joined by &.
    return [term for terms in reversed(stack) for term in terms], names


def _leaf(env: Env, model: str, leaf: Any, names: set[str]) -> Any:
    name, operator, value = leaf
    if name in (0, 1) and operator in ("=", "!="):
        holds = (name == value) == (operator == "=")
        return lambda _row: holds
    if not isinstance(name, str) or operator not in _OPERATORS:
        raise value_error(f"Invalid domain condition {tuple(leaf)!r}")
    first, _, rest = name.partition(".")
    names.add(first)
    known = env.store.models[model].fields.get(first)
    if known is None or first in env.hides(model):
        raise value_error(f"Invalid field {model}.{first} in condition {tuple(leaf)!r}")
    if not known.searchable:
        raise value_error(f"Unsearchable field {model}.{first} in condition {tuple(leaf)!r}")
    if rest:
        return _related(env, model, known, [rest, operator, value])
    operator = {"<>": "!=", "==": "="}.get(operator, operator)
    if operator == "=?":
        if value in (False, None):
            return lambda _row: True
        operator = "="
    if name == "id" and operator in (">", ">=", "<", "<=") and isinstance(value, int):
        return _Id(operator, value)
    if name == "id" and operator in ("=", "in"):
        return _Id("in", sorted({i for i in (value if isinstance(value, list) else [value]) if i}))
    return _condition(env, model, known, operator, value)


def _condition(env: Env, model: str, known: Field, operator: str, value: Any) -> Predicate:
    if operator in ("any", "not any"):
        inner = _related(env, model, known, value)
        return inner if operator == "any" else (lambda row: not inner(row))
    if operator in ("child_of", "parent_of"):
        return _family(env, model, known, operator, value)
    get = getter(env, model, known.name)
    if known.type in LISTS or (known.type == "many2one" and _by_name(operator, value)):
        return _relational(env, known, get, operator, value)
    if known.type in ("datetime", "date"):
        value = moments(known, operator, value)
    if operator in LIKE:
        return like(get, operator, value)
    return compare(get, operator, value)


def _by_name(operator: str, value: Any) -> bool:
    if operator in LIKE:
        return True
    values = value if isinstance(value, list) else [value]
    return any(isinstance(v, str) for v in values)


def _relational(env: Env, known: Field, get: Callable[[Row], Any], operator: str, value: Any) -> Predicate:
    """Lists by their members, and both kinds by the members' names."""
    negative = operator in ("!=", "not in") or operator.startswith("not ")
    blank = value in (False, None) or (isinstance(value, list) and False in value)

    def ids(row: Row) -> list[Any]:
        found = get(row)
        return found if isinstance(found, list) else [found] if found else []

    if _by_name(operator, value):
        wanted = [str(v) for v in (value if isinstance(value, list) else [value])]
        op = operator.removeprefix("not ") if operator in LIKE else "=like"
        tests = [like(lambda row: display_name(env, known.relation, row.id), op, w) for w in wanted]
        rows = env.store.tables[known.relation].rows if known.relation in env.store.tables else {}
        hits = {i for i, row in rows.items() if any(test(row) for test in tests)}
    else:
        hits = {v for v in (value if isinstance(value, list) else [value]) if v not in (False, None)}
    return lambda row: (bool(hits & set(found)) if (found := ids(row)) else blank) != negative


def _related(env: Env, model: str, known: Field, condition: Any) -> Predicate:
    """A condition on the record(s) that a field points to: `partner_id.country_id.code`, `any`."""
    if known.relation not in env.store.tables:
        raise value_error(f"Invalid field {model}.{known.name} in a dotted condition: no relation to follow")
    rows = env.store.tables[known.relation].rows
    # A path is one leaf, `any` a domain.
    leaf = bool(condition) and isinstance(condition[0], str) and condition[0] not in ("&", "|", "!")
    inner = compiled(env, known.relation, [condition] if leaf else condition)
    get = getter(env, model, known.name)
    seen: dict[int, bool] = {}

    def holds(row_id: int) -> bool:
        if row_id not in seen:
            row = rows.get(row_id)
            seen[row_id] = row is not None and _within(inner, row)
        return seen[row_id]

    def passes(row: Row) -> bool:
        found = get(row)
        return any(holds(i) for i in found) if isinstance(found, list) else bool(found) and holds(found)

    return passes


def _within(asked: Filter, row: Row) -> bool:
    if (asked.low is not None and row.id < asked.low) or (asked.high is not None and row.id > asked.high):
        return False
    if asked.among is not None and row.id not in asked.among:
        return False
    return asked.passes is None or asked.passes(row)


def _family(env: Env, model: str, known: Field, operator: str, value: Any) -> Predicate:
    own = known.name == "id" or known.relation == model
    tree = model if known.name == "id" else known.relation
    up = getter(env, tree, env.store.models[tree].parent)
    rows = env.store.tables[tree].rows
    roots = {v for v in (value if isinstance(value, list) else [value]) if v}
    if operator == "parent_of":
        above: set[int] = set()
        for root in roots:
            while root and root in rows:
                above.add(root)
                root = up(rows[root])
        inside = above
    else:
        inside = {row_id for row_id, row in rows.items() if roots & _line(rows, up, row)}
    get = getter(env, model, known.name)
    if own and known.name == "id":
        return lambda row: row.id in inside
    return lambda row: get(row) in inside


def _line(rows: dict[int, Row], up: Callable[[Row], Any], row: Row) -> set[int]:
    found = {row.id}
    while (parent := up(row)) and parent in rows and parent not in found:
        found.add(parent)
        row = rows[parent]
    return found


def _all(terms: list[Predicate]) -> Predicate | None:
    if not terms:
        return None
    if len(terms) == 1:
        return terms[0]
    return lambda row: all(term(row) for term in terms)


def _plain(terms: list[Any]) -> Predicate:
    """Terms as one predicate, those on `id` too."""
    tests: list[Predicate] = [_of_id(t) if isinstance(t, _Id) else t for t in terms]
    return _all(tests) or (lambda _row: True)


def _of_id(term: _Id) -> Predicate:
    if term.operator == "in":
        among = set(term.value)
        return lambda row: row.id in among
    return compare(lambda row: row.id, term.operator, term.value)


def _any(left: list[Any], right: list[Any]) -> Predicate:
    one, other = _plain(left), _plain(right)
    return lambda row: one(row) or other(row)


def _not(terms: list[Any]) -> Predicate:
    inner = _plain(terms)
    return lambda row: not inner(row)
