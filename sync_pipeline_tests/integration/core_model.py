"""A model of core: which versions of which records are promoted, and what core has then, by code of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Key = tuple[int, str, str]
Payload = Mapping[str, Any]
Row = tuple[frozenset[Key], str | None, str]  # the records behind it, its SKU or e-mail, its name
BY_HAND = "By hand"  # the name of the row that people made
HAND_SKU = "C"


@dataclass(frozen=True)
class Before:
    """What the model knew of the records of a plan before it was applied."""

    promoted: Mapping[Key, Payload | None]
    mapped: frozenset[Key]
    by_email: frozenset[Key]


@dataclass
class Model:
    """Captured and promoted versions. `whole`: connections whose list of customers was read whole."""

    whole: frozenset[int] = frozenset()
    captured: dict[Key, Payload] = field(default_factory=dict)
    gone: set[Key] = field(default_factory=set)
    versions: dict[Key, list[Payload]] = field(default_factory=lambda: defaultdict(list))  # each unlike the one before
    promoted: dict[Key, Payload] = field(default_factory=dict)  # live records and their promoted versions
    mapped: set[Key] = field(default_factory=set)  # those whose deletion was promoted, too
    by_email: set[Key] = field(default_factory=set)  # orders that name somebody who is not in the list
    unsettled: set[Key] = field(default_factory=set)  # deleted, or back, since something was promoted
    moving: set[str] = field(default_factory=set)  # e-mails that lead to somebody since his record is as it was
    policies: set[str] = field(default_factory=set)  # in force until now

    # What people and stores do.

    def capture(self, key: Key, payload: Payload, *, deleted: bool) -> None:
        if (key in self.gone) != deleted and key in self.captured:
            self.unsettled.add(key)
        self.captured[key] = payload
        if self.versions[key][-1:] != [payload]:
            self.versions[key].append(payload)
            if key[1] == "customer" and self.promoted.get(key) == payload:
                self.moving |= self.former(key)
        (self.gone.add if deleted else self.gone.discard)(key)

    def open(self) -> list[Key]:
        """What differs from core."""
        return sorted(key for key in self.captured if self.status(key) is not None)

    def status(self, key: Key) -> str | None:
        """What the preview says: new, updated or deleted; None where core has it."""
        if key in self.gone:
            return "deleted" if key in self.promoted else None
        if key not in self.mapped:
            return "new"
        return None if self.promoted.get(key) == self.captured[key] else "updated"

    def settle(self) -> None:
        """What a promotion begins with."""
        self.unsettled.clear()
        self.moving.clear()
        self._claim(key for key in self.promoted if key[1] == "order")

    def before(self, keys: Iterable[Key]) -> Before:
        some = list(keys)
        promoted = {key: self.promoted.get(key) for key in some}
        return Before(promoted, frozenset(self.mapped.intersection(some)), frozenset(self.by_email.intersection(some)))

    def versions_of(self, keys: Iterable[Key]) -> dict[Key, Payload | None]:
        """These records as they are captured now; None of what is deleted."""
        return {key: None if key in self.gone else self.captured[key] for key in keys}

    def promote(self, planned: Mapping[Key, Payload | None]) -> None:
        for key, payload in sorted(planned.items(), key=lambda one: one[0][1] == "order"):
            if payload is None:
                self.promoted.pop(key, None)
                self.by_email.discard(key)
                continue
            if (
                key in self.promoted
                and key[1] == "order"
                and self.promoted[key]["customer_id"] != payload["customer_id"]
            ):
                self.by_email.discard(key)  # it names somebody else
            self.mapped.add(key)
            self.promoted[key] = payload
            if key[1] == "order" and not _email(payload):
                self.by_email.discard(key)
            elif key[1] == "order":
                self._claim([key])

    def undo(self, before: Before) -> None:
        for key, payload in before.promoted.items():
            (self.mapped.add if key in before.mapped else self.mapped.discard)(key)
            (self.by_email.add if key in before.by_email else self.by_email.discard)(key)
            if payload is None:
                self.promoted.pop(key, None)
            else:
                self.promoted[key] = payload
        customers = {(key[0], key[2]) for key in before.promoted if key[1] == "customer"}
        self._claim(
            key
            for key, payload in self.promoted.items()
            if key[1] == "order" and (key in before.promoted or (key[0], str(payload["customer_id"])) in customers)
        )

    def _claim(self, orders: Iterable[Key]) -> None:
        for key in list(orders):
            buyer = self.buyer(key)
            if buyer is not None and buyer not in self.mapped and not self.listed(buyer) and _email(self.promoted[key]):
                self.by_email.add(key)

    # What core has.

    def buyer(self, order: Key) -> Key | None:
        """The customer whom an order names."""
        number = self.promoted[order]["customer_id"]
        return (order[0], "customer", str(number)) if number else None

    def listed(self, customer: Key) -> bool:
        """Whether the store has this customer, as far as anybody knows."""
        return customer not in self.gone if customer in self.captured else customer[0] not in self.whole

    def email_of(self, order: Key) -> str | None:
        """The e-mail that an order follows; None where it names a customer, or nobody."""
        buyer = self.buyer(order)
        if buyer is not None and (buyer in self.mapped or order not in self.by_email):
            return None
        return _email(self.promoted[order]) or None

    def owner(self, email: str) -> Key | None:
        """The live customer whose promoted version has the e-mail, else who had it in an earlier one."""
        live = sorted((key for key in self.promoted if key[1] == "customer"), key=_rank)
        has = [key for key in live if _folded(self.promoted[key], "email") == email]
        had = [key for key in live if email in self.former(key)]
        return next(iter((*has, *had)), None)

    def former(self, key: Key) -> set[str]:
        """The e-mails that a customer had before the promoted version."""
        versions = self.versions[key]
        emails = [_folded(one, "email") for one in versions]
        now = max(n for n, one in enumerate(versions) if one == self.promoted[key])
        ends = {email: n for n, email in enumerate(emails[:-1]) if email and emails[n + 1] != email}
        return {email for email, last in ends.items() if last < now}

    def guests(self) -> dict[str, str]:
        """The e-mails that lead to nobody, each with the name in the lowest order that follows it."""
        found: dict[str, str] = {}
        for key in sorted((key for key in self.promoted if key[1] == "order"), key=_rank):
            email = self.email_of(key)
            if email is not None and self.owner(email) is None:
                found.setdefault(email, self.promoted[key]["billing"]["first_name"])
        return found

    def refunded(self, order: Key) -> int | None:
        """What was refunded of an order; None where that is not settled yet."""
        refund = (order[0], "refund", str(int(order[2]) + 10))
        listed = sum(abs(int(one["total"])) for one in self.promoted[order]["refunds"])
        if refund in self.promoted:
            return int(self.promoted[refund]["amount"])
        if refund in self.mapped:
            return 0
        if refund in self.unsettled:
            return None
        return 0 if refund in self.gone else listed

    def customers(self) -> set[Row]:
        return {self._row("customer", members, "email", owns) for members, owns in self._groups("customer", "email")}

    def products(self, on_hand_row: frozenset[Key] | None) -> set[Row]:
        """`on_hand_row`: the records on the row that people made, as long as it is as they made it."""
        rows: set[Row] = set()
        claimed = False
        for members, owns in self._groups("product", "sku"):
            own = self._row("product", members, "sku", owns)
            if not owns or _folded(self.promoted[members[0]], "sku") != HAND_SKU.casefold():
                rows.add(own)
                continue
            claimed = True
            if on_hand_row is None:
                assert "source_wins" in self.policies, "nobody may overwrite it"
                rows.add(own)
            elif on_hand_row:
                assert self.policies != {"source_wins"}
                rows.add((frozenset(members), HAND_SKU, BY_HAND))
            else:
                assert "halt" in self.policies, "only a person lets it wait"
                rows |= {self._row("product", [one], "sku", False) for one in members}
        if on_hand_row is None:
            assert "source_wins" in self.policies, "nobody may overwrite it"
        elif not on_hand_row:
            rows.add((frozenset(), HAND_SKU, BY_HAND))
        if self.policies == {"core_wins"}:
            assert bool(on_hand_row) == claimed
        return rows

    def _row(self, entity_type: str, members: list[Key], field_: str, owns: bool) -> Row:
        first = self.promoted[min(members, key=_rank)]
        name = first["name"] if entity_type == "product" else f"{first['first_name']} {first['last_name']}"
        return frozenset(members), first[field_].strip() if owns else None, name

    def _groups(self, entity_type: str, field_: str) -> Iterator[tuple[list[Key], bool]]:
        """Records that are one row, and whether they own what they claim."""
        records = {key: _folded(one, field_) for key, one in self.promoted.items() if key[1] == entity_type}
        lowest: dict[tuple[str, int], Key] = {}
        for key in sorted(records, key=_rank):
            lowest.setdefault((records[key], key[0]), key)
        together: dict[str, list[Key]] = defaultdict(list)
        for key, claim in records.items():
            if claim and (entity_type == "customer" or lowest[claim, key[0]] == key):
                together[claim].append(key)
            else:
                yield [key], False
        yield from ((keys, True) for keys in together.values())


def _rank(key: Key) -> tuple[int, int]:
    return key[0], int(key[2])


def _email(order: Payload) -> str:
    return _folded(order["billing"], "email")


def _folded(payload: Payload, name: str) -> str:
    return str(payload[name]).strip().casefold()
