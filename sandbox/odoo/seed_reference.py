"""Reference data: companies, currencies, units, places, taxes, prices, carriers, providers."""

from sandbox.odoo import seed_words as words
from sandbox.odoo.effects import partner_names
from sandbox.odoo.models import Json
from sandbox.odoo.seed_world import EU, US, World

_OFFICES = ((1, "My Company (San Francisco)", 233, "info@yourcompany.test", "+1 555-555-5556"), (2, "Handel EU GmbH",
57, "info@handel.test", "+49 30 555"))  # fmt: skip


def reference(world: World) -> None:
    store = world.store
    store.labels.update({model: dict(names) for model, names in words.LABELS.items()})
    for user in store.users.values():
        user.companies = [US, EU] if user.admin else [US]
    for row_id, name, symbol, full, number, side, active in words.CURRENCIES:
        world.put("res.currency", row_id, name=name, symbol=symbol, full_name=full, iso_numeric=number, position=side,
                  rounding=0.01, decimal_places=2, active=active, currency_unit_label=full.split()[-1].title(),
                  currency_subunit_label="Cents")  # fmt: skip
    address = "%(street)s\n%(street2)s\n%(city)s %(state_code)s %(zip)s\n%(country_name)s"
    for row_id, name, code, currency in words.COUNTRIES:
        world.put("res.country", row_id, name=name, code=code, currency_id=currency, address_format=address,
                  phone_code=row_id % 90 + 1, name_position="before",
                  vat_label="VAT" if code != "US" else False)  # fmt: skip
    for row_id, country, name, code in words.STATES:
        world.put("res.country.state", row_id, country_id=country, name=name, code=code)
    for row_id, lang in enumerate((("en_US", "English (US)"), ("de_DE", "German / Deutsch")), 1):
        world.put("res.lang", row_id, code=lang[0], name=lang[1])
    for row_id, name, factor, base in words.UNITS:
        path = f"{base}/{row_id}/" if base else f"{row_id}/"
        world.put("uom.uom", row_id, name=name, relative_factor=factor, relative_uom_id=base, factor=factor,
                  sequence=row_id, parent_path=path, active=name != "ml")  # fmt: skip
    for row_id, name, parent in words.TAGS:
        world.put("res.partner.category", row_id, name=name, parent_id=parent, color=row_id,
                  parent_path=f"{parent}/{row_id}/" if parent else f"{row_id}/")  # fmt: skip
    _companies(world)
    _places(world)
    _taxes(world)
    _models(world)


def _companies(world: World) -> None:
    for row_id, name, country, email, phone in _OFFICES:
        currency = 1 if row_id == US else 126
        values: Json = {"name": name, "is_company": True, "country_id": country, "email": email, "phone": phone}
        partner(world, values, row_id=row_id)
        world.put(
            "res.company", row_id, name=name, partner_id=row_id, currency_id=currency, email=email, phone=phone,
            sequence=row_id * 10,
            parent_path=f"{row_id}/", layout_background="Blank", font="Lato", fiscalyear_last_day=31,
            fiscalyear_last_month="12", account_price_include="tax_excluded", horizon_days=365.0, security_lead=0.0,
            inventory_period="manual", cost_method="standard", paperformat_id=2 if row_id == US else 1,
            tax_calculation_rounding_method="round_globally", terms_type="plain", portal_confirmation_sign=True,
            quotation_validity_days=30, account_fiscal_country_id=country, income_account_id=26, expense_account_id=32,
            chart_template="generic_coa", user_ids=[2, 5] if row_id == US else [2], resource_calendar_id=1,
        )  # fmt: skip
    for row_id, login, name in (
        (1, "__system__", "OdooBot"),
        (2, "admin", "Mitchell Admin"),
        (5, "clerk", "Marc Demo"),
    ):
        companies = world.store.users[row_id].companies if row_id in world.store.users else [US, EU]
        person = partner(world, {"name": name, "email": f"{login.strip('_')}@yourcompany.test", "parent_id": 1})
        world.put("res.users", row_id, login=login, partner_id=person, company_id=US, company_ids=list(companies),
                  notification_type="email", group_ids=[1, 4] if row_id < 3 else [1], active=row_id != 1,
                  signature=f"<div>{name}</div>")  # fmt: skip


def partner(world: World, values: Json, row_id: int | None = None) -> int:
    """A contact with the values that a real server derives on creation."""
    table = world.store.tables["res.partner"]
    parent = table.rows.get(values.get("parent_id") or 0)
    email = str(values.get("email") or "").strip().lower()
    given: Json = {
        "type": "contact", "lang": "en_US", "autopost_bills": "ask", "email_normalized": email or False,
        "partner_share": True,
        "phone_sanitized": values.get("phone", False), "peppol_eas": False,
        "trust": world.both("normal"), "property_account_receivable_id": world.both(5, 61),
        "property_account_payable_id": world.both(15), "property_stock_customer": world.both(2),
        "property_stock_supplier": world.both(1), **values,
    }  # fmt: skip
    row = world.store.put("res.partner", given, world.at, uid=2, row_id=row_id)
    row.values.update(partner_names(row.values, row.id, parent))
    return row.id


