"""One of several processes that work on the same records: rusher.py STEP ORG SECONDS SEED. It ends with a count."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable

from sync_pipeline.config import Settings
from sync_pipeline.db.open import open_database
from sync_pipeline.errors import SyncError
from sync_pipeline.steps import capture, connect, preview, promote, select

STREAMS = ("categories", "customers", "products", "variations", "orders", "refunds")


def main(step: str, slug: str, seconds: float, seed: int) -> int:
    """Repeat the step until the time is over; what other processes make impossible is said and passed over."""
    draw = random.Random(seed)
    settings = Settings()
    db = open_database(settings)
    org = connect.organization(db, slug)
    (store,) = connect.connections(db, org)

    def stream() -> object:
        return store.source.stream(draw.choice(STREAMS))

    def pull() -> None:
        with capture.session(db, settings, store) as session:
            session.pull(stream(), full=draw.random() < 0.3)  # type: ignore[arg-type]

    def look() -> None:
        preview.recompute(db, store, stream())  # type: ignore[arg-type]

    def choose() -> None:
        one = store.source.stream(draw.choice(STREAMS))
        rows = preview.table(db, store, one, status=draw.choice(("new", "updated", "deleted")), page_size=20).data
        if rows:
            ids = draw.sample([row["external_id"] for row in rows], draw.randint(1, len(rows)))
            select.select(db, store, one, ids=ids, include=draw.random() < 0.9, actor=f"chooser {seed}", replace=True)

    def plan() -> None:
        select.make_plan(db, org, actor="planner", origin=draw.choice(("command", "selection")))

    def apply() -> None:
        made = select.plans(db, org, page_size=20)[0]
        open_ = [one for one in made if one.state in ("proposed", "approved")]
        if open_:
            promote.apply(db, org.org_id, draw.choice(open_).plan_id, actor="applier")

    def undo() -> None:
        made = select.plans(db, org, state="applied", page_size=5)[0]
        if made and draw.random() < 0.3:
            promote.undo(db, org.org_id, draw.choice(made).plan_id, actor="undoer")
        time.sleep(0.2)

    steps: dict[str, Callable[[], None]] = {
        "pull": pull, "preview": look, "select": choose, "plan": plan, "apply": apply, "undo": undo
    }  # fmt: skip
    deadline = time.monotonic() + seconds
    done = refused = 0
    while time.monotonic() < deadline:
        try:
            steps[step]()
            done += 1
        except SyncError as error:  # stale, a conflict with another process, a plan that was undone meanwhile
            refused += 1
            print(f"{step}: {type(error).__name__}: {error}", file=sys.stderr)
    print(f"{step} {done} {refused}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
