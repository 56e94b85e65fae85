"""Words and tables for a plausible shop."""

from typing import Any

TREE: dict[str, dict[str, tuple[str, ...]]] = {
    "Clothing": {
        "Shirts": ("T-Shirts", "Blouses"),
        "Shoes": ("Running Shoes", "Boots"),
        "Accessories": ("Hats",),
    },
    "Home &amp; Garden": {"Kitchen": ("Tea", "Pots"), "Garden": ("Tools", "Seeds"), "Shirts": ()},
    "Électronique": {"Téléphones": ("Coques",), "Audio": ("Headphones",)},
    "Books": {"Fiction": (), "Non-fiction": ("Science",)},
}
TAGS = ("new", "clearance", "bio", "صنع يدوي", "bestseller", "gift")
ATTRIBUTES = {
    "Size": ("S", "M", "L", "XL"),
    "Color": ("Red", "Blue", "Grün", "Black"),
    "Material": ("Cotton", "Linen", "Steel"),
}
ADJECTIVES = (
    "Organic",
    "Classic",
    "Slim",
    "Vintage",
    "Everyday",
    "Premium",
    "Compact",
    "Soft",
    "Nordic",
    "Robust",
)
NOUNS = (
    "Shirt", "Teapot", "Running Shoe", "Lamp", "Notebook", "Headphones", "Garden Fork", "Phone Case",
    "Blanket", "Mug", "Backpack", "Novel", "Knife Set", "Scarf", "Boots", "Speaker", "Planter", "Candle",
)  # fmt: skip
ODD_NAMES = (
    "Salt &amp; Pepper Mill", "Café crème mug ☕", "Büroklammer 🎉 Set", "5&quot; Display",
    "Té verde — 100 g", "日本茶 急須", "Mug &lt;limited&gt;", "O'Neil's Tee",
)  # fmt: skip
PEOPLE = (
    ("Ann", "Smith", "US", "NY", "Albany", "12207"), ("Zoë", "Müller", "DE", "", "Köln", "50667"),
    ("D'Arcy", "O'Neil", "IE", "", "Cork", "T12"), ("Łukasz", "Żak", "PL", "", "Kraków", "30-001"),
    ("伟", "王", "CN", "", "上海", "200000"), ("محمد", "علي", "AE", "", "Dubai", ""),
    ("José", "García", "ES", "", "Málaga", "29001"), ("Mia", "Johnson", "US", "CA", "Oakland", "94607"),
    ("Noah", "Brown", "US", "NY", "Buffalo", "14201"), ("Emma", "Schmidt", "DE", "", "Berlin", "10115"),
    ("Olga", "Иванова", "RS", "", "Novi Sad", "21000"), ("Liam", "Murphy", "GB", "", "Leeds", "LS1 4AP"),
)  # fmt: skip
COMPANIES = ("ACME", "Globex GmbH", "Initech", "Müller & Söhne KG", "Stark Industries", "")
TAXES: tuple[dict[str, Any], ...] = (
    {"country": "US", "state": "NY", "rate": "8.8750", "name": "NY Tax"},
    {"country": "US", "state": "CA", "rate": "7.2500", "name": "CA"},
    {"country": "DE", "rate": "19.0000", "name": "MwSt"},
    {"country": "DE", "rate": "7.0000", "name": "MwSt reduced", "class": "reduced-rate"},
    {
        "country": "US", "state": "NY", "rate": "0.5000", "name": "City", "priority": 2, "compound": True,
        "postcodes": ["10001", "10002"], "cities": ["NEW YORK"],
    },
)  # fmt: skip
COUPONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("TenOff", "10", {"discount_type": "percent"}),
    ("minus5", "5", {"discount_type": "fixed_cart", "usage_limit": 1000}),
    ("prod3", "3", {"discount_type": "fixed_product"}),
    ("expired", "1", {"date_expires": "2020-01-01T00:00:00"}),
    ("über", "1", {"free_shipping": True, "email_restrictions": ["*@example.test"]}),
    (
        "summer27",
        "15",
        {"discount_type": "percent", "date_expires": "2027-06-30T00:00:00", "description": "Sale"},
    ),
)
# How often each status occurs among a shop's orders.
STATUSES = (
    ("completed", 55), ("processing", 18), ("on-hold", 6), ("pending", 5), ("cancelled", 6), ("failed", 4),
    ("refunded", 6),
)  # fmt: skip
CURRENCIES = (("", 88), ("EUR", 8), ("GBP", 4))
NOTES = ("", "", "", "Please ring ☎", "Leave at the door", "Geschenk — bitte ohne Rechnung 🎁")
