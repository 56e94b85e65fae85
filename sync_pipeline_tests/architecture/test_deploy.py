"""What is deployed on several machines: each file is read by what reads it there, as far as a registry has that."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from dagster._config import process_config
from dagster._config.errors import EvaluationError
from dagster_k8s import K8sRunLauncher
from pydantic import SecretStr

from sync_pipeline.config import PROJECT, Settings
from sync_pipeline.db import embedded
from sync_pipeline.db.engine import Database
from sync_pipeline.defs import storage

MANIFESTS = sorted((PROJECT / "deploy" / "kubernetes").glob("*.yaml"))
KUBERNETES = "1.32"
SECRETS = {"SYNC_DATABASE_URL", "SYNC_SECRET_KEY", "DAGSTER_DATABASE_URL", "DAGSTER_PG_PASSWORD"}
KNOWN = {f"SYNC_{name.upper()}" for name in Settings.model_fields}
OF_CELERY = {"SYNC_CELERY_BROKER_URL", "SYNC_CELERY_RESULT_URL"}
OURS = ("migrate", "code", "webserver", "api", "daemon")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Compose's own tags."""


_Loader.add_constructor("!reset", lambda loader, node: loader.construct_sequence(node))


def read(*path: str) -> Any:
    return yaml.load(PROJECT.joinpath(*path).read_text("utf-8"), _Loader)


def documents() -> list[dict[str, Any]]:
    return [one for file in MANIFESTS for one in yaml.safe_load_all(file.read_text("utf-8"))]


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for one in documents() if one["kind"] in ("Deployment", "Job")]


