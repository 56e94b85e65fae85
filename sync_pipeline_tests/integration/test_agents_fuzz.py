"""Whatever arguments a model sends: an answer, or an error in words that say what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sandbox.woocommerce import Store, seed
from sync_pipeline.db.embedded import EmbeddedPostgres
from sync_pipeline.db.engine import Database
from sync_pipeline.mcp.answers import MOST_BYTES
from sync_pipeline.mcp.errors import explain
from sync_pipeline.mcp.tool import Call, Tool, schema
from sync_pipeline.mcp.tools import TOOLS
from sync_pipeline.steps import connect
from sync_pipeline.steps.connect import tokens
from sync_pipeline_tests.captured import Clock, captured
from sync_pipeline_tests.databases import cloned, opened_as_the_application, settings_at
from sync_pipeline_tests.stores import Shop, shop

KINDS = frozenset(
    {"invalid", "not_found", "conflict", "forbidden", "rate_limited", "waiting", "stale", "store", "busy"}
)
FEW, MANY = 12, 400


def fill(clock: Clock) -> Store:
    made = Store(clock=clock)
    seed(made, products=4, variable=0, customers=2, orders=2)
    return made


def capture_all(opened: Shop) -> None:
    opened.pull("products", "customers", "orders")
    for name in ("products", "customers", "orders"):
        opened.preview(name)


@pytest.fixture(scope="module")
def call(server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Call]:
    here = settings_at(Path(tmp_path_factory.mktemp("home")))
    with (
        captured(server, shop, fill, capture_all) as template,
        cloned(server, template) as owner_url,
        opened_as_the_application(owner_url) as db,
    ):
        org = connect.organization(db, "acme")
        template.copy(db, here, org)
        yield Call(db, here, _admin(db, org), "fuzz")


def _admin(db: Database, org: connect.Organization) -> tokens.Caller:
    return tokens.authenticate(db, tokens.add_token(db, org, "admin", actor="test").plain)


# What lies near what is meant, so that more than the first check is met.
_LIKELY = st.sampled_from(
    ["products", "customers", "shop", "1", "17", "request:1", "queue:x", "because", "2020-01-01T00:00:00Z", "name",
     "[]", "00000000-0000-0000-0000-000000000000",
     "2026-01-01T00:00:00Z|2026-01-01T00:00:00+00:00~1~product~17", "a~b~c~d",
     "2026-01-01~17", "\x00", "\ud800", "'; DROP TABLE x; --", "%s %(x)s {x}", "\u202e"]
)  # fmt: skip
_ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | _LIKELY,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | _LIKELY, inner, max_size=3),
    max_leaves=4,
)


def values(part: Mapping[str, Any], definitions: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """What a schema allows, in the words that pydantic writes schemas in."""
    if "$ref" in part:
        return values(definitions[part["$ref"].rsplit("/", 1)[1]], definitions)
    if "anyOf" in part:
        return st.one_of(*(values(one, definitions) for one in part["anyOf"]))
    if "enum" in part:
        return st.sampled_from(part["enum"])
    low, high = part.get("minimum"), part.get("maximum")
    kind = part.get("type")
    if kind == "integer":
        return st.integers(low, high)
    if kind == "number":
        return st.just(0)  # seconds to wait, which nobody has here
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        return st.lists(values(part.get("items", {}), definitions), min_size=part.get("minItems", 0), max_size=4)
    if kind == "object" and "properties" not in part:
        return st.dictionaries(
            _text({"maxLength": 200, "minLength": 1}),
            values(part.get("additionalProperties") or {}, definitions),
            max_size=3,
        )
    if kind == "object":
        needed = part.get("required", ())
        fields = {name: values(one, definitions) for name, one in part["properties"].items()}
        return st.fixed_dictionaries(
            {name: one for name, one in fields.items() if name in needed},
            optional={name: one for name, one in fields.items() if name not in needed},
        )
    if part.get("format") == "date-time":
        return st.datetimes(timezones=st.timezones()).map(lambda one: one.isoformat())
    if part.get("format") == "uuid":
        return st.uuids().map(str)
    return _text(part) if kind == "string" else _ANYTHING


def _text(part: Mapping[str, Any]) -> st.SearchStrategy[str]:
    if "pattern" in part:
        return st.from_regex(part["pattern"], fullmatch=True)
    short, long = part.get("minLength", 0), part.get("maxLength", 200)
    return (
        _LIKELY.filter(lambda one: short <= len(one) <= long) | st.text(min_size=short, max_size=long)
        if short < 30
        else st.text("0123456789abcdef-", min_size=short, max_size=long)
    )


def arguments(tool: Tool) -> st.SearchStrategy[dict[str, Any]]:
    """What its schema allows, and the same with a value or a name that it does not."""
    told = schema(tool.arguments)
    allowed = values(told, told.get("$defs", {}))
    names = st.sampled_from([*told.get("properties", {}), "also"])
    odd = st.builds(lambda good, name, wrong: {**good, name: wrong}, allowed, names, _ANYTHING)
    return allowed | odd | st.dictionaries(names, _ANYTHING, max_size=4)


def tried(tool: Tool, call: Call, sent: Mapping[str, Any]) -> tuple[str, str]:
    """A call as the server makes it: its outcome and its text."""
    try:
        return "ok", tool.run(call, tool.arguments.model_validate(sent)).read_by(call.reads).text()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
        return explain(error, call.reads)


@pytest.mark.parametrize(
    ("name", "examples"),
    [
        *((name, FEW) for name, one in TOOLS.items() if not one.store),
        *(pytest.param(name, MANY, marks=pytest.mark.torture) for name, one in TOOLS.items() if not one.store),
    ],
)
def test_whatever_is_sent_is_answered_in_words(call: Call, name: str, examples: int) -> None:
    tool = TOOLS[name]

    @given(sent=arguments(tool))
    @settings(
        max_examples=examples, derandomize=True, database=None, phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck), deadline=None,
    )  # fmt: skip
    def sends(sent: dict[str, Any]) -> None:
        outcome, text = tried(tool, call, sent)
        read = json.loads(text)
        assert len(text.encode("utf-8", "surrogatepass")) <= MOST_BYTES
        assert outcome == "ok" or outcome in KINDS, (outcome, text)
        if outcome != "ok":
            assert len(read["error"]) > 5
            assert "Traceback" not in text
            assert read["kind"] == outcome

    sends()


def test_an_unknown_argument_is_refused_by_every_tool(call: Call) -> None:
    for tool in TOOLS.values():
        outcome, text = tried(tool, call, {"also": 1})
        assert outcome == "invalid", tool.name
        assert "also is not known here" in text
