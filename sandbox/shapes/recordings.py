"""From recordings to shapes. A recording is a payload as a file; WooCommerce's have a `NAME.headers.json` beside it."""

import json
import os
import re
from pathlib import Path
from typing import Any

from sandbox.shapes import Shape, digest, joined, kind_of, laid_out, learn

# The folder of the recordings, which may not exist: they contain others' texts and stay out of the repository.
RECORDINGS = Path(os.environ.get("RECORDINGS") or Path(__file__).parents[2].parent / "shared" / "data")
# Headers with fixed values of the protocol or of WordPress; for all others the shape has the kind.
PROTOCOL = {
    "content-type", "allow", "expires", "cache-control", "access-control-expose-headers",
    "access-control-allow-headers",
}  # fmt: skip
# The sandbox cuts a field's list of choices to this many (time zones, charts of accounts).
CHOICES = 24


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def woocommerce(folder: Path) -> dict[str, Any]:
    """For every recorded answer: status, headers, the shape of the body, and the codes of an error."""
    found: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(".headers.json"):
            continue
        body, fact = read(path), {}
        headers = path.with_name(f"{path.stem}.headers.json")
        if headers.exists():
            answer = read(headers)
            fact = {"status": answer["status"], "headers": header_shapes(answer["headers"])}
        if path.stem.startswith("error_"):
            fact |= {"codes": codes(body), "digest": digest(body)}
        found[path.stem] = {**fact, "body": learn([body])}
    common = {
        name: value
        for name, value in found["orders"]["headers"].items()
        if all(one["headers"].get(name) == value for one in found.values() if "headers" in one)
    }
    for one in found.values():
        if "headers" in one:
            one["headers"] = {name: value for name, value in one["headers"].items() if name not in common}
    return {"headers of every answer": common, "answers": found}


def header_shapes(headers: dict[str, str]) -> dict[str, str]:
    """Sorted names in lower case, with the kind of each value, or the value itself if it is fixed."""
    return {
        name: value if name in PROTOCOL else re.sub(r"\d+", "N", value) if name == "server" else kind_of(value)
        for name, value in sorted((name.lower(), value) for name, value in headers.items())
    }


def codes(body: Any) -> list[str]:
    """The error codes in a body, at any depth."""
    if isinstance(body, list):
        return sorted({code for one in body for code in codes(one)})
    if not isinstance(body, dict):
        return []
    inner = {code for one in body.values() for code in codes(one)}
    return sorted(inner | ({body["code"]} if isinstance(body.get("code"), str) else set()))


def odoo(folder: Path) -> dict[str, Any]:
    """For every field of a model: type, digest, kinds of its values. For every recorded call: the answer's shape."""
    models = {}
    for path in sorted(folder.glob("*.fields_get.json")):
        model = path.name.removesuffix(".fields_get.json")
        files = [folder / f"{model}{suffix}.json" for suffix in ("", "__all")]
        rows = [row for file in files if file.exists() for row in read(file)["records"]]
        models[model] = {
            name: " ".join((field["type"], description_digest(field), joined([r[name] for r in rows if name in r])))
            for name, field in read(path).items()
        }
    answers = {
        protocol: {
            name: answer_shape(answer["status"], answer.get("content_type"), answer["body"])
            for name, answer in some.items()
        }
        for protocol, some in read(folder / "_errors.json").items()
    }
    return {"models": models, "answers": answers}


def description_digest(described: dict[str, Any]) -> str:
    """The digest of a field's description in fields_get, without its label, its help and the labels of its choices."""
    kept = {name: value for name, value in described.items() if name not in ("help", "string")}
    if "selection" in kept:
        kept["selection"] = [key for key, _ in kept["selection"][:CHOICES]]
    return digest(kept)[:8]


def answer_shape(status: int, content_type: str | None, body: Any) -> Shape:
    kept = without_debug(body)
    error = body.get("error", {}).get("data", body) if isinstance(body, dict) else {}
    facts = {"status": status, "content_type": content_type, "error": error.get("name"), "digest": digest(kept)}
    return {name: value for name, value in facts.items() if value is not None} | {"body": learn([kept])}


def without_debug(body: Any) -> Any:
    """An error's body without its traceback."""
    if isinstance(body, dict):
        return {name: without_debug(value) for name, value in body.items() if name != "debug"}
    return body


def shape_files(recordings: Path) -> dict[str, str]:
    """The text of each provider's shape file, from the folders `woo` and `odoo`."""
    return {
        "woocommerce": laid_out(woocommerce(recordings / "woo")) + "\n",
        "odoo": laid_out(odoo(recordings / "odoo")) + "\n",
    }
