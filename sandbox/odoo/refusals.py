"""Errors of the server, with the words and the status of a real one (recorded)."""

from typing import Any

# A traceback as long as a real one. Clients must neither keep nor log it: tests look for its mark.
DEBUG_MARK = "odoo-sandbox-traceback"
_FRAME = (
    '  File "/usr/lib/python3/dist-packages/odoo/{where}", line {line}, in {what}\n'
    f"    result = call(*args)  # {DEBUG_MARK}\n"
)
_FRAMES = (
    ("http.py", 2273, "_transactioning"), ("service/model.py", 184, "retrying"), ("http.py", 2240, "_serve_ir_http"),
    ("addons/base/models/ir_http.py", 333, "_dispatch"), ("addons/rpc/controllers/json2.py", 71, "web_json_2"),
    ("service/model.py", 61, "call_kw"), ("orm/models.py", 5126, "search_read"), ("orm/domains.py", 1021,
    "_as_predicate"),
)  # fmt: skip


class Refused(Exception):
    """An Odoo error: `name` is the exception's dotted name, `status` the HTTP status of /json/2."""

    def __init__(self, name: str, message: str, status: int, *, arguments: list[Any] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.status = status
        self.arguments = [message] if arguments is None else arguments

    def body(self) -> dict[str, Any]:
        frames = "".join(_FRAME.format(where=w, line=n, what=f) for w, n, f in _FRAMES)
        return {
            "name": self.name,
            "message": self.message,
            "arguments": self.arguments,
            "context": {},
            "debug": f"Traceback (most recent call last):\n{frames}{self.name}: {self.message}\n",
        }


def access_error(message: str) -> Refused:
    return Refused("odoo.exceptions.AccessError", message, 403)


def access_denied() -> Refused:
    return Refused("odoo.exceptions.AccessDenied", "Access Denied", 403)


def unauthorized(message: str) -> Refused:
    return Refused("werkzeug.exceptions.Unauthorized", message, 401, arguments=[message, 401])


def not_found(message: str) -> Refused:
    return Refused("werkzeug.exceptions.NotFound", message, 404, arguments=[message, 404])


def unprocessable(message: str) -> Refused:
    return Refused("werkzeug.exceptions.UnprocessableEntity", message, 422, arguments=[message, 422])


def user_error(message: str) -> Refused:
    return Refused("odoo.exceptions.UserError", message, 422)


def validation_error(message: str) -> Refused:
    return Refused("odoo.exceptions.ValidationError", message, 422)


def missing_record(model: str, record_id: int, uid: int) -> Refused:
    said = f"Record does not exist or has been deleted.\n(Record: {model}({record_id},), User: {uid})"
    return Refused("odoo.exceptions.MissingError", said, 404)


def value_error(message: str) -> Refused:
    return Refused("builtins.ValueError", message, 500)


def type_error(message: str) -> Refused:
    return Refused("builtins.TypeError", message, 500)


def no_database(name: str) -> Refused:
    said = f'connection to server at "127.0.0.1", port 5433 failed: FATAL:  database "{name}" does not exist\n'
    return Refused("psycopg2.OperationalError", said, 500)


def private_method(model: str, method: str) -> Refused:
    return access_error(f"Private methods (such as '{model}.{method}') cannot be called remotely.")


def no_access(title: str, model: str) -> Refused:
    return access_error(
        f"You are not allowed to access '{title}' ({model}) records.\n\nThis operation is allowed for the following "
        "groups:\n\t- Role / Administrator\n\nContact your administrator to request access if necessary."
    )


def invalid_field(model: str, name: str) -> Refused:
    return value_error(f"Invalid field '{name}' on '{model}'")
