"""/_sandbox/*: switch faults and write to a store in another process. A real Odoo has no such routes."""

import json
from typing import Any

from sandbox.wire import Answer

_FAULTS = {
    "burst", "rate", "once", "poison", "heal", "drift", "down", "empty", "lose", "redirect", "strip_auth", "slow",
    "clear",
}  # fmt: skip
_WRITES = {
    "create", "write", "unlink", "sql", "archive", "translate", "merge_partners", "adjust_stock", "quant_tasks",
    "confirm", "deliver", "remove_attribute_value", "add_any", "advance", "raw_override", "drop_field", "drop_model",
}  # fmt: skip


def sandbox_call(app: Any, request: Any) -> Answer:
    try:
        given = json.loads(request.body) if request.body else {}
        return _answer(200, _do(app, request.method, request.path.removeprefix("/_sandbox/"), given))
    except (KeyError, ValueError, TypeError, ArithmeticError) as wrong:
        return _answer(400, {"error": f"{type(wrong).__name__}: {wrong}"})


def _do(app: Any, method: str, path: str, given: Any) -> Any:
    if path == "stats" and method == "GET":
        return stats(app)
    calls = given if isinstance(given, list) else [given]
    if path == "faults" and method == "POST":
        for call in calls:
            wanted = dict(call)
            op = wanted.pop("op")
            if op not in _FAULTS:
                raise ValueError(f"op is not one of {', '.join(sorted(_FAULTS))}")
            if op == "down" and wanted.get("on", True) and wanted.get("status") is None:
                raise ValueError("down needs a status, such as 503: without one this port closes, and nothing opens it")
            getattr(app.faults, op)(**wanted)
        return {"ok": True}
    if path == "write" and method == "POST":
        return {"ok": True, "results": [_write(app.store, dict(call)) for call in calls]}
    if path == "ids" and method == "POST":
        return {"ids": sorted(app.store.ids(given["kind"]))}
    if path == "payload" and method == "POST":
        found = app.store.read(given["kind"], [given["id"]], given.get("fields"))
        return found[0] if found else None
    raise ValueError("known: GET stats; POST faults, write, ids, payload")


def _write(store: Any, call: dict[str, Any]) -> Any:
    op = call.pop("op")
    if op not in _WRITES:
        raise ValueError(f"op is not one of {', '.join(sorted(_WRITES))}")
    args = call.pop("args", [])
    return getattr(store, op)(*args, **call)


def stats(app: Any) -> dict[str, Any]:
    by_status: dict[str, int] = {}
    for recorded in app.requests:
        by_status[str(recorded.status)] = by_status.get(str(recorded.status), 0) + 1
    return {
        "requests": len(app.requests),
        "by_status": by_status,
        "injected": dict(app.faults.injected),
        "drifted": app.faults.drifted,
        "counts": {model: len(table.ids) for model, table in app.store.tables.items()},
    }


def _answer(status: int, payload: Any) -> Answer:
    return Answer(status, json.dumps(payload).encode())
