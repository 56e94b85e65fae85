"""What to do about a warning, where its own words do not say."""

_REMEDIES = {
    "circular_parent": "Correct the parents in the store.",
    "duplicate_sku": "Give one of them another SKU in the store.",
    "shared_sku": "Nothing needs to be done if it is the same product. Otherwise correct the SKU in one of the stores.",
    "shared_email": "Nothing needs to be done if it is the same customer. Otherwise correct the e-mail in the store.",
    "same_sale": "Nothing needs to be done: it is counted once.",
}


def remedy(code: str) -> str | None:
    """What to do, or nothing to add."""
    if code.startswith("missing_"):
        return "It can be promoted without it. The link is filled when that record arrives and is promoted."
    return _REMEDIES.get(code)
