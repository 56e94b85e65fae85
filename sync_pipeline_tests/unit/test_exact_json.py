"""JSON keeps every digit, whichever function reads or writes it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

import pytest

from sync_pipeline import exact_json
from sync_pipeline.steps.observe import Ledger

LONG = "0.1234567890123456789012345678901234567891"
TEXT = f"[1180591620717411303424,{LONG},1E+400]"
VALUE = [2**70, Decimal(LONG), Decimal("1e400")]


class Price(TypedDict, total=False):
    price: Decimal


def test_numbers_keep_their_digits() -> None:
    assert exact_json.loads(TEXT) == exact_json.loads(TEXT.encode()) == VALUE
    assert exact_json.decoder().decode(TEXT) == VALUE
    assert exact_json.to_json(VALUE) == TEXT
    assert exact_json.encode(VALUE) == exact_json.canonical(VALUE) == TEXT.encode()
    assert exact_json.dumps(VALUE) == TEXT.replace(",", ", ")


def test_an_exponent_beyond_every_format_is_not_read() -> None:
    with pytest.raises(ValueError, match="exponent is too large"):
        exact_json.loads("[1e99999999999999999999]")


def test_a_decoder_reads_only_the_fields_of_its_shape() -> None:
    assert exact_json.decoder(Price).decode('{"name": "x", "price": 1.50}') == {"price": Decimal("1.50")}


def test_lone_surrogates_are_escaped_and_numbers_beside_them_are_exact() -> None:
    value = {"b": "\ud800", "a": Decimal(LONG)}
    assert exact_json.encode(value) == f'{{"b": "\\ud800", "a": {LONG}}}'.encode()
    assert exact_json.canonical(value) == f'{{"a":{{"\\u0000number":"{LONG}"}},"b":"\\ud800"}}'.encode()


@pytest.mark.parametrize("beside", ["x", "\ud800"])
def test_encode_refuses_a_type_that_json_does_not_have(beside: str) -> None:
    with pytest.raises(TypeError):
        exact_json.encode([beside, object()])


def test_dumps_keeps_every_digit_and_letter() -> None:
    value = {
        "price": Decimal("0.1000000000000000000000000000000000000001"),
        "big": 2**70,
        "lone": "\ud800",
        "name": "Ünï “x”",
        "none": None,
        "list": [True, 1.5, ()],
    }
    text = exact_json.dumps(value)
    assert "0.1000000000000000000000000000000000000001" in text
    assert json.loads(text, parse_float=Decimal) == {**value, "list": [True, Decimal("1.5"), []]}


def test_dumps_writes_what_commands_return() -> None:
    plan = UUID("93aa7086-78a3-4091-ba25-804ce702817a")
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    text = exact_json.dumps({"plan": plan, "at": moment, "ledger": Ledger(2, 1, 1, 0, True)})
    assert json.loads(text) == {
        "plan": str(plan),
        "at": "2026-01-02T03:04:00Z",
        "ledger": {"expected": 2, "captured": 1, "quarantined": 1, "vanished": 0, "closed": True},
    }
