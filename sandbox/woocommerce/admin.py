"""/_sandbox/*: switch faults and write to a store in another process. A real WordPress has no such routes."""

import json
from typing import Any

from sandbox.wire import Answer

_FAULTS = {
    "burst", "rate", "once", "poison", "heal", "drift", "down", "empty", "lose", "redirect", "strip_auth",
    "ignore_offset", "per_page_cap", "plain_permalinks", "slow", "clear",
}  # fmt: skip
_WRITES = {
    "update", "trash", "delete", "restore", "delete_refund", "advance", "change_timezone", "raw_override",
}  # fmt: skip
_SWITCHES = {"analytics", "refunds_route", "permissions", "shuffle_related"}


def sandbox_call(app: Any, request: Any) -> Answer:
    try:
        given = json.loads(request.body) if request.body else {}
        return _answer(200, _do(app, request.method, request.path.removeprefix("/_sandbox/"), given))
    except (KeyError, ValueError, TypeError, ArithmeticError) as wrong:
        return _answer(400, {"error": f"{type(wrong).__name__}: {wrong}"})


def _do(app: Any, method: str, path: str, given: Any) -> Any:
    if path == "stats" and method == "GET":
        return stats(app)
    if path == "faults" and method == "POST":
        for call in given if isinstance(given, list) else [given]:
            wanted = dict(call)
            op = wanted.pop("op")
            if op not in _FAULTS:
                raise ValueError(f"op is not one of {', '.join(sorted(_FAULTS))}")
            if op == "down" and wanted.get("on", True) and wanted.get("status") is None:
                raise ValueError("down needs a status, such as 503: without one this port closes, and nothing opens it")
            getattr(app.faults, op)(**wanted)
        return {"ok": True}
    if path == "write" and method == "POST":
        results = [_write(app.store, dict(call)) for call in (given if isinstance(given, list) else [given])]
        return {"ok": True, "results": results}
    if path == "ids" and method == "POST":
        return {"ids": sorted(app.store.ids(given["kind"]), key=str)}
    if path == "payload" and method == "POST":
        return app.store.payload(given["kind"], given["id"])
    raise ValueError("known: GET stats; POST faults, write, ids, payload")


def _write(store: Any, call: dict[str, Any]) -> Any:
    op = call.pop("op")
    if op == "set":
        for name, value in call.items():
            if name not in _SWITCHES:
                raise ValueError(f"{name} is not one of {', '.join(sorted(_SWITCHES))}")
            setattr(store, name, value)
        return None
    if op not in _WRITES and not op.startswith("add_"):
        raise ValueError(f"op is not add_* or one of {', '.join(sorted(_WRITES))}")
    if "id" in call and op != "add_any":
        call["row_id"] = call.pop("id")
    if op == "add_order" and "items" in call:
        call["items"] = [tuple(item) for item in call["items"]]
    if op == "add_refund" and call.get("lines"):
        call["lines"] = {int(k): v for k, v in call["lines"].items()}
    return getattr(store, op)(**call)


def stats(app: Any) -> dict[str, Any]:
    by_status: dict[str, int] = {}
    for recorded in app.requests:
        by_status[str(recorded.status)] = by_status.get(str(recorded.status), 0) + 1
    return {
        "requests": len(app.requests),
        "by_status": by_status,
        "injected": dict(app.faults.injected),
        "drifted": app.faults.drifted,
        "counts": {kind: len(table.ids) for kind, table in app.store.tables.items()},
    }


def _answer(status: int, payload: Any) -> Answer:
    return Answer(status, json.dumps(payload).encode())
