"""Order arithmetic: lines, discounts, taxes and totals that sum exactly, rounded per line as Woo does."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from sandbox.woocommerce.table import Json

CENT = Decimal("0.01")
ZERO = Decimal(0)


def cents(value: Decimal) -> Decimal:
    return value.quantize(CENT, ROUND_HALF_UP)


def text(value: Decimal) -> str:
    return f"{cents(value):.2f}"


def short(value: Decimal) -> str:
    """coupon_lines have discounts without trailing zeros: "4.5", "11", "0"."""
    return f"{cents(value).normalize():f}"


def discounts(subtotals: Sequence[Decimal], quantities: Sequence[int], coupon: Json | None) -> list[Decimal]:
    """The discount of each line; a fixed amount is divided by value, with the last cents on the first lines."""
    if coupon is None:
        return [ZERO] * len(subtotals)
    amount = Decimal(coupon["amount"])
    kind = coupon.get("discount_type", "fixed_cart")
    if kind == "percent":
        return [min(cents(s * amount / 100), s) for s in subtotals]
    if kind == "fixed_product":
        return [min(cents(amount * q), s) for s, q in zip(subtotals, quantities, strict=True)]
    whole = sum(subtotals, ZERO)
    amount = min(amount, whole)
    shares = [(s * amount / whole).quantize(CENT, "ROUND_DOWN") if whole else ZERO for s in subtotals]
    left = amount - sum(shares, ZERO)
    for n in range(len(shares)):
        step = min(left, CENT)
        shares[n], left = shares[n] + step, left - step
    return [min(d, s) for d, s in zip(shares, subtotals, strict=True)]


def matching_rate(taxes: Sequence[tuple[int, Json]], address: Json, tax_class: str) -> tuple[int, Json] | None:
    """The first rate of the class for the address; a rate without a state applies to the whole country."""
    wanted = tax_class or "standard"
    for rate_id, rate in sorted(taxes, key=lambda t: (-len(t[1].get("state", "")), t[0])):
        if (
            rate.get("class", "standard") == wanted
            and rate.get("priority", 1) == 1
            and rate.get("country", "") in ("", address.get("country"))
            and rate.get("state", "") in ("", address.get("state"))
            and not rate.get("postcodes")
        ):
            return rate_id, rate
    return None


def rate_code(rate: Json) -> str:
    parts = (rate.get("country"), rate.get("state"), rate.get("name", "Tax"), str(rate.get("priority", 1)))
    return "-".join(part for part in parts if part).upper()


def taxed(amount: Decimal, rate: Json | None) -> Decimal:
    return cents(amount * Decimal(rate["rate"]) / 100) if rate else ZERO
