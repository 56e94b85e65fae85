"""Calls to the ORM over /json/2 and /jsonrpc: rights, method, arguments."""

from typing import Any

from sandbox.odoo.data import User
from sandbox.odoo.env import Env, environment
from sandbox.odoo.methods import METHODS, Method
from sandbox.odoo.models import Json
from sandbox.odoo.refusals import (
    Refused,
    access_denied,
    no_database,
    not_found,
    private_method,
    type_error,
    unprocessable,
    user_error,
)
from sandbox.odoo.store import Store


def by_name(store: Store, user: User, model: str, method: str, arguments: Json) -> tuple[Any, Env]:
    """/json/2: named arguments, plus `ids` and `context`. Raises Refused."""
    named = dict(arguments)
    env = environment(store, user, named.pop("context", None))
    if model not in store.models:
        raise not_found(f"the model '{model}' does not exist")
    known = _known(model, method, not_found)
    given = "ids" in named
    ids = named.pop("ids", [])
    if given and not known.on_records:
        raise unprocessable(f"cannot call {model}.{method} with ids")
    try:
        bound = known.signature.bind(*([ids] if known.on_records else []), **named)
    except TypeError as wrong:
        raise unprocessable(str(wrong)) from None
    return known.call(env, model, *bound.args, **bound.kwargs), env


def by_position(store: Store, args: list[Any]) -> tuple[Any, Env]:
    """/jsonrpc object.execute_kw(db, uid, secret, model, method, args, kwargs). Raises Refused."""
    db, uid, secret, model, method, *rest = args
    if db != store.db:
        raise no_database(str(db))
    user = store.users.get(uid)
    if user is None or not user.active or (secret != user.password and store.by_key(str(secret)) is not user):
        raise access_denied()
    positional = list(rest[0]) if rest else []
    named = dict(rest[1]) if len(rest) > 1 and rest[1] else {}
    if model not in store.models:
        raise user_error(f"Object {model} doesn't exist")
    known = _known(model, method, lambda said: Refused("builtins.AttributeError", said, 404))
    env = environment(store, user, named.pop("context", None))
    if known.on_records and positional and isinstance(positional[0], int):
        positional[0] = [positional[0]]
    try:
        bound = known.signature.bind(*positional, **named)
    except TypeError as wrong:
        raise type_error(f"BaseModel.{method}() {wrong}") from None
    return known.call(env, model, *bound.args, **bound.kwargs), env


def common(store: Store, method: str, args: list[Any]) -> Any:
    if method == "version":
        serie = f"{store.server_version[0]}.{store.server_version[1]}"
        return {
            "server_version": serie,
            "server_version_info": [*store.server_version, 0, "final", 0, ""],
            "server_serie": serie,
            "protocol_version": 1,
        }
    if method in ("authenticate", "login"):
        db, login, secret = args[:3]
        if db != store.db:
            raise no_database(str(db))
        user = store.by_login(str(login), str(secret))
        return user.id if user else False
    raise Refused("builtins.Exception", f"Method not found: {method}", 500)


def _known(model: str, method: str, absent: Any) -> Method:
    if method.startswith("_"):
        raise private_method(model, method)
    known = METHODS.get(method)
    if known is None or (method == "context_get" and model != "res.users"):
        raise absent(f"The method '{model}.{method}' does not exist")
    return known