@pytest.mark.parametrize("manifest", documents(), ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_kubernetes_knows_every_field(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_an_unknown_field_would_be_found() -> None:
    [wrong] = [one for one in documents() if one["kind"] == "PodDisruptionBudget"]
    wrong["spec"]["minimum"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_what_manifests_refer_to_is_there() -> None:
    """Selectors find the pods, and settings are names that this program reads."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for one in documents():
        kinds.setdefault(one["kind"], []).append(one)
    [api], [service], [budget] = kinds["Deployment"], kinds["Service"], kinds["PodDisruptionBudget"]
    labels = api["spec"]["template"]["metadata"]["labels"]
    for selector in (service["spec"]["selector"], budget["spec"]["selector"]["matchLabels"]):
        assert selector.items() <= labels.items()
    assert api["spec"]["replicas"] == 2
    assert budget["spec"]["minAvailable"] == 1
    [settings] = kinds["ConfigMap"]
    assert {name for name in settings["data"] if name.startswith("SYNC_")} <= KNOWN
    assert not SECRETS & set(settings["data"])
    Settings(**{name.removeprefix("SYNC_").lower(): value for name, value in settings["data"].items() if name in KNOWN})


def test_every_process_has_limits_and_no_rights() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["resources"]["limits"]["memory"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert {"secretRef": {"name": "sync-pipeline"}} in container["envFrom"]


def test_one_image_everywhere() -> None:
    values = read("deploy", "helm", "values.yaml")
    [code] = values["dagster-user-deployments"]["deployments"]
    image = code["image"]
    assert values["dagsterWebserver"]["image"] == values["dagsterDaemon"]["image"] == image
    assert {f"{image['repository']}:{image['tag']}"} == {one["image"] for pod in pods() for one in pod["containers"]}
    for part in (values["dagsterWebserver"], values["dagsterDaemon"], code):
        assert part["envSecrets"] == part["envConfigMaps"] == [{"name": "sync-pipeline"}]


def test_the_launcher_takes_the_charts_settings() -> None:
    """As Dagster's chart writes them into dagster.yaml."""
    given = read("deploy", "helm", "values.yaml")["runLauncher"]["config"]["k8sRunLauncher"]
    config = {
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "postgres_password_secret": "sync-dagster-postgresql",
        "dagster_home": "/opt/dagster/dagster_home",
        "load_incluster_config": given["loadInclusterConfig"],
        "image_pull_policy": given["imagePullPolicy"],
        "fail_pod_on_run_failure": given["failPodOnRunFailure"],
        "resources": given["resources"],
        "run_k8s_config": {
            {"podSpecConfig": "pod_spec_config", "jobSpecConfig": "job_spec_config"}[name]: value
            for name, value in given["runK8sConfig"].items()
        },
    }
    launcher: Any = K8sRunLauncher
    errors: list[EvaluationError] = list(process_config(launcher.config_type(), config).errors or ())
    assert errors == []
    assert process_config(launcher.config_type(), {**config, "replicas": 2}).errors


def test_several_machines_have_the_same_dagster() -> None:
    """The instance of Celery's workers is the one of a single machine but for the runs."""
    one, many = read("dagster.yaml"), read("deploy", "celery", "dagster.yaml")
    for instance in (one, many):
        del instance["run_launcher"]
        instance["concurrency"]["runs"].pop("max_concurrent_runs")
        instance["concurrency"]["runs"]["tag_concurrency_limits"][0].pop("limit")
        instance["concurrency"]["pools"].pop("default_limit")
        instance["run_monitoring"].pop("poll_interval_seconds")
    assert one == many
    values = read("deploy", "helm", "values.yaml")["concurrency"]
    [limit] = values["runs"]["tagConcurrencyLimits"]
    [limit_here] = one["concurrency"]["runs"]["tag_concurrency_limits"]
    assert limit.keys() - limit_here.keys() == {"limit"}
    assert limit_here.items() <= limit.items()
    assert values["pools"]["granularity"] == one["concurrency"]["pools"]["granularity"]


def test_no_run_waits_for_a_worker() -> None:
    """One that is launched and not begun is given up after a while: there are as many as processes, fewer captures."""
    command = read("docker-compose.scale.yml")["services"]["worker"]["command"]
    processes = 3 * int(next(part for part in command if part.startswith("--concurrency=")).partition("=")[2])
    runs = read("deploy", "celery", "dagster.yaml")["concurrency"]["runs"]
    assert runs["max_concurrent_runs"] == processes
    assert runs["tag_concurrency_limits"][0]["limit"] < processes


def test_workers_take_tasks_as_the_launcher_gives_them() -> None:
    launcher = read("deploy", "celery", "dagster.yaml")["run_launcher"]["config"]
    worker = read("deploy", "celery", "worker.yaml")["execution"]["config"]
    assert (worker["broker"], worker["backend"]) == (launcher["broker"], launcher["backend"])
    assert worker["config_source"].items() <= launcher["config_source"].items()


def test_compose_adds_to_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    base, scale = read("docker-compose.yml"), read("docker-compose.scale.yml")
    added = {"redis", "worker", "proxy"}
    assert set(scale["services"]) - set(base["services"]) == added
    assert scale["services"]["worker"]["extends"]["service"] in base["services"]
    for name, service in scale["services"].items():
        assert set(service.get("depends_on", ())) <= {*base["services"], *added}, name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in {**base["volumes"], **scale["volumes"]} or (PROJECT / source).exists(), volume
    assert scale["services"]["api"]["deploy"]["replicas"] == 2
    asked = {name for one in scale["services"].values() for name in one.get("environment", ())}
    monkeypatch.setenv("SYNC_ORGS_PER_RUN", "25")
    assert Settings(secret_key=SecretStr("")).orgs_per_run == 25
    for part in ("dagster", "worker"):
        text = (PROJECT / "deploy" / "celery" / f"{part}.yaml").read_text()
        assert {name for name in ("SYNC_CELERY_BROKER_URL", "SYNC_CELERY_RESULT_URL") if name in text} <= asked


def documented() -> set[str]:
    """The variables of the tables of docs/operations.md."""
    text = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    return set(re.findall(r"^\| `((?:SYNC|OTEL)_[A-Z_]+)`", text, re.MULTILINE))


def offered() -> dict[str, str]:
    """The variables of .env.example with their values, those that are commented out too."""
    text = (PROJECT / ".env.example").read_text("utf-8")
    return dict(re.findall(r"^#?([A-Z][A-Z_]+)=(.*)$", text, re.MULTILINE))


def test_every_setting_reaches_every_process_of_compose() -> None:
    """What the documents name can be written into .env, and .env reaches each process, or compose sets it itself."""
    base = read("docker-compose.yml")
    settings = documented()
    assert settings >= {"SYNC_ALERT_URL", "SYNC_METRICS_TOKEN", "SYNC_CORS_ORIGINS", "SYNC_KEEP_PLANS_DAYS"}
    for name in OURS:
        service = base["services"][name]
        assert service["env_file"] == ".env", name
        assert settings <= {*offered(), *service["environment"]}, name
        assert {one for one in (*offered(), *service["environment"]) if one.startswith("SYNC_")} <= KNOWN
        # `environment` goes before .env: it may only repeat what .env says, or be what compose alone knows.
        fixed = {one for one, value in service["environment"].items() if f"${{{one}" not in value}
        assert not fixed & set(offered()), name
    scale = read("docker-compose.scale.yml")
    again = {one for service in scale["services"].values() for one in service.get("environment", ())} - OF_CELERY
    assert again <= set(offered())


def test_every_setting_that_is_documented_is_read_and_the_other_way_round() -> None:
    text = "".join((PROJECT / name).read_text("utf-8") for name in ("README.md", "docs/operations.md"))
    assert documented() - {"OTEL_EXPORTER_OTLP_ENDPOINT"} <= KNOWN
    # Dagster's database of the pipeline is DAGSTER_DATABASE_URL where Dagster's own processes are started.
    assert {name for name in KNOWN if f"`{name}" not in text} <= {"SYNC_DAGSTER_DATABASE_URL"}
    given: dict[str, Any] = {one.removeprefix("SYNC_").lower(): value for one, value in offered().items() if value}
    Settings(**{name: value for name, value in given.items() if name in Settings.model_fields})


@pytest.mark.parametrize("name", ["webserver", "daemon"])
@pytest.mark.parametrize("own", [None, "/data/workspace.yaml"])
def test_a_workspace_of_ones_own_is_loaded_beside_the_pipelines(tmp_path: Path, name: str, own: str | None) -> None:
    """The command as the container's shell reads it; compose makes $$ a $."""
    program, shell, script = read("docker-compose.yml")["services"][name]["command"]
    called = tmp_path / script.split()[1]
    called.write_text('#!/bin/sh\necho "$@"\n')
    called.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", **({"SYNC_DAGSTER_WORKSPACE": own} if own else {})}
    words = subprocess.run(
        [program, shell, script.replace("$$", "$")], env=env, capture_output=True, text=True, check=True
    )
    given = words.stdout.split()
    files = [value for flag, value in pairwise(given) if flag == "-w"]
    assert files == ["/app/deploy/workspace.yaml", *([own] if own else [])]
    [server] = [one["grpc_server"] for one in read("deploy", "workspace.yaml")["load_from"]]
    code = read("docker-compose.yml")["services"]["code"]["command"]
    assert (server["host"], str(server["port"]), server["location_name"]) == (
        "code", code[code.index("--port") + 1], code[code.index("--location-name") + 1]
    )  # fmt: skip


def test_there_are_connections_for_all_processes() -> None:
    """docs/operations.md, Sizing, says how many each has and needs; PostgreSQL is started with more."""
    pool: Any = Database("postgresql://nobody@nowhere/none").engine.pool
    ours, dagsters = pool.size() + pool._max_overflow, storage._KEPT
    run = ours + dagsters
    single, celery = (
        read(*path)["concurrency"]["runs"]["max_concurrent_runs"]
        for path in (["dagster.yaml"], ["deploy", "celery", "dagster.yaml"])
    )
    one_machine = (single + 1) * run + ours + 2 * dagsters
    scaled = (celery + 1) * run + 2 * ours + 2 * dagsters + 3 * dagsters
    sizing = (PROJECT / "docs" / "operations.md").read_text("utf-8")
    assert (
        f"{run} for each run at a time and for the code location, {ours} for each API process, {dagsters} for" in sizing
    )
    assert f"{single} runs (`dagster.yaml`), {one_machine} in all; Celery with three workers, {scaled}." in sizing
    command = read("docker-compose.yml")["services"]["postgres"]["command"]
    most = int(next(part for part in command if part.startswith("max_connections=")).partition("=")[2])
    assert f"max_connections = {most}\n" in embedded._SETTINGS
    assert most >= max(one_machine, scaled) + 50
    assert f"compose sets {most}" in sizing


def locked(file: str) -> dict[str, set[str]]:
    """The packages of a lock, `name==version ; where`, with their hashes."""
    entries = re.findall(
        r"^([a-z0-9][^ \n]*==[^\\\n]*?) *\\\n((?: +--hash=.*\n?)+)", (PROJECT / file).read_text("utf-8"), re.MULTILINE
    )
    return {name: set(re.findall(r"sha256:[0-9a-f]{64}", hashes)) for name, hashes in entries}


def test_the_image_has_the_tested_versions_and_no_development_tools() -> None:
    """After a change of dependencies: make lock."""
    image, tested = locked("requirements.image.lock"), locked("requirements.lock")
    versions = {name.partition(" ;")[0]: hashes for name, hashes in tested.items()}
    assert len(image) > 100
    for name, hashes in image.items():
        assert versions.get(name.partition(" ;")[0]) == hashes, name
    names = {name.partition("==")[0] for name in image}
    assert {"dagster", "dagster-celery", "redis", "dagster-k8s", "opentelemetry-sdk", "squawk-cli"} <= names
    assert not {"pytest", "mypy", "ruff", "hypothesis", "playwright", "schemathesis", "uv"} & names
    dockerfile = (PROJECT / "Dockerfile").read_text("utf-8")
    assert "requirements.image.lock" in dockerfile
    assert "-r requirements.lock" not in dockerfile
    assert "://" not in (PROJECT / "requirements.image.lock").read_text("utf-8")


def test_the_documents_name_every_file_that_names_the_image() -> None:
    deploy = PROJECT / "deploy"
    holders = {file.name for file in deploy.rglob("*.yaml") if "registry.example" in file.read_text("utf-8")}
    text = (PROJECT / "docs" / "deploy.md").read_text("utf-8")
    [said] = re.findall(r"into the three files that have `registry.example` \(([^)]*)\)", text)
    assert set(re.findall(r"`([^`]+)`", said)) == holders
    assert len(holders) == 3
