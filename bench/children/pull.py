"""Contestant: a pull (or a preview) of one connection's streams, as the command line and the assets run it."""

import argparse
import os
from typing import Any

from bench.children.measure import report
from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.sources.odoo.client import OdooClient  # noqa: F401 - imported late; not what is measured
from sync_pipeline.sources.woocommerce.client import WooClient  # noqa: F401 - the same
from sync_pipeline.steps import capture, connect, preview


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("org")
    arguments.add_argument("--entities", default="products", help="names, separated by commas")
    arguments.add_argument("--full", action="store_true")
    arguments.add_argument("--preview", action="store_true", help="compare instead of pulling")
    arguments.add_argument("--no-sweep", action="store_true")
    arguments.add_argument("--profile", help="write cProfile's statistics here; it slows the pull down")
    asked = arguments.parse_args()
    settings = Settings()
    db = open_database(settings)
    connection = connect.connections(db, connect.organization(db, asked.org))[0]
    streams = [connection.source.stream(name) for name in asked.entities.split(",")]

    def pull() -> dict[str, Any]:
        sweep = False if asked.no_sweep else None
        with capture.session(db, settings, connection, actor="bench") as session:
            reports = [session.pull(stream, full=asked.full, do_sweep=sweep) for stream in streams]
        assert all(report.ok for report in reports), reports
        return {
            "captured": sum(report.captured for report in reports),
            "requests": sum(report.requests for report in reports),
            "bytes": sum(report.bytes for report in reports),
            "mode": reports[0].mode,
        }

    def compare() -> dict[str, Any]:
        return {"new": sum(preview.recompute(db, connection, stream).new for stream in streams)}

    work = compare if asked.preview else pull
    if asked.profile:
        import cProfile

        with cProfile.Profile() as profile:
            report(work)
        profile.dump_stats(asked.profile)
    else:
        report(work)
    db.close()


if __name__ == "__main__":
    os.environ.setdefault("SYNC_ALLOW_PRIVATE_HOSTS", "1")
    main()
