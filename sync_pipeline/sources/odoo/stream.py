"""What an Odoo stream declares beyond any other stream: its domain, its companies, its fields."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sync_pipeline.sources.base import Paging, Stream, Sweep

Domain = Sequence[Any]
Row = Mapping[str, Any]
# The group whose members see everybody's orders; without it a user sees their own.
ALL_DOCUMENTS = "sales_team.group_sale_salesman_all_leads"
# How a server answers whose module is not installed or whose user lacks the right: for lists that nothing waits for.
LEFT_OUT = (403, 404)


class Asking(Protocol):
    """What a stream's own filter may request: a model's rows, counted or read, in the connection's companies."""

    def rows(self, model: str, domain: Domain, fields: Sequence[str]) -> Sequence[Row]:
        """The rows' fields, many2one as bare ids."""

    def referred(self, model: str, name: str, domain: Domain) -> set[int]:
        """The distinct values of a many2one field over the rows of a domain."""

    def company_domain(self, model: str) -> Domain:
        """The domain that excludes other companies' rows of this model."""

    def absent(self, stream: OdooStream, model: str, reason: str) -> None:
        """Report in the run that this model could not be read, and the consequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OdooStream(Stream):
    """One model. `path` is its name: sale.order.

    The payload is what search_read answers for the fields chosen by `fields.choose`, many2one as bare ids: another
    record's name is not this record's data, depends on the language and changes without a signal.
    """

    paging: Paging = Paging.KEYSET
    signal: bool = True
    sweep: Sweep = Sweep.COMPARE
    created: str | None = "create_date"
    modified: str | None = "write_date"
    empty: tuple[str, ...] = ("null", "boolean")  # false stands in every empty field, of whatever type
    # Writing the same value again changes these. They are stored, but not compared.
    noise: tuple[str, ...] = ("write_date", "write_uid")
    sweep_fields: tuple[str, ...] = ("id", "write_date")
    absent: tuple[int, ...] = (404,)  # the model is unknown; 403 is a missing permission, which is reported
    domain: tuple[Any, ...] = ()
    company: str | None = "company_id"  # the path to a record's company; None: the model has none
    # Of the records without a company those that a connection to some of the companies takes; (): all of them.
    shared: tuple[Any, ...] = ()
    all_documents: str | None = None  # the group without which Odoo lists only the user's own records
    read_apart: tuple[str, ...] = ()  # fields that search_read answers wrongly and read does not
    computed: tuple[str, ...] = ()  # fields the database does not store, captured nevertheless
    expects: tuple[str, ...] = ()  # fields the mapper reads: run and doctor report those not offered
    leaves_out: Mapping[str, str] = field(default_factory=dict)  # field → why
    # Which of these rows belong to the list, if no domain can express it; `only_by`: the fields it needs.
    only: Callable[[Asking, OdooStream, Sequence[Row]], set[int]] | None = None
    only_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortList(OdooStream):
    """A model that a sweep reads whole: its list is short."""

    sweep: Sweep = Sweep.READ
