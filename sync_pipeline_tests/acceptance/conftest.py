"""Folders for the data of commands that start a database of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline_tests.folders import data_folder
from sync_pipeline_tests.homes import copy_home


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


@pytest.fixture
def home(tmp_path: Path, prepared_home: Path) -> Path:
    """A test's data folder, with a migrated database in it."""
    copy_home(prepared_home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture(scope="module")
def module_home(module_folder: Path, prepared_home: Path) -> Path:
    """A module's data folder, with a migrated database in it."""
    copy_home(prepared_home, module_folder / "home")
    return module_folder / "home"
