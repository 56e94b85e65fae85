"""Prices: what a product costs now, and the HTML a theme shows (recorded from WooCommerce 10.0.2)."""

from decimal import Decimal
from html import escape

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.table import Json, Row

SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "CAD": "$", "PLN": "zł"}
SYMBOLS_HTML = {"USD": "&#36;", "EUR": "&euro;", "GBP": "&pound;", "JPY": "&yen;", "CAD": "&#36;"}


def on_sale(store: StoreBase, f: Json) -> bool:
    sale = f.get("sale_price", "")
    if sale == "" or f.get("regular_price", "") == "" or Decimal(sale) >= Decimal(f["regular_price"]):
        return False
    start, stop = f.get("date_on_sale_from"), f.get("date_on_sale_to")
    return (start is None or start <= store.now()) and (stop is None or stop >= store.now())


def current_price(store: StoreBase, f: Json) -> str:
    chosen = f.get("sale_price", "") if on_sale(store, f) else f.get("regular_price", "")
    return str(f.get("price_meta", chosen))


def shown_prices(store: StoreBase, row: Row, kind: str, sale: bool) -> tuple[str, str, str]:
    """price, regular_price and price_html. Of a variable parent: its lowest variation, and ""."""
    f = row.fields
    currency = SYMBOLS_HTML.get(store.currency, escape(SYMBOLS.get(store.currency, store.currency)))
    if kind in ("variable", "grouped"):
        if kind == "variable":
            table, members = store.tables["variations"], store.tables["variations"].children.get(row.id, [])
        else:
            table, members = store.tables["products"], f.get("grouped_products", [])
        prices = [current_price(store, table.rows[i].fields) for i in members if i in table.rows]
        amounts = sorted((p for p in prices if p != ""), key=Decimal)
        if not amounts:
            return "", "", ""
        return amounts[0], "", _price_html(currency, amounts[0], amounts[-1])
    price = current_price(store, f)
    regular = f.get("regular_price", "")
    if price == "":
        return price, regular, ""
    return (
        price,
        regular,
        _sale_html(currency, regular, price) if sale else _price_html(currency, price, price),
    )


def _amount(currency: str, price: str, *, hidden: bool = False) -> str:
    mark = ' aria-hidden="true"' if hidden else ""
    return (
        f'<span class="woocommerce-Price-amount amount"{mark}><bdi>'
        f'<span class="woocommerce-Price-currencySymbol">{currency}</span>{Decimal(price):,.2f}</bdi></span>'
    )


def _price_html(currency: str, low: str, high: str) -> str:
    if Decimal(low) == Decimal(high):
        return _amount(currency, low)
    return (
        f"{_amount(currency, low, hidden=True)} "
        f'<span aria-hidden="true">&ndash;</span> {_amount(currency, high, hidden=True)}'
        f'<span class="screen-reader-text">Price range: {currency}{Decimal(low):,.2f} '
        f"through {currency}{Decimal(high):,.2f}</span>"
    )


def _sale_html(currency: str, regular: str, price: str) -> str:
    spoken = currency.replace("&#36;", "&#036;")
    return (
        f'<del aria-hidden="true">{_amount(currency, regular)}</del> '
        f'<span class="screen-reader-text">Original price was: {spoken}{Decimal(regular):,.2f}.</span>'
        f'<ins aria-hidden="true">{_amount(currency, price)}</ins>'
        f'<span class="screen-reader-text">Current price is: {spoken}{Decimal(price):,.2f}.</span>'
    )
