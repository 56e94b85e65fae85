"""JSON as PHP writes it, and `_fields`."""

import json
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.woocommerce.table import Json

# Stands for the shop's address in stored bytes, so that they survive a restart on another port.
HOME = "@home@"
# Stands for the related products, which WooCommerce shuffles for every answer.
RELATED = b'"@related@"'

_DUMP = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), check_circular=False).encode
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
Fields = dict[str, Any]


def php_json(value: Any) -> bytes:
    r"""json_encode's defaults: non-ASCII as \uXXXX, the slash as \/ (it can only occur inside a string)."""
    return _DUMP(value).replace("/", "\\/").encode()


def php_number(value: float) -> float:
    """PHP writes a float without a fraction as an integer: `"price":10`, `"price":20.25`."""
    return int(value) if value == int(value) else value


def field_tree(text: str) -> Fields:
    """`_fields=id,billing.email` as a tree; an empty branch means the whole value."""
    tree: Fields = {}
    for path in text.split(","):
        names = [name for name in path.strip().split(".") if name]
        branch = tree
        for depth, name in enumerate(names):
            known = branch.get(name)
            if known == {} and depth < len(names) - 1:
                break  # the whole value is already requested
            branch = branch.setdefault(name, {})
        else:
            branch.clear()
    return tree


def pick(payload: bytes, fields: Fields) -> bytes:
    """The requested fields in the record's order, each with its original bytes."""
    if not fields:
        return payload
    parts = []
    for name, value in _decode(payload).items():
        branch = fields.get(name)
        if branch is None:
            continue
        text = bytes(value)
        if branch:
            # In a list, WordPress intersects the names with its indexes, so nothing is left.
            text = pick(text, branch) if text[:1] == b"{" else b"[]" if text[:1] == b"[" else text
        parts.append(php_json(name) + b":" + text)
    return b"{" + b",".join(parts) + b"}" if parts else b"[]"


def links(home_path: str, row_id: Any, more: Json | None = None, *, allow: str = "GET,POST,PUT,PATCH,DELETE") -> Json:
    """`_links` of a record under /wp-json/wc/v3/."""
    base = f"{HOME}/wp-json/wc/v3/{home_path}"
    own = {"href": f"{base}/{row_id}", "targetHints": {"allow": allow.split(",")}}
    return {"self": [own], "collection": [{"href": base}], **{k: [v] for k, v in (more or {}).items()}}


def href(path: str) -> Json:
    return {"href": f"{HOME}/wp-json/wc/v3/{path}"}


_MONEY = {
    "discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total", "total_tax",
    "subtotal", "subtotal_tax", "tax_total", "shipping_tax_total", "amount",
}  # fmt: skip


def decimals(value: Any, places: int) -> Any:
    """Order totals with `dp` decimals instead of 2."""
    if isinstance(value, list):
        return [decimals(v, places) for v in value]
    if not isinstance(value, dict):
        return value
    return {
        k: f"{Decimal(v):.{places}f}" if k in _MONEY and isinstance(v, str) and v else decimals(v, places)
        for k, v in value.items()
    }
