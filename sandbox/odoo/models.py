"""Models and their fields, from fields_get of a real Odoo 19 (`models.json`).

A field in the file is `[type, flags, the rest of its description]`. Labels are not kept: they are made from the names.
Flags: s stored, q searchable, o sortable, r readonly, R required, c company-dependent, t translated, T translatable but
not translated. Two entries are ours: `inverse` names the many2one of the other model for a one2many, and `empty` is the
value of an unset field where that is neither False nor a number (as in recorded payloads).
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

Json = dict[str, Any]
_EMPTY: dict[str, Any] = {"integer": 0, "float": 0.0, "monetary": 0.0}
_OURS = ("inverse", "empty")
LISTS = ("one2many", "many2many")
# Where the parent of a tree is not called parent_id.
_PARENTS = {"stock.location": "location_id", "uom.uom": "relative_uom_id"}
# Fields that users below an administrator do not have (observed: 10 of res.partner, transaction_ids of sale.order).
_GROUPS = {
    "res.partner": {
        "credit_limit", "credit", "debit", "total_invoiced", "invoice_ids", "bank_ids", "signup_type",
        "days_sales_outstanding", "use_partner_credit_limit", "credit_to_invoice",
    },
    "sale.order": {"transaction_ids", "authorized_transaction_ids"},
    "product.product": {"standard_price", "avg_cost", "total_value"},
    "product.template": {"standard_price"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: str
    flags: str
    more: Json

    @property
    def stored(self) -> bool:
        return "s" in self.flags

    @property
    def searchable(self) -> bool:
        return "q" in self.flags

    @property
    def per_company(self) -> bool:
        return "c" in self.flags

    @property
    def relation(self) -> str:
        return str(self.more.get("relation", ""))

    @property
    def empty(self) -> Any:
        """The value of an unset field: False except for numbers, lists and some computed texts."""
        return [] if self.type in LISTS else self.more.get("empty", _EMPTY.get(self.type, False))

    def described(self) -> Json:
        """fields_get's answer for this field, without `help`."""
        description: Json = {
            "company_dependent": self.per_company,
            "readonly": "r" in self.flags,
            "required": "R" in self.flags,
            "searchable": self.searchable,
            "sortable": "o" in self.flags,
            "store": self.stored,
            "string": _label(self.name),
            "type": self.type,
        }
        if "t" in self.flags.lower():
            description["translate"] = "t" in self.flags
        description |= {name: value for name, value in self.more.items() if name not in _OURS}
        if "selection" in description:
            description["selection"] = [[key, _label(key)] for key in description["selection"]]
        return dict(sorted(description.items()))


def _label(name: str) -> str:
    return name.removesuffix("_id").removesuffix("_ids").replace("_", " ").capitalize()


class Inverse(NamedTuple):
    """The other side of a one2many: `model.field` points to it."""

    model: str
    field: str


@dataclass(slots=True)
class Model:
    name: str
    title: str
    order: str
    fields: dict[str, Field]
    restricted: frozenset[str] = frozenset()
    inverses: dict[str, Inverse] = field(default_factory=dict)

    @property
    def archives(self) -> bool:
        return "active" in self.fields

    @property
    def parent(self) -> str:
        return _PARENTS.get(self.name, "parent_id")


def load() -> dict[str, Model]:
    """Every model by name. Each store reads the file, since it may drop fields and models of its own."""
    models = {}
    for name, described in json.loads((Path(__file__).parent / "models.json").read_text(encoding="utf-8")).items():
        fields = {n: Field(n, f[0], f[1], f[2] if len(f) > 2 else {}) for n, f in described["fields"].items()}
        inverses = {n: Inverse(f.relation, f.more["inverse"]) for n, f in fields.items() if "inverse" in f.more}
        hidden = frozenset(_GROUPS.get(name, set()) & fields.keys())
        models[name] = Model(name, described["title"], described["order"], fields, hidden, inverses)
    return models
