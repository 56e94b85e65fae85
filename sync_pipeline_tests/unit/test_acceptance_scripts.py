"""The acceptance scripts say only what somebody carries out."""

from __future__ import annotations

import re

import pytest

from sync_pipeline_tests.acceptance_scripts import FOLDER, GRAMMAR, names, parse, script

HEAD = "# X\n\n- A need.\n\nSteps:\n\n"


@pytest.mark.parametrize("name", names())
def test_every_script_is_of_the_grammar(name: str) -> None:
    found = script(name)
    assert len(found.steps) >= 5
    assert found.steps[0].does == "log_in"
    text = (FOLDER / "README.md").read_text("utf-8")
    assert f"[{name}]({name}.md)" in text
    assert all(f"- {need}" in text for need in found.needs)


def test_every_word_of_the_grammar_is_used_and_described() -> None:
    used = {step.does for name in names() for step in script(name).steps}
    assert used == set(GRAMMAR)
    text = (
        (FOLDER / "README.md").read_text("utf-8").partition("## The words of a step")[2].partition("What a script")[0]
    )
    said = [one.strip() for line in re.findall(r"^- (.*)$", text, re.MULTILINE) for one in re.findall(r"[^.]+\.", line)]
    described = {parse("x", f"{HEAD}1. {one.replace('“…”', '“a”')}\n").steps[0].does for one in said}
    assert described == set(GRAMMAR)


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        ("1. Click the button.\n", "not in the grammar"),
        ("1. Click “a”.\n3. Click “b”.\n", "not step 2"),
        ("Click “a”.\n", "not step 1"),
        ("", "neither"),
    ],
)
def test_what_nobody_could_carry_out_is_refused(steps: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse("x", HEAD + steps)


def test_another_text_is_another_hash() -> None:
    one, other = parse("x", f"{HEAD}1. Click “a”.\n"), parse("x", f"{HEAD}1. Click “b”.\n")
    assert one.hash != other.hash