def _places(world: World) -> None:
    both = (False, US)
    for row_id, name, usage, parent, company in (
        (3, "Partners", "view", False, False), (1, "Vendors", "supplier", 3, False), (2, "Customers", "customer", 3,
        False),
        (10, "Virtual Locations", "view", False, False), (11, "Inter-warehouse transit", "transit", 10, US),
        (13, "Inventory adjustment", "inventory", 10, US), (15, "Production", "production", 10, US),
        (4, "WH", "view", False, US), (5, "Stock", "internal", 4, US), (16, "Shelf A", "internal", 5, US),
        (17, "Shelf B", "internal", 5, US), (18, "Output", "internal", 4, US), (19, "Old shelf", "internal", 5, US),
        (26, "EU", "view", False, EU), (27, "Stock", "internal", 26, EU), (28, "Output", "internal", 26, EU),
    ):  # fmt: skip
        above = world.store.tables["stock.location"].rows.get(parent or 0)
        top = above is None or parent in (3, 10)
        values = {"complete_name": f"{above.values['complete_name']}/{name}" if above else name}
        # The two roots are not shown in a location's full name: "Vendors", not "Partners/Vendors".
        values["complete_name"] = name if top else values["complete_name"]
        path = f"{above.values['parent_path']}{row_id}/" if above else f"{row_id}/"
        house = {4: 1, 26: 2}.get(int(path.split("/")[0]), False) if company not in both[:1] else False
        world.put("stock.location", row_id, name=name, usage=usage, location_id=parent, company_id=company,
                  parent_path=path, warehouse_id=house, active=name != "Old shelf",
                  replenish_location=row_id in (5, 27), barcode="WHSTOCK" if row_id == 5 else False,
                  last_inventory_date=world.text()[:10] if row_id == 5 else False, **values)  # fmt: skip
    for row_id, name, code, company, view, stock, output in (
        (1, "YourCompany", "WH", US, 4, 5, 18), (2, "Lager EU", "EU", EU, 26, 27, 28)
    ):  # fmt: skip
        world.put("stock.warehouse", row_id, name=name, code=code, company_id=company, partner_id=company,
                  view_location_id=view, lot_stock_id=stock, wh_output_stock_loc_id=output, reception_steps="one_step",
                  delivery_steps="ship_only", sequence=10, in_type_id=1 if company == US else 9,
                  out_type_id=2 if company == US else 10)  # fmt: skip


def _taxes(world: World) -> None:
    for row_id, name, use, amount, company, group, included, active in (
        (1, "15%", "sale", 15.0, US, 1, False, True), (2, "15%", "purchase", 15.0, US, 1, False, True),
        (3, "0% Exempt", "sale", 0.0, US, 2, False, True), (4, "7.25% incl.", "sale", 7.25, US, 3, True, True),
        (5, "19% USt", "sale", 19.0, EU, 4, False, True), (6, "7% USt", "sale", 7.0, EU, 5, False, True),
        (7, "16% USt (2020)", "sale", 16.0, EU, 4, False, False),
    ):  # fmt: skip
        row = world.put(
            "account.tax", row_id, name=name, type_tax_use=use, amount_type="percent", amount=amount,
            company_id=company, sequence=row_id,
            tax_group_id=group, country_id=233 if company == US else 57, invoice_label=name, is_base_affected=True,
            description=f"<div>Tax {name}</div>", active=active, tax_exigibility="on_invoice", is_domestic=True,
            price_include_override="tax_included" if included else False,
        )  # fmt: skip
        # The amounts are computed with these, though fields_get calls them not stored.
        row.values["price_include"] = included
    for row_id, name, company, country in (
        (1, "Domestic", US, 233),
        (2, "Foreign Trade", US, False),
        (3, "EU B2B", EU, False),
    ):
        world.put("account.fiscal.position", row_id, name=name, company_id=company, sequence=row_id * 10,
        auto_apply=True,
                  country_id=country, is_domestic=name == "Domestic", tax_ids=[1, 2] if row_id == 1 else [],
                  vat_required=name == "EU B2B")  # fmt: skip
    for row_id, name in enumerate(("Immediate Payment", "15 Days", "30 Days", "2/7 Net 30"), 1):
        world.put("account.payment.term", row_id, name=name, sequence=10, display_on_invoice=True,
                  note=f"<p>Payment terms: {name}</p>", discount_percentage=2.0, discount_days=7,
                  early_discount=name.startswith("2/"), early_pay_discount_computation="included")  # fmt: skip
    for row_id, (name, code, support) in enumerate(
        (("Demo", "demo", "partial"), ("Wire Transfer", "wire", "none")), 223
    ):
        world.put("payment.method", row_id, name=name, code=code, sequence=row_id, support_tokenization=code == "demo",
                  support_manual_capture=support, support_refund=support, image="aWNvbg==")  # fmt: skip
    for company in (US, EU):
        for name, code, state in words.PROVIDERS:
            demo = code == "demo"
            row = world.put(
                "payment.provider", name=name, code=code, state=state, company_id=company, sequence=40,
                is_published=demo,
                payment_method_ids=[223] if demo else [], module_id=377 if demo else False, allow_tokenization=demo,
                color=2 if demo else 0, done_msg="<p>Your payment has been processed.</p>", so_reference_type="so_name",
                cancel_msg="<p>Your payment has been cancelled.</p>",
                auth_msg="<p>Your payment has been authorized.</p>",
                allow_express_checkout=demo, custom_mode="wire_transfer" if code == "custom" else False,
                pending_msg="<p>Your payment has been processed but is waiting for approval.</p>",
            )  # fmt: skip
            row.values["module_state"] = "uninstalled" if code == "none" else "installed"


def _models(world: World) -> None:
    for row_id, (name, model) in enumerate(sorted(world.store.models.items()), 1):
        row = world.put("ir.model", row_id, model=name, state="base")
        row.values["name"] = model.title
    world.put("ir.config_parameter", 1, key="web.base.url", value="http://localhost:8069")
