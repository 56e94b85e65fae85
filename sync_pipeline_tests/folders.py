"""Folders of tests: one that holds a database, and copies of the project."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync_pipeline.config import PROJECT

_MEMORY = Path("/dev/shm")  # Linux's file system in memory
_ROOM_BYTES = 4 * 1024**3


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder in memory where there is enough of it, because cloning a database writes hundreds of small files.

    It is directly below the system's: where tests run as root, the embedded server runs as another user, and pytest
    closes the parents of its own folders to others, at any time.
    """
    roomy = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM_BYTES
    folder = Path(tempfile.mkdtemp(prefix="sync-test-", dir=_MEMORY if roomy else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def copy_project(folder: Path) -> Path:
    """A copy of the project in which a test changes something; what is compiled already need not be again."""
    passing = "*.pyc.*"  # what another process is about to rename
    ignore = shutil.ignore_patterns(".*", "bench", "*.egg-info", "sync_pipeline_tests", passing)
    return Path(shutil.copytree(PROJECT, folder, ignore=ignore))
