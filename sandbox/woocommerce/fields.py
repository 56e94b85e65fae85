"""Fields as WordPress stores them: names, slugs, attributes, meta data."""

import re
import unicodedata
from typing import Any
from urllib.parse import quote

from sandbox.woocommerce.table import Json, Row

_SLUG = 200  # post_name and slug are VARCHAR(200)


def encoded(name: str) -> str:
    """Names come back HTML-encoded in part: a bare & as &amp;, tags as they were (observed)."""
    return re.sub(r"&(?![a-zA-Z]+;|#\d+;)", "&amp;", name)


def slugify(name: str) -> str:
    """sanitize_title: tags and accents dropped, other scripts percent-encoded in lower case, at most 200 characters."""
    plain = re.sub(r"<[^>]*>|&[a-z#0-9]+;", "", name)[:_SLUG]
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    slug = re.sub(r"[^\w]+", "-", plain.lower()).strip("-")
    # As utf8_uri_encode: the characters that fit, each whole.
    while len(quote(slug)) > _SLUG:
        slug = slug[:-1]
    return quote(slug).lower()


def attribute(given: Json, at: int, known: dict[Any, Row]) -> Json:
    """A product's attribute (`options`) or a variation's choice (`option`), whatever part of it was given."""
    row = known.get(given.get("id", 0))
    if row is None:
        row = next((r for r in known.values() if r.fields["name"] == given.get("name") and "id" not in given), None)
    name = str(row.fields["name"] if row else given.get("name", ""))
    # A custom attribute's slug is its name on the product and a lower-case one on the variation (recorded).
    slug = row.fields["slug"] if row else name if "options" in given else slugify(name)
    base = {"id": row.id if row else 0, "name": name, "slug": given.get("slug", slug)}
    if "options" not in given:
        option = given.get("option", "")
        return {**base, "option": option, "_slug": given.get("_slug") or slugify(str(option))}
    return {
        **base,
        "position": given.get("position", at),
        "visible": given.get("visible", False),
        "variation": given.get("variation", False),
        "options": list(given["options"]),
    }


def merged_meta(old: list[Json], new: list[Json]) -> list[Json]:
    """An update changes the keys it names and leaves the others; a value of None removes the key."""
    by_key = {m["key"]: m for m in old}
    for m in new:
        known = by_key.get(m["key"])
        by_key[m["key"]] = {**m, "id": known["id"] if known else m["id"]}
    return [m for m in by_key.values() if m["value"] is not None]
