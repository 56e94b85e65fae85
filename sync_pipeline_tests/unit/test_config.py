"""Settings that are wrong are refused with what to do, before anything is written with them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from sync_pipeline.config import PROJECT, Settings, unknown_variables
from sync_pipeline.errors import ConfigurationError


@pytest.mark.parametrize("given", ["", " , ", "xxx", "x" * 44, "x" * 43 + "=,short"])
def test_keys_that_are_none_are_refused_by_whoever_asks_for_them(given: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"SYNC_SECRET_KEY is not a valid list .* openssl rand -base64 32"):
        _ = Settings(home=tmp_path, secret_key=SecretStr(given)).encryption_keys


def test_keys_are_read_in_their_order(tmp_path: Path) -> None:
    newer, older = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    assert Settings(home=tmp_path, secret_key=SecretStr(f"{newer}, {older}")).encryption_keys == [
        newer.encode(),
        older.encode(),
    ]


def test_variables_that_are_no_settings_are_named_with_the_nearest() -> None:
    known = [f"SYNC_{name.upper()}" for name in Settings.model_fields]
    elsewhere = ["SYNC_DEBUG", "SYNC_TOKEN", "SYNC_URL", "SYNC_CELERY_BROKER_URL", "SYNC_CELERY_RESULT_URL"]
    services = ["SYNC_PIPELINE_API_PORT_8000_TCP"]  # Kubernetes sets them
    assert unknown_variables([*known, *elsewhere, *services, "sync_home", "PATH", "SYNC"]) == []
    assert unknown_variables(["SYNC_KEEP_PLAN_DAYS", "SYNC_QQ"]) == [
        "SYNC_KEEP_PLAN_DAYS is no setting, and is ignored. Did you mean SYNC_KEEP_PLANS_DAYS?",
        "SYNC_QQ is no setting, and is ignored.",
    ]


def test_every_variable_that_the_documents_name_is_known() -> None:
    """What is neither a setting nor read elsewhere would be warned of although somebody followed a document."""
    files = [
        PROJECT / "README.md",
        PROJECT / ".env.example",
        *PROJECT.glob("docker-compose*.yml"),
        PROJECT / "Makefile",
    ]
    files += [one for folder in ("docs", "deploy") for one in (PROJECT / folder).rglob("*") if one.is_file()]
    words = " ".join(one.read_text("utf-8", "replace") for one in files if one.suffix not in (".png", ".jpg"))
    named = set(re.findall(r"\bSYNC_[A-Z_]*[A-Z]\b", words))
    assert {"SYNC_HOME", "SYNC_KEEP_RUNS_DAYS", "SYNC_CELERY_BROKER_URL"} <= named
    assert unknown_variables(named) == []
