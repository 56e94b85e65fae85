"""The till's API: GET /products and /categories answer lists, ordered by id; /products/1 one record."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from sync_pipeline.errors import RefusedBySource
from sync_pipeline.sources import jsontext
from sync_pipeline.sources.base import Ask, Client, Finding, Look, Page, Presence, RawRecord, Scope, Stream, Usage
from sync_pipeline.sources.http import Http
from sync_pipeline_tests.kiosk.settings import KioskConfig


class KioskClient:
    """One till. Thread-safe."""

    page_size = 100

    def __init__(self, config: KioskConfig, *, allow_private: bool) -> None:
        self.http = Http(config.base_url, timeout=config.timeout_seconds, allow_private=allow_private)
        self._headers = {"X-Kiosk-Key": config.api_key.get_secret_value()}

    def list(self, ask: Ask) -> Page:
        """A part of a list."""
        return self._page(ask.stream, [("offset", str(ask.offset)), ("limit", str(ask.limit))])

    def last(self, ask: Ask) -> Page:
        """The last record of a list."""
        return self._page(ask.stream, [("offset", "-1"), ("limit", "1")])

    def fetch(self, stream: Stream, ids: Sequence[str], walk: str = "") -> Page:
        """These records."""
        return self._page(stream, [("ids", ",".join(ids))])

    def look(self, stream: Stream, external_id: str, parent_id: str | None = None) -> Look:
        """Is this record still there?"""
        path = f"{stream.path}/{external_id}"
        answer = self.http.request("GET", path, headers=self._headers, accept=frozenset({404}))
        if answer.status == 404:
            return Look(Presence.GONE, "404")
        return Look(Presence.PRESENT, "200", RawRecord(external_id, jsontext.single(answer.body)))

    def lists(self, stream: Stream) -> bool:
        """Each stream is one list."""
        return True

    def offset_ignored(self, stream: Stream) -> None:
        """It never is."""

    def scope(self, stream: Stream) -> Scope:
        """Everything is read."""
        return Scope()

    def look_around(self) -> None:
        """Ask for something small."""
        self.http.request("GET", "categories", headers=self._headers)

    @property
    def usage(self) -> Usage:
        return self.http.usage

    def close(self) -> None:
        """Close connections."""
        self.http.close()

    def _page(self, stream: Stream, params: builtins.list[tuple[str, str]]) -> Page:
        answer = self.http.request("GET", stream.path, params=params, headers=self._headers)
        pick = jsontext.picker(stream.id_field)
        items = [RawRecord((pick(raw)[0] or b"").decode(), raw) for raw in jsontext.slices(answer.body)]
        return Page(items=items, clock=answer.clock, request=f"GET {stream.path}")


def diagnose(client: Client) -> Sequence[Finding]:
    """Does the till answer?"""
    assert isinstance(client, KioskClient)
    try:
        client.look_around()
    except RefusedBySource as error:
        return [Finding("error", "refused", str(error), "Check the API key.")]
    return [Finding("ok", "answers", "The till answers.")]
