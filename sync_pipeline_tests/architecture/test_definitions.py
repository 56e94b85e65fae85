"""The code location: it loads as the server loads it, and its asset keys are reviewed like an API."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.snap.snap_to_yaml import default_values_yaml_from_type_snap
from pydantic import SecretStr

from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.defs import definitions
from sync_pipeline.defs.columns import fields_read, lineage_of
from sync_pipeline.defs.config import CaptureConfig, PromoteConfig, RunOptions, sweep_of
from sync_pipeline.defs.graph import Stage, fed_by
from sync_pipeline.entities.core import core_tables
from sync_pipeline.sources.base import all_sources

KEYS = Path(__file__).parent / "asset_keys.txt"


def repository() -> dg.RepositoryDefinition:
    return definitions().get_repository_def()


# Both commands of `dg` in one interpreter: to import everything takes most of their time.
_DG = """
import sys
from dagster_dg_cli.cli import main
for command in (("check", "defs"), ("list", "defs", "--json")):
    print("\\f", end="")
    sys.argv[:] = ["dg", *command]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""


def test_dg_accepts_the_definitions(tmp_path: Path) -> None:
    """In the project's folder, without a database. `dg check defs` is what servers do when they load them."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER_", "SYNC_"))}
    env = {**plain, "DAGSTER_DISABLE_TELEMETRY": "yes", "VIRTUAL_ENV": sys.prefix, "SYNC_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-c", _DG], cwd=PROJECT, env=env, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(done.stdout.rpartition("\f")[2])
    assert "raw/woocommerce/products" in {one["asset_key"] for one in listed["assets"]}
    assert not (tmp_path / "home").exists()


def test_a_renamed_asset_is_a_reviewed_change() -> None:
    """After a change that is meant: write asset_keys.txt anew with WRITE_ASSET_KEYS=1."""
    keys = sorted(key.to_user_string() for key in repository().asset_graph.get_all_asset_keys())
    if os.environ.get("WRITE_ASSET_KEYS"):
        KEYS.write_text("\n".join(keys) + "\n")
    assert keys == KEYS.read_text().splitlines()


def test_every_stream_has_its_three_stages() -> None:
    keys = {key.to_user_string() for key in repository().asset_graph.get_all_asset_keys()}
    for source in all_sources().values():
        for stream in source.streams.values():
            for stage in list(Stage)[:3]:
                assert f"{stage.value}/{source.name}/{stream.name}" in keys


def test_every_promoted_stream_leads_to_core() -> None:
    graph = repository().asset_graph
    for source in all_sources().values():
        for stream in source.streams.values():
            for table in fed_by(stream):
                parents = graph.get(dg.AssetKey(["core", table.short])).parent_keys
                assert dg.AssetKey(["selected", source.name, stream.name]) in parents


def test_people_can_read_every_asset() -> None:
    graph = repository().asset_graph
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert len(node.description or "") > 80, key
        assert node.owners, key
        assert node.group_name != "default", key
        assert 0 < len(node.kinds) <= 10, key


def test_assets_are_partitioned_by_the_organizations_that_can_have_them() -> None:
    graph = repository().asset_graph
    for key in graph.get_all_asset_keys():
        if key.path[0] != "store":
            name = f"org_{key.path[1]}" if len(key.path) == 3 else "org"
            assert graph.get(key).partitions_def == dg.DynamicPartitionsDefinition(name=name), key


def test_every_asset_names_its_table_its_columns_and_its_code() -> None:
    graph = repository().asset_graph
    for key in graph.get_all_asset_keys():
        if key.path[0] in ("store", "observe"):
            continue
        about = graph.get(key).metadata
        assert "." in about["dagster/table_name"], key
        assert len(about["dagster/column_schema"].columns) > 5, key
        for place in about["dagster/code_references"].code_references:
            assert isinstance(place, dg.LocalFileCodeReference)
            assert Path(place.file_path).is_file(), key
    declared = graph.get(dg.AssetKey(["raw", "odoo", "products"])).metadata["dagster/code_references"]
    assert declared.code_references[0].file_path.endswith("sources/odoo/streams/products.py")


def test_every_column_says_what_it_is_once() -> None:
    graph = repository().asset_graph
    for key in graph.get_all_asset_keys():
        if key.path[0] in ("store", "observe"):
            continue
        columns = graph.get(key).metadata["dagster/column_schema"].columns
        assert [one.name for one in columns if not one.description] == [], key
        names = [one.name for one in columns]
        assert len(names) == len(set(names)), key
    of_raw = graph.get(dg.AssetKey(["raw", "woocommerce", "products"])).metadata["dagster/column_schema"].columns
    said = {one.name: one.description for one in of_raw}
    assert "core.products.sku" in said["sync_data.sku"]


def test_lineage_names_a_column_once() -> None:
    graph = repository().asset_graph
    for table in core_tables().values():
        lineage = graph.get(dg.AssetKey(["core", table.short])).metadata["dagster/column_lineage"]
        for column, deps in lineage.deps_by_column.items():
            named = [(dep.asset_key, dep.column_name) for dep in deps]
            assert len(named) == len(set(named)), (table.name, column)


def test_a_field_that_a_mapper_declares_twice_is_one_origin() -> None:
    stream = all_sources()["odoo"].streams["customers"]

    def twice(payload: Any) -> Any:
        return payload

    twice.reads = ("name", "email", "name")  # type: ignore[attr-defined]
    twice.follows = ()  # type: ignore[attr-defined]
    raw = dg.AssetKey(["raw", "kiosk", "members"])
    lineage = lineage_of(core_tables()["core.customers"], {raw: replace(stream, name="members", to_entity=twice)})
    assert [dep.column_name for dep in lineage.deps_by_column["email"]] == ["sync_data.email", "sync_data.name"]


def test_columns_of_core_lead_to_captured_fields() -> None:
    """Each to one that the raw asset has among its columns."""
    graph = repository().asset_graph
    products = graph.get(dg.AssetKey(["core", "products"])).metadata["dagster/column_lineage"]
    assert {(dep.asset_key.path[1], dep.column_name) for dep in products.deps_by_column["sku"]} >= {
        ("woocommerce", "sync_data.sku"),
        ("odoo", "sync_data.default_code"),
    }
    for table in core_tables().values():
        deps = graph.get(dg.AssetKey(["core", table.short])).metadata["dagster/column_lineage"].deps_by_column
        assert deps, table.name
        for dep in (one for column in deps.values() for one in column):
            columns = graph.get(dep.asset_key).metadata["dagster/column_schema"].columns
            assert dep.column_name in {column.name for column in columns}, (table.name, dep)


def test_a_stream_that_nobody_tried_comes_from_what_its_mapper_declares() -> None:
    stream = replace(all_sources()["odoo"].streams["customers"], name="members")
    raw = dg.AssetKey(["raw", "kiosk", "members"])
    lineage = lineage_of(core_tables()["core.customers"], {raw: stream})
    found = {dep.column_name for dep in lineage.deps_by_column["email"]}
    assert found == {f"sync_data.{name}" for name in fields_read("kiosk", stream)}
    assert found > {"sync_data.email"}


@pytest.mark.parametrize(
    ("job", "ops"),
    [
        ("pull", {"woocommerce": CaptureConfig, "odoo": CaptureConfig}),
        ("promote", {"apply_plans": PromoteConfig}),
        ("reconcile", {"compare_stores": RunOptions}),
    ],
)
def test_the_launchpad_begins_with_every_option_and_nobodys_name(job: str, ops: Mapping[str, type[RunOptions]]) -> None:
    snapshot = repository().get_job(job).get_job_snapshot()
    schemas = snapshot.config_schema_snapshot
    root = schemas.get_config_snap(str(snapshot.mode_def_snaps[0].root_config_key))
    scaffold = yaml.safe_load(default_values_yaml_from_type_snap(schemas, root))["ops"]
    for op, options in ops.items():
        assert set(scaffold[op]["config"]) == set(options.model_fields) - {"actor"}
        validated = dg.validate_run_config(repository().get_job(job), {"ops": {op: {"config": scaffold[op]["config"]}}})
        assert options(**validated["ops"][op]["config"]) == options()


def test_the_configuration_of_an_older_run_can_be_executed_again() -> None:
    """Its options that were not asked for are null, and it names who asked."""
    old: dict[str, Any] = {
        "connection": None,
        "entities": [],
        "full": True,
        "sweep": None,
        "max_pages": None,
        "actor": "eve",
    }
    job = repository().get_job("pull")
    validated = dg.validate_run_config(job, {"ops": {"woocommerce": {"config": old}}})["ops"]["woocommerce"]["config"]
    found = CaptureConfig(**validated)
    assert (found.connection, found.full, found.do_sweep, found.max_pages) == ("", True, None, 0)
    assert CaptureConfig(sweep=sweep_of(False)).do_sweep is False
    assert CaptureConfig(sweep=sweep_of(True)).do_sweep is True
    nothing: dict[str, Any] = {"plan": None, "decision": None}
    assert PromoteConfig(**nothing) == PromoteConfig()


def test_owners_and_schedules_follow_the_settings() -> None:
    code = (
        "from sync_pipeline.defs.graph import OWNERS; from sync_pipeline.defs.jobs import nightly_delta; "
        "print(OWNERS, nightly_delta.default_status.value)"
    )
    said = {"SYNC_OWNERS": "ann@example.com, team:shop", "SYNC_SCHEDULES": "running"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **said},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.strip() == "['ann@example.com', 'team:shop'] RUNNING"
    assert Settings(database_url=SecretStr("postgresql://server/sync")).pulls_by_schedule
    assert not Settings().pulls_by_schedule


def test_loading_is_light() -> None:
    """Each run is a new process that loads this module: what an import costs, a person who selected waits."""
    heavy = {"pandas", "numpy", "matplotlib", "alembic", "starlette"}
    code = f"import sync_pipeline.definitions, sys; print(sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
