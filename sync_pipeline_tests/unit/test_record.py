"""What makes a version, and what does not."""

import json

import pytest

from sync_pipeline.entities.values import moment
from sync_pipeline.sources.base import RawRecord, Stream
from sync_pipeline.steps.capture.write.record import finder, prepare, read, sweep_hash

STREAM = Stream(
    name="products",
    entity_type="product",
    title="Products",
    path="p",
    sweep_fields=("id", "price", "stock"),
    code="sku",
    email="email|billing.email",
    label="first last|company",
)


def content(text: str, noise: tuple[str, ...] = ()) -> bytes:
    return read(RawRecord("1", text.encode()), frozenset(noise)).content_hash


def test_order_of_keys_spaces_and_escapes_make_no_version() -> None:
    assert content('{"a":1,"b":"é/"}') == content('{ "b" : "\\u00e9\\/", "a": 1 }')


def test_noise_makes_no_version() -> None:
    assert content('{"a":1,"n":1}', ("n",)) == content('{"a":1,"n":2}', ("n",))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"a":""}', '{"a":null}'),
        ('{"a":null}', "{}"),
        ('{"a":1180591620717411303424}', '{"a":1180591620717411303425}'),
        ('{"a":0.1234567890123456789}', '{"a":0.1234567890123456788}'),
        ('{"a":1e400}', '{"a":1e401}'),
        ('{"a":"\\ud800"}', '{"a":"\\ud801"}'),
        ('{"a":"1"}', '{"a":1}'),
        ('{"a":true}', '{"a":1}'),
    ],
)
def test_every_difference_of_value_makes_a_version(one: str, other: str) -> None:
    assert content(one) != content(other)


def test_a_number_is_its_value_not_its_spelling() -> None:
    assert content('{"a":1.10}') == content('{"a":1.1}')
    assert content('{"a":12345678901234567.10}') == content('{"a":12345678901234567.1}')


def test_telling_fields_hash_alike_from_a_sweep_and_from_the_whole_record() -> None:
    for extra in ("", ',"x":1.23456789012345678901', ',"x":"\\ud800"', ',"x":1e400'):
        whole = '{"id":1,"name":"n","price":20.25,"stock":null' + extra + "}"
        stored = prepare(STREAM, read(RawRecord("1", whole.encode()), frozenset())).sweep_hash
        assert stored == sweep_hash(b'{"stock": null, "id": 1, "price": 20.25}', STREAM.sweep_fields)


def test_what_jsonb_cannot_hold_is_kept_as_text_beside_a_readable_copy() -> None:
    raw = r'{"id":1,"a":"x\u0000y\ud800z","b":"\ud83d\ude00"}'
    record = prepare(STREAM, read(RawRecord("1", raw.encode()), frozenset()))
    assert record.exact_text == raw
    assert json.loads(record.sync_data) == {"id": 1, "a": "x\ufffdy\ufffdz", "b": "😀"}


def test_what_jsonb_can_hold_is_stored_once() -> None:
    raw = '{"id":1,"a":"\\ud83d\\ude00","b":0.12345678901234567890123}'
    assert prepare(STREAM, read(RawRecord("1", raw.encode()), frozenset())).exact_text is None


def test_paths_name_alternatives_and_parts() -> None:
    assert finder("a.b|c")({"a": {"b": ""}, "c": "x"}) == "x"
    assert finder("first last|company")({"first": "Ann", "last": "Lee"}) == "Ann Lee"
    assert finder("first last|company")({"first": "", "last": None, "company": "Co"}) == "Co"
    record = prepare(STREAM, read(RawRecord("1", b'{"id":1,"billing":{"email":" A@B.example "}}'), frozenset()))
    assert record.email == "a@b.example"


def test_times_are_utc_and_nonsense_is_none() -> None:
    parsed = moment("2026-11-21T01:58:36")
    assert parsed is not None
    assert parsed.isoformat() == "2026-11-21T01:58:36+00:00"
    assert moment("0000-00-00 00:00:00") is None
    assert moment(False) is None
