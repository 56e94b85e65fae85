"""A new stream is one file: nothing else is edited, and it is captured, previewed and has its assets."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from sandbox.woocommerce import Store, running, seed
from sync_pipeline_tests.folders import copy_project

STREAM = '''
"""Tags, under another name."""

from sync_pipeline.sources.base import Stream

STREAM = Stream(
    name="labels",
    entity_type="label",
    title="Labels",
    path="wc/v3/products/tags",
    noise=("count",),
)
'''
SCRIPT = """
import sys
from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.steps import capture, connect, preview

settings = Settings()
db = open_database(settings)
org = connect.add_organization(db, "new")
made = connect.add_connection(db, settings, org, "woocommerce", "shop", dict(store_url=sys.argv[1],
    consumer_key=sys.argv[2], consumer_secret=sys.argv[3]), actor="test")
stream = made.source.stream("labels")
with capture.session(db, settings, made) as session:
    report = session.pull(stream, full=True)
print(report.state, report.captured, preview.recompute(db, made, stream).new)
from sync_pipeline.definitions import defs
loaded = defs() if callable(defs) else defs
keys = {key.to_user_string() for key in loaded.resolve_asset_graph().get_all_asset_keys()}
print(sorted(key for key in keys if key.endswith("labels")))
"""


def test_one_file_is_enough(tmp_path: Path, home: Path) -> None:
    project = copy_project(tmp_path / "project")
    added = project / "sync_pipeline" / "sources" / "woocommerce" / "streams" / "labels.py"
    added.write_text(textwrap.dedent(STREAM))
    store = Store()
    seed(store, products=10, variable=1, customers=5, orders=5)
    env = {
        **os.environ,
        "PYTHONPATH": str(project),
        "SYNC_HOME": str(home),
        "SYNC_ALLOW_PRIVATE_HOSTS": "1",
    }
    with running(store) as server:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, server.url, server.key, server.secret],
            env=env,
            cwd=project,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.strip().splitlines()[-2:]
    tags = len(store.ids("tags"))
    assert first == f"closed {tags} {tags}"
    assert second == "['preview/woocommerce/labels', 'raw/woocommerce/labels', 'selected/woocommerce/labels']"
