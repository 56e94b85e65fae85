"""Shapes contain facts about payloads, and none of their contents."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.odoo.models import load
from sandbox.shapes import JSON_TYPES, laid_out, learn, shapes
from sandbox.shapes.comparing import differences, places
from sandbox.shapes.recordings import PROTOCOL, codes, header_shapes

NOTHING = re.compile("(?!)")
FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\??|\*|\[\]|")
CODE = re.compile(r"[a-z]+(_[a-z0-9]+)+|[a-z0-9]+\.([a-z]+\.)?[A-Z][A-Za-z]+")
TYPES = {"binary", "boolean", "char", "date", "datetime", "float", "html", "integer", "json", "many2many", "many2one",
         "monetary", "one2many", "properties", "properties_definition", "selection", "text"}  # fmt: skip


@pytest.mark.parametrize(
    ("values", "shape"),
    [
        ([1, 0, None], "0|integer|null"),
        ([2.5, 0.0, True, False], "0.0|false|number|true"),
        (["", "2.00", "-7"], "decimal text|empty text|integer text"),
        (["2026-11-21", "2026-11-21T01:02:03", "2026-11-21 01:02:03"], "date text|time text|time with T text"),
        (["a@b.example", "https://b.example/x", "on-hold", "Some words"], "URL|e-mail|slug|text"),
        ([[], []], []),
        ([[1], ["x"]], ["integer|slug"]),
        ([{"id": 1, "sku": ""}, {"id": 2}], {"id": "integer", "sku?": "empty text"}),
        ([{}, {}], "empty object"),
        ([{}, {"id": 1}], {"id?": "integer"}),
        ([None, [{"id": 1}], {"a": 0}], {"": "null", "[]": [{"id": "integer"}], "a": "0"}),
        ([{"options": {"Red": 1, "Blue": 2}}], {"options": {"*": "integer"}}),
    ],
)
def test_values_have_a_shape(values: list[Any], shape: Any) -> None:
    assert learn(values) == shape


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"id": 7, "price": "1.50", "tags": ["new"]}, []),
        ({"id": 7, "price": "1.50"}, [": lacks ['tags']"]),
        ({"id": 7, "price": "1.50", "tags": [], "more": 1}, [".more: not in the recorded payload"]),
        ({"id": "7", "price": "1.50", "tags": []}, [".id: ['text'] here, ['number'] recorded"]),
        ({"id": 7, "price": "1,50", "tags": []}, [".price: ['text'] here, ['decimal text'] recorded"]),
        ({"id": 7, "price": None, "tags": []}, [".price: ['null'] here, ['text'] recorded"]),
        ({"id": 7, "price": "1.50", "tags": [None]}, [".tags[]: ['null'] here, ['text'] recorded"]),
        ({"price": "1.50", "id": 7, "tags": []},
         [": fields in another order: ['price', 'id', 'tags'], recorded ['id', 'price', 'tags']"]),
        ({}, [": lacks ['id', 'price', 'tags']"]),
    ],
)  # fmt: skip
def test_a_payload_of_another_shape_is_found(payload: Any, said: list[str]) -> None:
    recorded = learn([{"id": 1, "price": "2.00", "tags": ["old"]}, {"id": 2, "price": "3.00", "tags": []}])
    assert differences(places(recorded), places(learn([payload])), NOTHING) == said


def test_shapes_of_one_thing_are_taken_together() -> None:
    both = places(learn([{"id": 1, "sku": "a"}]), learn([{"id": None}]))
    assert (both[""].required, both[".id"].types) == ({"id"}, {"number", "null"})


def test_a_change_is_one_line_of_a_shape_file() -> None:
    assert laid_out({"a": "text", "b": []}) == '{"a": "text", "b": []}'
    long = {"first": "a" * 60, "second": ["b" * 60]}
    assert laid_out(long).splitlines() == ["{", f' "first": "{"a" * 60}",', f' "second": ["{"b" * 60}"]', "}"]


def test_headers_and_codes_are_facts() -> None:
    headers = {"X-WP-Total": "60", "Server": "nginx/1.2", "Allow": "GET", "Link": '<https://a/?page=2>; rel="next"'}
    assert header_shapes(headers) == {
        "allow": "GET", "link": "link header", "server": "nginx/N.N", "x-wp-total": "integer text",
    }  # fmt: skip
    assert codes({"code": "b", "data": {"details": {"x": {"code": "a"}}, "list": [{"code": "b"}]}}) == ["a", "b"]


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from texts(inner)


def names(value: Any) -> Iterator[str]:
    """Every name of a field in a JSON value."""
    if isinstance(value, dict):
        yield from value
    for inner in value if isinstance(value, list) else value.values() if isinstance(value, dict) else ():
        yield from names(inner)


def assert_shape(shape: Any) -> None:
    """A shape contains only names of fields and kinds of values."""
    if isinstance(shape, str):
        assert set(shape.split("|")) - {""} <= JSON_TYPES.keys()
        return
    if isinstance(shape, dict):
        assert [name for name in shape if not FIELD.fullmatch(name)] == []
    for inner in shape if isinstance(shape, list) else shape.values():
        assert_shape(inner)


def assert_headers(headers: dict[str, str]) -> None:
    for name, value in headers.items():
        assert name in PROTOCOL or value in JSON_TYPES or re.fullmatch(r"[a-z]+/[N.]+", value), (name, value)


def test_shape_files_can_hold_no_contents() -> None:
    """Independent of any recording: the files use a closed vocabulary."""
    woocommerce, odoo = shapes("woocommerce"), shapes("odoo")
    assert_headers(woocommerce["headers of every answer"])
    answers = [*woocommerce["answers"].values(), *(one for some in odoo["answers"].values() for one in some.values())]
    for one in answers:
        assert one.keys() <= {"status", "headers", "content_type", "codes", "error", "digest", "body"}
        assert_shape(one["body"])
        assert_headers(one.get("headers", {}))
        assert all(CODE.fullmatch(code) for code in [*one.get("codes", ()), one.get("error", "a.Bc")])
        assert re.fullmatch("[0-9a-f]{12}|", one.get("digest", ""))
        assert one.get("content_type", "text/html; charset=utf-8").split(";")[0] in ("application/json", "text/html")
    for model, fields in odoo["models"].items():
        assert re.fullmatch(r"[a-z]+(\.[a-z]+)*", model)
        for name, field in fields.items():
            kind, proof, kinds = field.split(" ", 2)
            assert FIELD.fullmatch(name)
            assert kind in TYPES
            assert re.fullmatch("[0-9a-f]{8}", proof)
            assert_shape(kinds)


def test_the_models_of_the_odoo_sandbox_hold_no_labels() -> None:
    for model in load().values():
        for name, field in model.fields.items():
            assert FIELD.fullmatch(name)
            assert field.type in TYPES
            assert re.fullmatch("[sqorRctT]*", field.flags)
            assert field.more.keys() <= {"relation", "selection", "inverse", "empty", "digits", "currency_field"}
            assert all(isinstance(key, str) for key in field.more.get("selection", ()))
