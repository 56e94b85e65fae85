"""Included by Celery's workers (`-i sync_pipeline.defs.celery_worker`): one that has no database takes no runs.

It would take one after the other, and each would fail, while the other machines could do them. The run it has fails.
When the database answers again it goes on by itself.
"""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from typing import Any

from celery import Celery
from celery.signals import worker_ready
from dagster_celery.defaults import task_default_queue
from sqlalchemy import make_url

_LOOK_SECONDS = 3.0
_ANSWER_SECONDS = 5.0
_DO_YOU_SPEAK_TLS = struct.pack("!ii", 8, 80877103)  # the first thing a client may ask; PostgreSQL answers S or N


def begin(sender: Any, **_: Any) -> None:
    """Celery calls it in the worker's main process, whose children do the runs."""
    threading.Thread(target=_watch, args=(sender.app, sender.hostname), name="database", daemon=True).start()


def _watch(app: Celery, worker: str) -> None:
    takes = True
    while True:
        time.sleep(_LOOK_SECONDS)
        answers = database_answers(os.environ["DAGSTER_DATABASE_URL"])
        if answers != takes:
            change = app.control.add_consumer if answers else app.control.cancel_consumer
            change(task_default_queue, destination=[worker])
            takes = answers


def database_answers(url: str) -> bool:
    """True if a PostgreSQL answers there. By a bare socket: the process is forked at any time, while this looks too."""
    address = make_url(url)
    if not address.host:
        return True  # a socket of this machine
    try:
        with socket.create_connection((address.host, address.port or 5432), timeout=_ANSWER_SECONDS) as asked:
            asked.sendall(_DO_YOU_SPEAK_TLS)
            return asked.recv(1) in (b"S", b"N")
    except OSError:
        return False


worker_ready.connect(begin)
