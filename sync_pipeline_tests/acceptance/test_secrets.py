"""No secret leaves its row: not in output, logs, events, exports or data files, after runs that pass and that fail."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox.woocommerce import Store, running, seed
from sync_pipeline_tests.commands import commands

KEY = "ck_0123456789abcdef0123456789abcdef01234567"
SECRET = "cs_fedcba9876543210fedcba9876543210fedcba98"


def test_no_secret_anywhere(home: Path) -> None:
    store = Store()
    store.key, store.secret = KEY, SECRET
    seed(store, products=12, variable=1, customers=5, orders=8)
    env = {
        **os.environ,
        "SYNC_HOME": str(home),
        "SYNC_ALLOW_PRIVATE_HOSTS": "1",
        "SHOP_SECRET": SECRET,
        "SYNC_DEBUG": "1",
    }
    said = ""

    def call(*arguments: str, expect: tuple[int, ...] = (0,)) -> str:
        nonlocal said
        done = forked.run(*arguments, env=env)
        said += done.stdout + done.stderr
        assert done.returncode in expect, (arguments, done.stdout, done.stderr)
        return done.stdout

    with running(store) as server, commands() as forked:
        call("db", "start")
        call("org", "add", "acme")
        call(
            "connect",
            "acme",
            "woocommerce",
            "--name",
            "shop",
            "--url",
            server.url,
            "--key",
            KEY,
            "--secret-env",
            "SHOP_SECRET",
        )
        call("pull", "acme")
        call("export", "acme", "--connection", "shop", "--entity", "products")
        call("connections", "acme")
        server.faults.rate("html200", 1.0, path="orders")
        call("pull", "acme", "--entity", "orders", "--full", expect=(1,))
        server.faults.clear()
        store.secret = "cs_another"
        call("doctor", "acme", expect=(0, 1, 2))
        call("pull", "acme", "--entity", "products", expect=(1,))
        server.faults.down(True)
        call("doctor", "acme", expect=(0, 1, 2))
        call("pull", "acme", "--entity", "tags", expect=(1,))
        call("status", "acme", "--json")
        call("activity", "acme")
        call("quarantine", "acme", expect=(0, 1))
        call("db", "stop")
    for secret in (SECRET, SECRET[3:]):
        assert secret not in said
        found = [str(path) for path in home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
        assert found == []
    assert KEY not in said.replace(f"--key {KEY}", "")
    assert (home / "secret.key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["SYNC_SECRET_KEY", "SYNC_DATABASE_URL"])
def test_settings_do_not_show_their_secrets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from sync_pipeline.config import Settings

    monkeypatch.setenv(name, "postgresql://u:hunter2hunter2@h/d")
    assert "hunter2hunter2" not in repr(Settings())
