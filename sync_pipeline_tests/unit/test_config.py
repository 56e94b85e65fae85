"""Settings that are wrong are refused with what to do, before anything is written with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from sync_pipeline.config import Settings
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
