"""The code location: it loads as the server loads it, and its asset keys are reviewed like an API."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from sync_pipeline.config import PROJECT
from sync_pipeline.defs import definitions
from sync_pipeline.defs.graph import Stage, fed_by
from sync_pipeline.sources.base import all_sources

KEYS = Path(__file__).parent / "asset_keys.txt"


def repository() -> dg.RepositoryDefinition:
    return definitions().get_repository_def()


def test_the_server_accepts_the_definitions(tmp_path: Path) -> None:
    dagster = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [dagster, "definitions", "validate", "-w", "workspace.yaml"],
        cwd=PROJECT,
        env={**os.environ, "DAGSTER_HOME": str(tmp_path), "DAGSTER_DISABLE_TELEMETRY": "yes"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


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


def test_assets_are_partitioned_by_organization_only() -> None:
    graph = repository().asset_graph
    for key in graph.get_all_asset_keys():
        if key.path[0] != "store":
            assert graph.get(key).partitions_def == dg.DynamicPartitionsDefinition(name="org"), key


def test_loading_is_light() -> None:
    """Each run is a new process that loads this module: what an import costs, a person who selected waits."""
    heavy = {"pandas", "numpy", "matplotlib", "alembic", "starlette"}
    code = f"import sync_pipeline.definitions, sys; print(sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "[]"
