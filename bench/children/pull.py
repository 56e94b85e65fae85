"""Contestant: a pull of one connection's products, as the command line and the assets do it."""

import argparse
import os
from typing import Any

from bench.children.measure import tell
from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.sources.woocommerce.client import WooClient  # noqa: F401 - imported late; not what is measured
from sync_pipeline.steps import capture, connect


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("org")
    arguments.add_argument("--full", action="store_true")
    arguments.add_argument("--no-sweep", action="store_true")
    arguments.add_argument("--profile", help="write cProfile's statistics here; it slows the pull down")
    asked = arguments.parse_args()
    settings = Settings()
    db = open_database(settings)
    connection = connect.connections(db, connect.organization(db, asked.org))[0]
    stream = connection.source.stream("products")

    def pull() -> dict[str, Any]:
        with capture.session(db, settings, connection, actor="bench") as session:
            report = session.pull(stream, full=asked.full, do_sweep=False if asked.no_sweep else None)
        assert report.ok, report
        return {"captured": report.captured, "requests": report.requests, "bytes": report.bytes, "mode": report.mode}

    if asked.profile:
        import cProfile

        with cProfile.Profile() as profile:
            tell(pull)
        profile.dump_stats(asked.profile)
    else:
        tell(pull)
    db.close()


if __name__ == "__main__":
    os.environ.setdefault("SYNC_ALLOW_PRIVATE_HOSTS", "1")
    main()
