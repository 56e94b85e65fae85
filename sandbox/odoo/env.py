"""The environment of a call: its user, companies and language."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.odoo.data import Data, User
from sandbox.odoo.refusals import access_error, no_access
from sandbox.odoo.rows import Row

# Models that only an administrator reads; a salesperson reads those in _SALES.
_ADMIN_ONLY = {"ir.config_parameter", "payment.provider", "ir.model"}
_SALES = {
    "res.partner", "res.partner.category", "res.users", "res.company", "res.currency", "res.country",
    "res.country.state",
    "res.lang", "product.template", "product.product", "product.category", "product.attribute",
    "product.attribute.value",
    "product.template.attribute.line", "product.template.attribute.value", "product.pricelist",
    "product.pricelist.item",
    "sale.order", "sale.order.line", "uom.uom", "account.tax", "account.fiscal.position", "account.payment.term",
    "product.tag", "product.supplierinfo", "crm.team", "res.currency.rate",
    "delivery.carrier", "stock.location", "stock.warehouse", "stock.quant",
}  # fmt: skip
_WRITABLE = {"res.partner", "sale.order", "sale.order.line"}


@dataclass(slots=True)
class Env:
    store: Data
    user: User
    companies: list[int]
    lang: str = "en_US"
    active_test: bool = True
    context: dict[str, Any] = field(default_factory=dict)
    # Display names already made in this call.
    names: dict[tuple[str, Any], Any] = field(default_factory=dict)
    # Seconds that the call's computed fields would have taken on a real server.
    cost: float = 0.0

    @property
    def uid(self) -> int:
        return self.user.id

    @property
    def company(self) -> int:
        """Company-dependent values follow the first one."""
        return self.companies[0]

    def seen_by(self) -> tuple[Any, ...]:
        """What an encoded row depends on, besides the row."""
        denied = tuple(sorted(self.store.denied.get(self.user.login, ())))
        return (self.uid, tuple(self.companies), self.lang, self.active_test, denied)

    def may_read(self, model: str) -> bool:
        if model in self.store.denied.get(self.user.login, ()):
            return False
        return self.user.admin or (model in _SALES and model not in _ADMIN_ONLY)

    def may_list(self, relation: str) -> bool:
        """Whether lists of this model's records are answered: they are read with its own rights."""
        if relation in self.store.models:
            return self.may_read(relation)
        return relation not in self.store.denied.get(self.user.login, ())

    def may_write(self, model: str) -> bool:
        return self.may_read(model) and (self.user.admin or model in _WRITABLE)

    def check_model(self, model: str, *, writing: bool = False) -> None:
        if not (self.may_write(model) if writing else self.may_read(model)):
            raise no_access(self.store.models[model].title, model)

    def hides(self, model: str) -> frozenset[str]:
        """The fields that this user's groups hide."""
        extra = self.store.hidden.get((self.user.login, model), frozenset())
        return extra if self.user.admin else self.store.models[model].restricted | extra

    def rule(self, model: str) -> Any:
        """The record rules as one predicate over rows, or None: rows are filtered without any error."""
        known = self.store.models[model].fields
        companies = {False, *self.companies}
        allowed = set(self.companies)
        if model == "res.company":
            return lambda row: row.id in allowed
        if model == "product.product":
            # Rules of the model it inherits from hold for it too.
            templates = self.store.tables["product.template"].rows
            return lambda row: templates[row.values["product_tmpl_id"]].values.get("company_id", False) in companies
        by_company = "company_id" in known and known["company_id"].stored and model != "res.users"
        mine = not self.user.admin and model in ("sale.order", "sale.order.line")
        owner = "user_id" if model == "sale.order" else "salesman_id"
        uid = self.uid

        def passes(row: Row) -> bool:
            if by_company and row.values.get("company_id", False) not in companies:
                return False
            return not mine or row.values.get(owner, False) in (uid, False)

        return passes if by_company or mine else None


def environment(store: Data, user: User, context: Any) -> Env:
    given = dict(context) if isinstance(context, dict) else {}
    wanted = given.get("allowed_company_ids")
    companies = list(wanted) if isinstance(wanted, list) and wanted else None
    if companies is None:
        # The user's own first, then the others.
        companies = [user.company, *(c for c in user.companies if c != user.company)]
    elif not set(companies) <= set(user.companies):
        raise access_error("Access to unauthorized or invalid companies.")
    return Env(store, user, companies, str(given.get("lang") or "en_US"), bool(given.get("active_test", True)), given)
