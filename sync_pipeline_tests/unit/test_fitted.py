"""Texts that are compared are cut so that those which fold alike stay alike, and no others."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from sync_pipeline.entities.values import BEGINNING, LONGEST_KEY, fitted, fold

_LETTERS = st.sampled_from("aAbB\u00df\u1e9e\u0130\u0390\u03a3\u03c2 -")


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Texts around the lengths at which something changes."""
    length = draw(st.sampled_from([1, 160, 170, BEGINNING, LONGEST_KEY - 1, LONGEST_KEY, LONGEST_KEY + 1, 700]))
    unit = draw(st.text(_LETTERS, min_size=1, max_size=6))
    return (unit * length)[: length - 1] + draw(_LETTERS)


@given(text=texts(), other=texts())
@example(text="\u00df" * 400, other="ss" * 400)
def test_texts_that_fold_alike_stay_alike(text: str, other: str) -> None:
    for one in (text.upper(), text.swapcase(), f" {text}\u00a0", text.casefold(), other):
        assert (fold(fitted(one)) == fold(fitted(text))) == (fold(one) == fold(text))
    assert len(fold(fitted(text))) <= LONGEST_KEY
    assert fitted(text) == text or len(fold(text)) > LONGEST_KEY
