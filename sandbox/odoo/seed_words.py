"""Words and tables for a plausible business."""

from typing import Any

Json = dict[str, Any]
# (id, name, code, its currency)
COUNTRIES = (
    (233, "United States", "US", 1), (57, "Germany", "DE", 126), (231, "United Kingdom", "GB", 142), (75, "France",
    "FR", 126),
    (12, "Austria", "AT", 126), (68, "Spain", "ES", 126), (177, "Poland", "PL", 126), (101, "Ireland", "IE", 126),
    (48, "China", "CN", 1), (2, "United Arab Emirates", "AE", 1), (189, "Serbia", "RS", 126),
)  # fmt: skip
STATES = (
    (13, 233, "California", "CA"),
    (42, 233, "New York", "NY"),
    (1360, 57, "Berlin", "BE"),
    (1361, 57, "Hamburg", "HH"),
)
CURRENCIES = (
    (1, "USD", "$", "United States dollar", 840, "before", True), (126, "EUR", "€", "Euro", 978, "after", True),
    (142, "GBP", "£", "Pound sterling", 826, "before", False),
)  # fmt: skip
# (id, name, factor, the unit it is counted in)
UNITS = (
    (1, "Units", 1.0, False), (2, "Pack of 6", 6.0, 1), (3, "Dozens", 12.0, 1), (4, "Hours", 1.0, False), (5, "Days",
    8.0, 4),
    (7, "mm", 1.0, False), (8, "cm", 10.0, 7), (9, "m", 100.0, 8), (12, "g", 1.0, False), (15, "kg", 1000.0, 12),
    (18, "ml", 1.0, False), (19, "L", 1000.0, 18),
)  # fmt: skip
TAGS = ((1, "Vendor", False), (2, "Wholesale", False), (3, "VIP ★", 2), (4, "Newsletter", False), (5, "Händler", 2))
CATEGORIES: tuple[tuple[str, str | None], ...] = (
    ("Goods", None), ("Clothing", "Goods"), ("Shirts", "Clothing"), ("Shoes", "Clothing"), ("Home & Garden", "Goods"),
    ("Kitchen", "Home & Garden"), ("Garden", "Home & Garden"), ("Électronique", "Goods"), ("Audio", "Électronique"),
    ("Books", "Goods"), ("Services", None), ("Deliveries", "Services"), ("Expenses", None),
)  # fmt: skip
LEAVES = ("Shirts", "Shoes", "Kitchen", "Garden", "Audio", "Books")
ATTRIBUTES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Size", "always", "radio", ("S", "M", "L", "XL")),
    ("Color", "always", "color", ("Red", "Blue", "Grün", "Black")),
    ("Material", "dynamic", "select", ("Cotton", "Linen", "Steel")),
    ("Engraving", "no_variant", "pills", ("None", "Custom text")),
)
COLORS = {"Red": "#d62728", "Blue": "#1f77b4", "Grün": "#2ca02c", "Black": "#000000"}
GERMAN = {"Red": "Rot", "Blue": "Blau", "Black": "Schwarz", "Size": "Größe", "Color": "Farbe", "Cotton": "Baumwolle"}
GERMAN_NOUNS = {"Shirt": "Hemd", "Lamp": "Lampe", "Notebook": "Notizbuch", "Blanket": "Decke", "Novel": "Roman"}
ADJECTIVES = ("Organic", "Classic", "Slim", "Vintage", "Everyday", "Premium", "Compact", "Soft", "Nordic", "Robust")
NOUNS = (
    "Shirt", "Teapot", "Running Shoe", "Lamp", "Notebook", "Headphones", "Garden Fork", "Phone Case", "Blanket", "Mug",
    "Backpack", "Novel", "Knife Set", "Scarf", "Boots", "Speaker", "Planter", "Candle",
)  # fmt: skip
ODD_NAMES = (
    'Barcoded Notebook <b>A5</b> "dot" – 120gsm ☕', "Café crème mug ☕", "Büroklammer 🎉 Set", '5" Display & stand',
    "Té verde — 100 g", "日本茶 急須", "No-SKU Mug", "O'Neil's Tee",
)  # fmt: skip
PEOPLE = (
    ("Ann Smith", 233, 42, "Albany", "12207", "12 Elm St"), ("Zoë Müller", 57, False, "Köln", "50667", "Hohe Straße 3"),
    ("D'Arcy O'Neil", 101, False, "Cork", "T12", "1 Quay"), ("Łukasz Żak", 177, False, "Kraków", "30-001",
    "ul. Długa 8"),
    ("王伟", 48, False, "上海", "200000", "南京路 1"), ("محمد علي", 2, False, "Dubai", "", "Marina 5"),
    ("José García", 68, False, "Málaga", "29001", "Calle Larios 2"), ("Mia Johnson", 233, 13, "Oakland", "94607",
    "9 Oak Ave"),
    ("Noah Brown", 233, 42, "Buffalo", "14201", "77 Main St"), ("Emma Schmidt", 57, 1360, "Berlin", "10115",
    "Invalidenstr. 1"),
    ("Olga Иванова", 189, False, "Novi Sad", "21000", "Dunavska 4"), ("Liam Murphy", 231, False, "Leeds", "LS1 4AP",
    "3 Park Row"),
)  # fmt: skip
COMPANIES = ("Acme Corporation", "Globex GmbH", "Initech", "Müller & Söhne KG", "Stark Industries", "Wayne & Co")
PROVIDERS = (
    ("Demo", "demo", "test"), ("Wire Transfer", "custom", "enabled"), ("Stripe", "none", "disabled"),
    ("PayPal", "none", "disabled"), ("Adyen", "none", "disabled"), ("Mollie", "none", "disabled"),
    ("Authorize.net", "none", "disabled"), ("Razorpay", "none", "disabled"), ("SEPA Direct Debit", "none", "disabled"),
)  # fmt: skip
NOTES = ("", "", "", "<p>Please ring ☎</p>", "<p>Leave at the door</p>", "<p>Geschenk – bitte ohne Rechnung 🎁</p>")
# How often each state occurs among orders.
STATES_OF_ORDERS = (("sale", 76), ("draft", 8), ("sent", 6), ("cancel", 10))
# Targets of many2one fields in models that the sandbox does not have.
LABELS: dict[str, dict[int, str]] = {
    "account.account": {5: "Account Receivable", 15: "Account Payable", 20: "Tax Received", 26: "Product Sales",
    32: "Expenses", 61: "Forderungen", 62: "Erlöse"},
    "account.tax.group": {1: "Tax 15%", 2: "Tax 0%", 3: "Tax 7.25%", 4: "USt 19%", 5: "USt 7%"},
    "stock.picking.type": {1: "WH: Receipts", 2: "WH: Delivery Orders", 9: "EU: Receipts", 10: "EU: Delivery Orders"},
    "crm.tag": {1: "Rush"},
    "stock.rule": {2: "WH: Stock → Customers", 9: "EU: Stock → Customers"},
    "report.paperformat": {1: "A4", 2: "US Letter"},
    "resource.calendar": {1: "Standard 40 hours/week"},
    "res.groups": {1: "Role / User", 4: "Role / Administrator"},
    "ir.module.module": {377: "Payment Provider: Demo"},
}  # fmt: skip
