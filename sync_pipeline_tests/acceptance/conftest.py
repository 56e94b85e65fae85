"""Folders for the data of commands that start a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline_tests.folders import data_folder


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A test's folder."""
    with data_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """A module's folder."""
    with data_folder() as folder:
        yield folder
