"""Writes to the catalogue. Each moves the date_modified of the same records as on a real store."""

from typing import Any

from sandbox.woocommerce.base import StoreBase
from sandbox.woocommerce.fields import attribute, encoded, slugify
from sandbox.woocommerce.table import Json, Row

_SALE_DATES = ("date_on_sale_from", "date_on_sale_to")


class CatalogueStore(StoreBase):
    def add_product(self, **overrides: Any) -> int:
        """`categories` and `tags` take ids; `images` takes (file, name) pairs or ready entries."""
        with self.lock:
            given = {"name": "Product", **overrides}
            if "price" in given:  # read-only in the API: set the regular price instead
                given.setdefault("regular_price", given.pop("price"))
            fields = self._product_fields(given)
            if "slug" not in fields and fields.get("status") not in ("draft", "pending"):
                fields["slug"] = self._free_slug(slugify(fields["name"]))
            fields.setdefault("categories", [self.default_category])
            row = self.insert("products", fields)
            if fields.get("type") == "grouped":
                self.grouped.add(row.id)
            self.count_terms(row, 1)
            return int(row.id)

    def add_variation(self, parent_id: int, **overrides: Any) -> int:
        """Moves the parent's date_modified too."""
        with self.lock:
            row = self.insert("variations", {"parent_id": parent_id, **self._product_fields(overrides)})
            if "date_modified" in overrides or "date_created" in overrides:
                self.tables["products"].touch(parent_id)
            else:
                self.bump("products", parent_id)
            return int(row.id)

    def add_category(self, name: str, parent: int = 0, **overrides: Any) -> int:
        with self.lock:
            slug = self._free_term_slug("categories", slugify(name), parent)
            row = self.insert("categories", {"name": encoded(name), "slug": slug, "parent": parent, **overrides})
            return int(row.id)

    def add_tag(self, name: str, **overrides: Any) -> int:
        with self.lock:
            return int(self.insert("tags", {"name": encoded(name), "slug": slugify(name), **overrides}).id)

    def add_shipping_class(self, name: str, **overrides: Any) -> int:
        with self.lock:
            return int(self.insert("shipping_classes", {"name": name, "slug": slugify(name), **overrides}).id)

    def add_attribute(self, name: str, terms: list[str] | None = None, **overrides: Any) -> int:
        with self.lock:
            row = self.insert("attributes", {"name": name, "slug": f"pa_{slugify(name)}", **overrides})
            for term in terms or []:
                self.add_term(row.id, term)
            return int(row.id)

    def add_term(self, attribute_id: int, name: str, **overrides: Any) -> int:
        with self.lock:
            fields = {"attribute_id": attribute_id, "name": encoded(name), "slug": slugify(name), **overrides}
            row = self.insert("attribute_terms", fields)
            self.term_of[(attribute_id, fields["name"])] = int(row.id)
            return int(row.id)

    def add_review(self, product_id: int, **overrides: Any) -> int:
        """An approved review moves the product's date_modified."""
        with self.lock:
            fields = {
                "product_id": product_id,
                "status": "approved",
                "reviewer": "Bob",
                "reviewer_email": "bob@example.test",
                "review": "<p>Nice!</p>\n",
                "rating": 5,
                **overrides,
            }
            row = self.insert("reviews", fields)
            self._rate(product_id, touch="date_created" not in overrides)
            return int(row.id)

    # -- what others call ---------------------------------------------------------------------------------
    @property
    def default_category(self) -> int:
        return int(self.tables["categories"].ids[0])

    def _product_fields(self, given: Json) -> Json:
        fields = dict(given)
        for name in _SALE_DATES:
            fields.pop(f"{name}_gmt", None)
            if name in fields:
                fields[name] = self.moment(fields[name])
        if "name" in fields:
            fields["name"] = encoded(fields["name"])
        if "meta_data" in fields:
            fields["meta_data"] = self.meta(fields["meta_data"])
        for name in ("categories", "tags"):
            if name in fields:
                fields[name] = [t["id"] if isinstance(t, dict) else t for t in fields[name]]
        if "attributes" in fields:
            known = self.tables["attributes"].rows
            fields["attributes"] = [attribute(a, at, known) for at, a in enumerate(fields["attributes"])]
        if "dimensions" in fields:
            fields["dimensions"] = {"length": "", "width": "", "height": "", **fields["dimensions"]}
        if "images" in fields:
            fields["images"] = [self._image(i) for i in fields["images"]]
        if fields.get("image"):
            fields["image"] = self._image(fields["image"])
        for name in ("regular_price", "sale_price"):
            if isinstance(fields.get(name), (int, float)):
                fields[name] = str(fields[name])
        return fields

    def _image(self, given: Any) -> Json:
        if isinstance(given, dict) and "file" in given:
            return given
        if isinstance(given, dict):  # as a client posts it: {"src": ...}
            file = str(given.get("src", "image.jpg")).rsplit("/", 1)[-1]
            given = (f"2026/11/{file}", given.get("name") or file.rsplit(".", 1)[0])
        file, name = given
        now = self.now()
        dates = {"date_created": self.local(now), "date_created_gmt": self.gmt(now)}
        return {"id": self.next_id("post"), "file": file, "name": name, **dates}

    def _free_slug(self, slug: str) -> str:
        """Post slugs are unique: the second one gets -2. A set keeps this fast for 50,000 products."""
        free, n = slug, 1
        while free in self._slugs:
            n += 1
            free = f"{slug}-{n}"
        self._slugs.add(free)
        return free

    def _free_term_slug(self, kind: str, slug: str, parent: int) -> str:
        rows = self.tables[kind].rows
        taken = {r.fields["slug"] for r in rows.values()}
        if slug in taken and parent:
            slug = f"{slug}-{rows[parent].fields['slug']}"
        free, n = slug, 1
        while free in taken:
            n += 1
            free = f"{slug}-{n}"
        return free

    def _rate(self, product_id: int, *, touch: bool) -> None:
        rows = self.tables["reviews"].rows.values()
        ratings = [
            r.fields["rating"]
            for r in rows
            if r.fields["product_id"] == product_id and r.fields["status"] == "approved"
        ]
        fields = self.row("products", product_id).fields
        fields["rating_count"] = len(ratings)
        fields["average_rating"] = f"{sum(ratings) / len(ratings) if ratings else 0:.2f}"
        if touch:
            self.bump("products", product_id)
        else:
            self.tables["products"].touch(product_id)

    def _reprice_parents(self, row: Row, *, touch: bool) -> None:
        """A variation's change shows in its parent (lowest price) and moves the parent's date."""
        parent = row.fields["parent_id"]
        if parent in self.tables["products"].rows:
            self.tables["products"].touch(parent)
            if touch:
                self.bump("products", parent)

    def _rename_term(self, row: Row, name: str) -> None:
        """Products and variations store a term's id; its new name shows at once, and no date moves."""
        attribute_id, old = row.fields["attribute_id"], row.fields["name"]
        self.term_of[(attribute_id, name)] = self.term_of.pop((attribute_id, old), int(row.id))
        for kind in ("products", "variations"):
            for row_id, user in self.tables[kind].rows.items():
                for chosen in user.fields.get("attributes", ()):
                    if chosen["id"] != attribute_id:
                        continue
                    if chosen.get("option") == old:
                        chosen["option"] = name
                    if old in chosen.get("options", ()):
                        chosen["options"] = [name if o == old else o for o in chosen["options"]]
                    self.tables[kind].touch(row_id)

    def _forget_products_with(self, kind: str, term_id: int) -> None:
        """A renamed category shows at once in the products that embed it; their dates do not move."""
        table = self.tables["products"]
        for row_id, row in table.rows.items():
            if term_id in row.fields.get(kind, ()):
                table.touch(row_id)

    def _forget_relatives(self, row: Row) -> None:
        """Drop the cached bytes of records that embed a product: variations, reviews, grouped products."""
        for group in self.grouped:
            self.tables["products"].touch(group)
        for child in self.tables["variations"].children.get(row.id, ()):
            self.tables["variations"].touch(child)
        if self.tables["reviews"].views:
            self.tables["reviews"].forget_all()
