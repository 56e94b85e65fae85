"""Child processes of a command: one that it cannot be without ends it, of the others it tells."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline.cli.children import Child, ChildDied, check_children, family
from sync_pipeline_tests.waiting import wait_until

SLEEPS = (sys.executable, "-S", "-c", "import time; time.sleep(600)")
ENDS = (sys.executable, "-S", "-c", "print('bye')")


@pytest.fixture
def children() -> Iterator[list[Child]]:
    with family() as made:
        yield made


def test_the_command_goes_on_without_a_store_and_says_so_once(
    children: list[Child], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = Child("api", SLEEPS, log=tmp_path / "api.log")
    store = Child("The store “shop” of acme", SLEEPS, log=tmp_path / "store.log", without="The demo goes on.")
    children += [needed, store]
    check_children(children)
    assert capsys.readouterr().err == ""
    store.process.kill()
    wait_until(lambda: store.ended, "the store is gone")
    check_children(children)
    check_children(children)
    assert capsys.readouterr().err == "The store “shop” of acme has ended (code -9). The demo goes on.\n"
    assert not needed.ended


def test_a_process_that_is_needed_ends_the_command(children: list[Child], tmp_path: Path) -> None:
    needed = Child("api", ENDS, log=tmp_path / "api.log")
    children.append(needed)
    wait_until(lambda: needed.ended, "it has ended")
    with pytest.raises(ChildDied, match="api exited with code 0"):
        check_children(children)


def test_all_of_them_end_with_the_command(tmp_path: Path) -> None:
    with family() as made:
        made.append(Child("store", ENDS, log=tmp_path / "store.log", without="It goes on."))
        made.append(Child("api", SLEEPS, log=tmp_path / "api.log"))
        wait_until(lambda: made[0].ended, "the store is gone")
    assert all(child.ended for child in made)
