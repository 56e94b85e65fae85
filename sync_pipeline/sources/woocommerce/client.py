"""WooCommerce's REST API, one request a call: signing, addresses, parameters, and what its answers mean."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sync_pipeline import exact_json
from sync_pipeline.errors import MalformedAnswer, RefusedBySource, TransientSourceError
from sync_pipeline.redaction import redact
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Ask, Look, Page, Paging, Presence, RawRecord, Scope, Stream, Usage
from sync_pipeline.sources.http import Http, SourceResponse
from sync_pipeline.sources.woocommerce.oauth import signed
from sync_pipeline.sources.woocommerce.settings import WooConfig

# The addresses of lists per parent.
NESTED = {
    "variations": "wc/v3/products/{parent}/variations",
    "refunds": "wc/v3/orders/{parent}/refunds",
    "attribute_terms": "wc/v3/products/attributes/{parent}/terms",
    "shipping_zone_methods": "wc/v3/shipping/zones/{parent}/methods",
}

_BEYOND = 10_000_000  # rows: no list is so long
_NOT_INCLUDABLE = frozenset({"taxes"})  # its list has no `include`


class WooClient:
    """One store. Thread-safe.

    Lists are ordered by id. Any other column has ties, which the store may order differently on every page, so rows
    would be missed. The total counts only in an answer with rows: past the end, orders report 0.
    """

    page_size = 100

    def __init__(self, config: WooConfig, *, allow_private: bool = False) -> None:
        self.config = config
        self._key = config.consumer_key.get_secret_value()
        self._secret = config.consumer_secret.get_secret_value()
        secure = config.store_url.lower().startswith("https://")
        self._auth = config.auth if config.auth != "auto" else ("basic" if secure else "oauth1")
        self.http = Http(
            f"{config.store_url}/wp-json",
            timeout=config.timeout_seconds,
            allow_private=allow_private,
            ca_file=config.ca_file,
            connections=config.max_concurrency + 4,
            is_api_error=is_api_error,
        )
        self._one_list: dict[str, bool] = {}
        self._paged: set[str] = set()  # streams whose list ignores `offset`

    @property
    def usage(self) -> Usage:
        return self.http.usage

    def close(self) -> None:
        self.http.close()

    # -- lists ---------------------------------------------------------------------------------------------------

    def list(self, ask: Ask) -> Page:
        params = self._list_params(ask)
        return self._page(ask.stream, self._path(ask.stream, ask.walk), params, ask.walk, keep_total=True)

    def last(self, ask: Ask) -> Page:
        """The last record of a list, and how many there are."""
        params = [(k, "desc" if k == "order" else v) for k, v in self._list_params(replace(ask, offset=0, limit=1))]
        return self._page(ask.stream, self._path(ask.stream, ask.walk), params, ask.walk, keep_total=True)

    def scope(self, stream: Stream) -> Scope:  # noqa: ARG002
        """Nothing is left out: the lists hold whole records."""
        return Scope()

    def fetch(self, stream: Stream, ids: Sequence[str], walk: str = "") -> Page:
        """These records, from the list; the page lacks those that no longer exist."""
        path = self._path(stream, walk)
        if stream.paging is Paging.WHOLE or stream.name in _NOT_INCLUDABLE:
            looks = [self.look(stream, external_id, walk or None) for external_id in ids]
            items = [look.item for look in looks if look.presence is Presence.PRESENT and look.item]
            return Page(items=items, request=f"GET {path}/<id> × {len(ids)}")
        params = [
            *stream.params.items(),
            ("include", ",".join(ids)),
            ("per_page", str(max(1, len(ids)))),
            ("orderby", "id"),
            ("order", "asc"),
        ]
        page = self._page(stream, path, params, walk)
        wanted = set(ids)
        # A host that ignores `include` answers with the first page instead.
        return replace(page, items=[item for item in page.items if item.external_id in wanted])

    def look(self, stream: Stream, external_id: str, parent_id: str | None = None) -> Look:
        """Does this record still exist? 404, 410 and the status trash are evidence that it does not."""
        path = self._one(stream, external_id, parent_id)
        try:
            answer = self.get(path, accept=frozenset({404, 410}))
        except RefusedBySource as error:
            # For a record that is gone, some controllers answer 400 “invalid id”.
            if error.by_api and error.status == 400 and "invalid_id" in error.code:
                return Look(Presence.GONE, f"400 {error.code}")
            raise
        if answer.status in (404, 410):
            code = _code(answer.body)
            if code == "rest_no_route" or not is_api_error(answer.status, answer.body):
                raise RefusedBySource(
                    f"GET {path} answered {answer.status}, but not as the API does: this is no evidence of a deletion.",
                    status=answer.status,
                    code="no_api",
                )
            return Look(Presence.GONE, redact(f"{answer.status} {code}".strip()[:200]))
        raw = jsontext.single(answer.body)
        content = jsontext.fields(raw)
        if content.get("status") == b'"trash"':
            return Look(Presence.TRASH, "status trash", RawRecord(external_id, raw, parent_id))
        return Look(Presence.PRESENT, "200", RawRecord(external_id, raw, parent_id))

    def lists(self, stream: Stream) -> bool:
        """True if all records are in one list. Where stores differ, the store is asked once."""
        if stream.parent is None:
            return True
        if "{parent}" in stream.path:
            return False
        if stream.name not in self._one_list:
            first = self._probe(stream, 0)
            if first is None:  # a failure at the first record and behind the last one is no record's fault
                self._one_list[stream.name] = self._probe(stream, _BEYOND) is not None
            else:
                # Where a record does not name its parent, only the parent's own list tells it.
                self._one_list[stream.name] = all(one.parent_id for one in first)
        return self._one_list[stream.name]

    def _probe(self, stream: Stream, offset: int) -> Sequence[RawRecord] | None:
        """Some records of the list, from `offset` on; None if the list does not answer."""
        fields = ",".join(filter(None, (stream.id_field, stream.parent_field)))
        try:
            params = [("per_page", "10"), ("offset", str(offset)), ("_fields", fields)]
            return self._page(stream, stream.path, params, "").items
        except MalformedAnswer:
            return ()  # reading the list will say what is wrong with it
        except TransientSourceError as error:
            if error.status != 500:
                raise
        except RefusedBySource as error:
            if error.status not in (400, 401, 403, 404):
                raise
        return None

    def offset_ignored(self, stream: Stream) -> None:
        """Remember that this list can only be read by page number."""
        self._paged.add(stream.name)

    def get(
        self, path: str, params: Sequence[tuple[str, str]] = (), *, accept: frozenset[int] = frozenset()
    ) -> SourceResponse:
        """One signed GET below /wp-json."""
        url = f"{self.http.base_url}/{path}"
        auth = None
        if self._auth == "basic":
            auth = (self._key, self._secret)
        elif self._auth == "query":
            params = [*params, ("consumer_key", self._key), ("consumer_secret", self._secret)]
        else:
            params = signed("GET", url, params, key=self._key, secret=self._secret)
        return self.http.request("GET", url, params=params, auth=auth, accept=accept)

    def _list_params(self, ask: Ask) -> builtins.list[tuple[str, str]]:
        stream = ask.stream
        params = list(stream.params.items())
        if stream.paging is not Paging.WHOLE:
            params += [("per_page", str(ask.limit)), ("orderby", "id"), ("order", "asc")]
            if stream.name in self._paged:
                params.append(("page", str(ask.offset // ask.limit + 1)))
            else:
                params.append(("offset", str(ask.offset)))
        if ask.since is not None and stream.signal:
            # Naive UTC with dates_are_gmt: the store converts a time with a Z to site time and reads that as GMT.
            # The filter is exclusive and in whole seconds, so one second earlier includes the boundary.
            since = datetime.fromtimestamp(ask.since.timestamp() - 1, UTC)
            params += [("modified_after", since.strftime("%Y-%m-%dT%H:%M:%S")), ("dates_are_gmt", "true")]
        if ask.fields:
            params.append(("_fields", ",".join(ask.fields)))
        return params

    def _page(
        self, stream: Stream, path: str, params: Sequence[tuple[str, str]], walk: str, *, keep_total: bool = False
    ) -> Page:
        answer = self.get(path, params)
        items: list[RawRecord] = []
        rejected: list[tuple[bytes, str]] = []
        pick = jsontext.picker(*filter(None, (stream.id_field, stream.parent_field)))
        for raw in jsontext.slices(answer.body):
            try:
                picked = pick(raw)
            except ValueError:
                rejected.append((raw, "an element of the list is not a JSON object"))
                continue
            external_id = _scalar(picked[0])
            if external_id is None or external_id == "":
                rejected.append((raw, f"the record has no {stream.id_field}"))
                continue
            if stream.paging is not Paging.WHOLE and not _number(external_id):
                rejected.append((raw, f"the record's {stream.id_field} is not a number, and its list is ordered by it"))
                continue
            parent = _scalar(picked[1]) if stream.parent_field else None
            items.append(RawRecord(external_id, raw, (None if parent in ("0", "") else parent) or walk or None))
        total = None
        if keep_total and items:
            header = answer.headers.get("x-wp-total", "")
            total = int(header) if _number(header) else None
        elif keep_total and answer.headers.get("x-wp-total") == "0":
            total = 0
        return Page(
            items=items, total=total, clock=answer.clock, request=f"GET {path}?{_shown(params)}", rejected=rejected
        )

    def _path(self, stream: Stream, walk: str) -> str:
        if walk:
            return NESTED[stream.name].format(parent=walk)
        return stream.path

    def _one(self, stream: Stream, external_id: str, parent_id: str | None) -> str:
        if stream.name in NESTED:
            if parent_id:
                return f"{NESTED[stream.name].format(parent=parent_id)}/{external_id}"
            if stream.name == "variations":
                return f"wc/v3/products/{external_id}"
            raise MalformedAnswer(f"{stream.title} {external_id} has no parent to look under")
        return f"{stream.path}/{external_id}"


def is_api_error(status: int, body: bytes) -> bool:
    """Is this an error as WordPress's REST API writes it: a code, and the status again in its data?"""
    found = _parsed(body)
    data = found.get("data")
    return isinstance(found.get("code"), str) and isinstance(data, dict) and str(data.get("status")) == str(status)


def _code(body: bytes) -> str:
    return str(_parsed(body).get("code", ""))


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        parsed: Any = exact_json.loads(jsontext.single(body))
    except (MalformedAnswer, ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _number(text: str) -> bool:
    """True for a whole number of 64 bits."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


def _scalar(raw: bytes | None) -> str | None:
    """An id as text, with all its digits; None if it cannot be one."""
    if raw is None or raw[:1] in (b"[", b"{", b"n", b"t", b"f"):
        return None
    if raw[:1] == b'"':
        text = exact_json.loads(raw)
        return str(text) if text and "\x00" not in text and text.isprintable() else None
    return raw.decode()


def _shown(params: Sequence[tuple[str, str]]) -> str:
    return "&".join(f"{k}={v if len(v) < 120 else v[:100] + '…'}" for k, v in params)
