"""Folders for the data of commands that start a database of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder directly below the system's. Where tests run as root, the embedded server runs as another user, and
    pytest closes the parents of its own folders to others, at any time.
    """
    folder = Path(tempfile.mkdtemp(prefix="sync-acceptance-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A test's folder."""
    with own_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """A module's folder."""
    with own_folder() as folder:
        yield folder
