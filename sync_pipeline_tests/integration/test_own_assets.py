"""The assets of one's own that docs/dagster.md shows: every organization that was promoted is followed."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from sync_pipeline.config import PROJECT

SALES_ORDERS = dg.AssetKey(["core", "sales_orders"])


@pytest.fixture
def promoted(tmp_path: Path) -> dg.SensorDefinition:
    text = (PROJECT / "docs" / "dagster.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    file = tmp_path / "turnover.py"
    file.write_text(code[1])
    made = runpy.run_path(str(file))["defs"]
    assert isinstance(made, dg.Definitions)
    return made.get_sensor_def("promoted")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        made.add_dynamic_partitions("org", ["acme", "globex", "initech"])
        yield made


def materialize(instance: dg.DagsterInstance, *orgs: str) -> None:
    for org in orgs:
        instance.report_runless_asset_event(dg.AssetMaterialization(SALES_ORDERS, partition=org))


def ticked(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None) -> dg.SensorResult:
    with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
        found = sensor(context)
    assert isinstance(found, dg.SensorResult)
    return found


def asked(result: dg.SensorResult) -> list[str | None]:
    return [one.partition_key for one in result.run_requests or ()]


def test_three_promotions_at_once_are_three_runs(promoted: dg.SensorDefinition, instance: dg.DagsterInstance) -> None:
    nothing = ticked(promoted, instance, None)
    assert asked(nothing) == []
    materialize(instance, "acme", "globex", "initech")
    first = ticked(promoted, instance, nothing.cursor)
    assert asked(first) == ["acme", "globex", "initech"]
    assert len({one.run_key for one in first.run_requests or ()}) == 3
    again = ticked(promoted, instance, first.cursor)
    assert asked(again) == []
    materialize(instance, "globex", "gone", "globex")
    later = ticked(promoted, instance, again.cursor)
    assert asked(later) == ["globex"]
    keys = {one.run_key for result in (first, later) for one in result.run_requests or ()}
    assert len(keys) == 4, "what is promoted again is run again"
    assert asked(ticked(promoted, instance, later.cursor)) == []
