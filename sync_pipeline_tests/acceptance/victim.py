"""A process that does one step of the flow for one organization, and may be killed at any moment.

`python victim.py STEP ORG [PLAN]`: prints “working” when it begins, exits 0 when the step is done.
"""

import sys

from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.errors import SyncError
from sync_pipeline.steps import capture, connect, preview, promote


def main(step: str, slug: str, plan: str = "") -> int:
    settings = Settings()
    db = open_database(settings)
    org = connect.organization(db, slug)
    print("working", flush=True)
    done = True
    for connection in connect.connections(db, org):
        streams = connection.source.streams.values()
        if step == "pull":
            with capture.session(db, settings, connection) as session:
                for stream in streams:
                    done &= session.pull(stream, full=True).closed
        elif step == "preview":
            for stream in streams:
                preview.recompute(db, connection, stream)
    if step == "apply":
        done = promote.apply(db, org.org_id, plan, actor="victim").failed == 0
    return 0 if done else 1


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except SyncError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
