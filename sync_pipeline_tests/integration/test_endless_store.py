"""A store cannot exhaust the machine: not by what an answer unpacks to, not by its time, not by a list without end."""

from __future__ import annotations

import gzip
import json
import threading
import time
import tracemalloc
import zlib
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from sync_pipeline.config import Settings
from sync_pipeline.db.engine import Database
from sync_pipeline.errors import MalformedAnswer, TransientSourceError
from sync_pipeline.sources import http, jsontext
from sync_pipeline.steps import capture, connect
from sync_pipeline.steps.capture.read import growth
from sync_pipeline_tests.hostile import answering, send


def _client(url: str, timeout: float = 5) -> http.Http:
    return http.Http(url, timeout=timeout, allow_private=True)


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("coding", ["gzip, gzip", "deflate, gzip", "gzip", "GZIP,deflate"])
def test_a_small_answer_that_unpacks_to_a_hundred_megabytes_costs_no_memory(
    monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    monkeypatch.setattr(http, "_ANSWER_BYTES", 2_000_000)
    packed = b" " * 100_000_000
    for name in coding.lower().split(","):
        packed = gzip.compress(packed, 9) if name.strip() == "gzip" else zlib.compress(packed, 9)
    tracemalloc.start()
    try:
        with (
            answering(lambda handler, _: send(handler, 200, packed, Content_Encoding=coding)) as url,
            pytest.raises(MalformedAnswer, match="exceeds 2,000,000 bytes"),
        ):
            _client(url).request("GET", "x")
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("coding", ["br", "gzip, gzip, gzip", "zstd", "gzip, br"])
def test_what_was_not_asked_for_is_not_unpacked(coding: str) -> None:
    with (
        answering(lambda handler, _: send(handler, 200, gzip.compress(b"[]"), Content_Encoding=coding)) as url,
        pytest.raises(MalformedAnswer, match="cannot be unpacked: it is packed as"),
    ):
        _client(url).request("GET", "x")


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 1_000_000])
@pytest.mark.parametrize("coding", ["gzip", "x-gzip", "deflate", "raw deflate", "identity", "gzip, gzip"])
def test_a_packed_answer_comes_as_it_was(coding: str, size: int) -> None:
    body = (b"0123456789" * (size // 10 + 1))[:size]
    packed = {
        "gzip": gzip.compress(body), "x-gzip": gzip.compress(body), "deflate": zlib.compress(body),
        "raw deflate": _raw_deflate(body), "identity": body, "gzip, gzip": gzip.compress(gzip.compress(body)),
    }[coding]  # fmt: skip
    told = coding.removeprefix("raw ")
    with answering(lambda handler, _: send(handler, 200, packed, Content_Encoding=told)) as url:
        assert _client(url).request("GET", "x").body == body


def test_an_answer_of_very_many_values_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_ANSWER_VALUES", 1000)
    with (
        answering(lambda handler, _: send(handler, 200, b"[" + b"1," * 1001 + b"1]")) as url,
        pytest.raises(MalformedAnswer, match="exceeds 1,000 values"),
    ):
        _client(url).request("GET", "x")
    with pytest.raises(MalformedAnswer, match="more than 100,000 elements"):
        jsontext.slices(b"[" + b"1," * 100_001 + b"1]")


@pytest.mark.parametrize("part", [b"X", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_a_head_that_trickles_is_not_waited_for(part: bytes) -> None:
    over = threading.Event()

    def trickle(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        if len(part) == 1:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(0.1):
            handler.wfile.write(part)
            handler.wfile.flush()

    with answering(trickle) as url:
        began = time.monotonic()
        with pytest.raises(TransientSourceError, match="no answer in time"):
            _client(url, timeout=1).request("GET", "x")
        over.set()
        assert time.monotonic() - began < 60  # not a measurement: without the limit it has no end


def _products(handler: BaseHTTPRequestHandler, *, total: bool, endless: bool = True) -> None:
    """A list that has rows at every place asked for; with `total` it always says that a few more follow."""
    asked = parse_qs(urlsplit(handler.path).query)
    offset, size = int(asked.get("offset", ["0"])[0]), int(asked.get("per_page", ["10"])[0])
    rows = [] if not endless and offset >= 10_000_000 else range(offset + 1, offset + size + 1)
    headers = {"X_WP_Total": str(offset + 1000)} if total else {}
    send(handler, 200, json.dumps([{"id": row} for row in rows]).encode(), **headers)


@pytest.mark.parametrize(
    ("total", "endless", "said"),
    [
        (True, True, "the store said 1,000 and has sent more than 2,400"),
        (False, True, "it has rows at any place asked for"),
        (False, False, "has not ended after 3,000 rows"),
    ],
)
def test_a_list_without_an_end_has_one(
    database: Database,
    settings: Settings,
    org: connect.Organization,
    monkeypatch: pytest.MonkeyPatch,
    total: bool,
    endless: bool,
    said: str,
) -> None:
    monkeypatch.setattr(growth, "_ROOM", 400)
    monkeypatch.setattr(growth, "_UNTOLD", 3_000)
    with answering(lambda handler, _: _products(handler, total=total, endless=endless)) as url:
        given = {"store_url": url, "consumer_key": "ck_1", "consumer_secret": "cs_1"}
        shop = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
        with capture.session(database, settings, shop, actor="t") as session:
            report = session.pull(shop.source.stream("products"))
            assert said in str(report.error)
            assert (report.state, report.watermark, report.deleted) == ("failed", None, 0)
            assert 0 < report.new <= 4_000  # what was read is kept
            again = session.pull(shop.source.stream("products"))
            assert again.state == "failed"


def test_a_total_that_no_list_has_is_said(database: Database, settings: Settings, org: connect.Organization) -> None:
    def boast(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        send(handler, 200, b'[{"id": 1}, {"id": "two"}, {"id": 3}]', X_WP_Total="9" * 18)

    with answering(boast) as url:
        given = {"store_url": url, "consumer_key": "ck_1", "consumer_secret": "cs_1"}
        shop = connect.add_connection(database, settings, org, "woocommerce", "shop", given, actor="t")
        with capture.session(database, settings, shop, actor="t") as session:
            report = session.pull(shop.source.stream("products"))
    assert "999,999,999,999,999,999 products, which is not plausible" in str(report.error)
