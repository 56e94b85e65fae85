"""capture: pull every record, lose none, keep every version.

A record passes, in this order:

    run/     session: which lists to read → ledger (open)
    read/    walk, windows → isolate (find the record that fails) → coverage: the proof that nothing is missing
    write/   pages (one transaction a page) → records → record (hashes), pii, currency
    run/     deletion → ledger (close)

`budget` limits the requests to a store.
"""

from sync_pipeline.steps.capture.run.context import PullReport
from sync_pipeline.steps.capture.run.session import CaptureSession, session
from sync_pipeline.steps.capture.write.records import Progress
