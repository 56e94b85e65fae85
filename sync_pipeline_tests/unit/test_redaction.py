"""No spelling of a secret passes, and nothing else of a text changes."""

from __future__ import annotations

import time

import pytest

from sync_pipeline import redaction
from sync_pipeline.redaction import conceal, redact, redact_bytes, redact_known
from sync_pipeline_tests.hostile_spellings import spellings

PLAIN, ODD, LONG = "correct-horse", 'ein "Schlüssel" & <mehr>/100% + 7', "x9" * 40
PAIR = ("ck_0123456789abcdef", "cs_fedcba9876543210")


@pytest.fixture(autouse=True)
def _known() -> None:
    conceal(PLAIN, ODD, LONG, *PAIR)


@pytest.mark.parametrize("secret", [(PLAIN,), (ODD,), (LONG,), PAIR, ("user", PLAIN), ("any user at all", ODD)])
@pytest.mark.parametrize("around", ["{}", "before {} after", '{{"id": 1, "echo": "{}"}}', "<pre>GET /?x={}&y=1</pre>"])
def test_a_known_secret_is_struck_out_in_every_spelling(secret: tuple[str, ...], around: str) -> None:
    for number, spelled in enumerate(spellings(*secret)):
        struck = redact_known(around.format(spelled))
        before, _, after = around.format("\0").partition("\0")
        assert struck.startswith(before), spelled
        assert struck.endswith(after), spelled
        kept = struck[len(before) : len(struck) - len(after)]
        if number < 4 or len(secret) == 1:
            assert kept == "***", spelled
        else:  # of a login the user's name and the colon may be left
            assert "***" in kept
            assert len(kept.replace("***", "")) <= len(spelled) * (1 if secret == PAIR else len(secret[0]) + 1) / 2
            assert not any(one in kept for one in spellings(secret[-1]))


def test_nothing_else_changes() -> None:
    for text in ("100 % of it &amp; more \\u00e4 %C3%A4 &#228; \\/ c:\\new", "", "&", "%", "\\", "İstanbul &nbsp; %zz"):
        assert redact(text) == text
    raw = b'\xff\xfe not UTF-8, \\ud800 &copy; "' + bytes(range(256))
    assert redact_bytes(raw) == raw
    assert redact_bytes(raw + b" correct-horse " + raw) == raw + b" *** " + raw


def test_a_large_answer_is_searched_whole_and_soon() -> None:
    filler = '\\"&amp;%20' * 10_000
    text = f"{filler}{PLAIN}{filler}{PLAIN.upper()}" * 5
    began = time.monotonic()
    struck = redact(text)
    assert time.monotonic() - began < 20
    assert struck.count("***") == 10
    assert PLAIN not in struck.lower()
    edge = "." * (redaction._AT_ONCE - 5) + PLAIN + "." * 100
    assert redact(edge) == edge.replace(PLAIN, "***")


@pytest.mark.parametrize(
    "text",
    [
        "consumer_key%3Dck_zzzzzzzzzz",
        "Authorization: BASIC enp6enp6enp6eno=",
        "Basic%20enp6enp6enp6eno%3D",
        "&quot;CS_ZZZZZZZZZZ&quot;",
        "https%3A%2F%2Fuser%3Azzzzzz%40host",
    ],
)
def test_what_looks_like_a_credential_is_struck_out_in_other_spellings_too(text: str) -> None:
    struck = redact(text)
    assert "***" in struck
    assert "zzzz" not in struck.lower()
    assert "enp6" not in struck


def test_striking_out_twice_changes_nothing() -> None:
    once = redact(f"password={PLAIN}&x=1 {PAIR[0]} Basic {'ab' * 10} http://u:{LONG}@h/")
    assert redact(once) == once
