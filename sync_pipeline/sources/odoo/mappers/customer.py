"""Partners: customers, the people at a company, and addresses that belong to one of them."""

from collections.abc import Mapping
from typing import Any

from sync_pipeline.entities.address import Address
from sync_pipeline.entities.base import Follow, Ref, names, reads
from sync_pipeline.entities.customer import Customer
from sync_pipeline.entities.values import email_address, fold, when
from sync_pipeline.sources.odoo.mappers.follow import COUNTRY, LEVELS, STATE, partner
from sync_pipeline.sources.odoo.mappers.values import amount, first, ident, kept, linked, named, records, text

_KINDS = {"invoice": "billing", "delivery": "shipping", "contact": "contact"}
_KEPT = ("is_company", "vat", "ref", "lang", "tz", "website", "company_registry")
PLACE = ("street", "street2", "city", "zip", "state_id", "country_id")
REACH = ("phone", "mobile", "email", "email_normalized")


def is_address(payload: Mapping[str, Any]) -> bool:
    """True for a partner that is not a customer: an address, or a company's contact without an e-mail of its own.

    Odoo counts invoices on the invoice address (`customer_rank`), so only a contact's rank says that it buys.
    """
    if ident(payload.get("parent_id")) is None:
        return False
    if payload.get("type") not in (None, False, "contact"):
        return True
    if payload.get("is_company") is True:
        return False
    own = e_mail(payload)
    if own is None:
        return not amount(payload, "customer_rank")
    above = e_mail(linked(payload, "parent_id"))
    return above is not None and fold(own) == fold(above)


def owner(payload: Mapping[str, Any]) -> Ref | None:
    """The customer that a partner is, or that it is an address of."""
    for _ in range(LEVELS + 1):
        if not is_address(payload):
            break
        parent = linked(payload, "parent_id")
        if not parent:
            return Ref("customer", str(ident(payload.get("parent_id"))))
        payload = parent
    found = ident(payload)
    return Ref("customer", found) if found is not None else None


def e_mail(payload: Mapping[str, Any]) -> str | None:
    """The address to write to: as Odoo cleans it, else as it was typed."""
    return first(email_address(text(payload, "email_normalized")), email_address(text(payload, "email")))


def place(payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """A partner's address in the words that all providers share; None where nothing but its name is known."""
    state = linked(payload, "state_id")
    country = linked(payload, "country_id")
    found = {
        "address_1": text(payload, "street"),
        "address_2": text(payload, "street2"),
        "city": text(payload, "city"),
        "state": first(text(state, "code"), named(payload, "state_id")),
        "postcode": text(payload, "zip"),
        "country": first(text(country, "code"), named(payload, "country_id")),
    }
    if not any(found.values()):
        return None
    found |= {
        "name": text(payload, "name"),
        "company": company(payload),
        "email": e_mail(payload),
        "phone": phone(payload),
    }
    return {key: value for key, value in found.items() if value}


def company(payload: Mapping[str, Any]) -> str | None:
    """A company's own name, or that of the company a person or address belongs to."""
    if payload.get("is_company") is True:
        return text(payload, "name")
    return first(named(payload, "parent_id"), text(payload, "commercial_company_name"), text(payload, "company_name"))


def phone(payload: Mapping[str, Any]) -> str | None:
    """The phone number, else the mobile one (a separate field before Odoo 19)."""
    return first(text(payload, "phone"), text(payload, "mobile"))


@reads(
    *names("id name type parent_id active customer_rank commercial_company_name company_name category_id create_date"),
    *PLACE,
    *REACH,
    *_KEPT,
    follows=(*partner("").follows, COUNTRY, STATE, Follow("category_id", "partner_tag", ("name",))),
)
def to_customer(payload: Mapping[str, Any]) -> Customer | Address:
    """One `res.partner`: a customer, or an address of the customer above it."""
    active = payload.get("active") is not False
    metadata = {"odoo_partner_id": payload.get("id"), **kept(payload, (*_KEPT, "parent_id"))}
    if is_address(payload):
        return Address(
            customer=owner(payload),
            kind=_KINDS.get(str(payload.get("type") or "contact"), "other"),
            name=text(payload, "name"),
            email=e_mail(payload),
            phone=phone(payload),
            address=place(payload),
            active=active,
            metadata=metadata,
        )
    warnings: list[str] = []
    return Customer(
        name=first(text(payload, "name"), e_mail(payload)),
        email=e_mail(payload),
        phone=phone(payload),
        company=company(payload),
        address=place(payload),
        tags=[name for one in records(payload, "category_id") if (name := text(one, "name"))],
        registered_at=when(payload, "create_date", warnings),
        active=active,
        metadata=metadata,
        warnings=tuple(warnings),
    )
