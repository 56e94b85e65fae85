"""Records as bytes: every digit kept, and whatever stands in front of the JSON passed over."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import MalformedAnswer
from sync_pipeline.sources import jsontext

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False).map(float),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5))
def test_slices_are_the_elements(rows: list[dict[str, object]]) -> None:
    body = json.dumps(rows).encode()
    assert [json.loads(raw) for raw in jsontext.slices(body)] == rows


@given(st.dictionaries(st.text(), VALUES, max_size=5))
def test_fields_are_the_top_level_values(row: dict[str, object]) -> None:
    parts = jsontext.fields(json.dumps(row).encode())
    assert {key: json.loads(raw) for key, raw in parts.items()} == row


@pytest.mark.parametrize(
    "front",
    [
        b"",
        b"\xef\xbb\xbf",
        b"  \n",
        b"<br />\n<b>Notice</b>: Undefined index: x in /var/www/a.php on line <b>12</b><br />\n",
        b"PHP Warning:  Array to string conversion [1, 2] {x} in b.php on line 3\n",
        b"\xef\xbb\xbf<b>Deprecated</b>: foo[0] bar\n",
    ],
)
def test_what_php_prints_in_front_is_passed_over(front: bytes) -> None:
    rows = [{"id": 1, "name": "a [b] {c}"}, {"id": 2}]
    assert [json.loads(raw) for raw in jsontext.slices(front + json.dumps(rows).encode())] == rows
    assert json.loads(jsontext.single(front + b'{"id": 7}')) == {"id": 7}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html><body>[]</body></html>",
        b'[{"id": 1}, {"id"',
        b'{"code": "x"}',
        b'[{"id": 1}]]',
        b"null",
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        jsontext.slices(body)


def test_what_a_quick_parser_refuses_is_sliced_all_the_same() -> None:
    body = rb'[{"id":1,"a":"\ud800"},{"id":2,"b":1e400}]'
    assert jsontext.slices(body) == [rb'{"id":1,"a":"\ud800"}', rb'{"id":2,"b":1e400}']
    deep = b'[{"id":1,"d":' + b"[" * 5000 + b"]" * 5000 + b'},{"id":2}]'
    assert [jsontext.fields(raw)["id"] for raw in jsontext.slices(deep)] == [b"1", b"2"]


@pytest.mark.parametrize(
    "raw", [rb'{"a":"\ud800",}', rb'{"a":"\ud800" "b":1}', rb'{"a":"\ud800","b":x}', b"[}", b'{"a"}']
)
def test_what_is_no_object_is_refused_by_the_scanner_too(raw: bytes) -> None:
    with pytest.raises(ValueError):
        jsontext.fields(raw)
    with pytest.raises(MalformedAnswer):
        jsontext.single(raw)


NAMES = st.text("abc", min_size=1, max_size=2)


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.lists(NAMES, min_size=1, max_size=3, unique=True))
def test_a_picker_gives_what_fields_gives(row: dict[str, object], names: list[str]) -> None:
    raw = json.dumps(row).encode()
    found = jsontext.fields(raw)
    assert jsontext.picker(*names)(raw) == tuple(found.get(name) for name in names)


def test_a_picker_does_not_read_all_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes ten times as long, and is for what the parser refuses."""
    monkeypatch.setattr(jsontext, "fields", lambda _raw: pytest.fail("it read all of them"))
    assert jsontext.picker("id", "parent")(b'{"id":7,"name":"Mug","parent":null}') == (b"7", b"null")
    assert jsontext.picker("id", "parent")(b'{"id":"7"}') == (b'"7"', None)
