"""E-mail addresses become hashes wherever they stand, and nothing else changes."""

from __future__ import annotations

import hashlib
import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.steps.capture.write.pii import email_hash, hash_emails, hash_text


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("ann@example.com", sha("ann@example.com")),
        ("mail Ann@Example.COM.", f"mail {sha('ann@example.com')}."),
        ("a@b.co,c@d.co;e@f.co", f"{sha('a@b.co')},{sha('c@d.co')};{sha('e@f.co')}"),
        ("<ann@example.com>", f"<{sha('ann@example.com')}>"),
        ("mailto:ann@example.com?subject=x", f"mailto:{sha('ann@example.com')}?subject=x"),
        ("/?email=a%40b.co&x=1", f"{sha('/?email=a@b.co')}&x=1"),
        ("a&#64;b.co a&#x40;b.co a&commat;b.co", " ".join([sha("a@b.co")] * 3)),
        ("jürgen@bücher.example", sha("jürgen@bücher.example")),
        ("用户@例子.公司", sha("用户@例子.公司")),
        ("first.last+tag@sub.example.co.uk", sha("first.last+tag@sub.example.co.uk")),
        ('"odd one"@example.com', sha('"odd one"@example.com')),
        ("&quot;odd one&quot;@example.com", sha('"odd one"@example.com')),
        ("u=%22odd%20one%22%40b.co", "u=" + sha('"odd one"@b.co')),
        ("to ann%2Bx%40b.co, ann%252Bx%2540b.co", f"to {sha('ann+x@b.co')}, {sha('ann+x@b.co')}"),
        ("o&#39;hara&#43;x&#64;b.co o&amp;#39;hara+x&amp;#64;b.co", " ".join([sha("o'hara+x@b.co")] * 2)),
        (
            r'{"to":"ann\u0040b.co"} {\"to\":\"ann\\u0040b.co\"}',
            rf'{{"to":"{sha("ann@b.co")}"}} {{\"to\":\"{sha("ann@b.co")}\"}}',
        ),
        ("hi%20ann%40b.co", f"hi%20{sha('ann@b.co')}"),
        ("50%off@b.co", sha("50%off@b.co")),
        ("a@[IPv6:2001:db8::1]", sha("a@[ipv6:2001:db8::1]")),
        ("root@localhost", sha("root@localhost")),
        ("a@[127.0.0.1]", sha("a@[127.0.0.1]")),
        ("3 @ 4.50", "3 @ 4.50"),
        ("no address", "no address"),
    ],
)
def test_addresses_in_a_text(text: str, hashed: str) -> None:
    assert hash_text(text) == hashed


def test_the_hash_is_of_the_trimmed_lower_case_address() -> None:
    assert email_hash("  Ann@Example.COM\n") == sha("ann@example.com")


def test_a_payload_keeps_everything_else_to_the_letter() -> None:
    raw = b'{ "n": 1.10, "big": 123456789012345678901234567890.5, "e": 1E2,\n "t": "caf\\u00e9 \\ud800", "email":" A@B.co ", "z": "\\u0000"}'  # fmt: skip # noqa: E501
    assert hash_emails(raw) == raw.replace(b'" A@B.co "', f'"{sha("a@b.co")}"'.encode())
    assert hash_emails(b'{"sku": "E-MAIL-1"}') == b'{"sku": "E-MAIL-1"}'


def test_the_field_of_an_address_is_hashed_whatever_it_holds() -> None:
    raw = json.dumps({"email": "not an address", "billing_email": "x", "customer_email": "", "send_email": "yes"})
    assert json.loads(hash_emails(raw.encode())) == {
        "email": sha("not an address"),
        "billing_email": sha("x"),
        "customer_email": "",
        "send_email": "yes",
    }


def test_an_escaped_address_does_not_pass() -> None:
    assert (
        hash_emails(b'{"note": "j\\u00fcrgen\\u0040b.co", "a\\u0040b.co": 1}')
        == json.dumps({"note": sha("jürgen@b.co"), sha("a@b.co"): 1}).encode()
    )


_address = st.from_regex(r"[a-z][a-z0-9.+_-]{0,20}@[a-z0-9]{1,10}\.[a-z]{2,5}", fullmatch=True)
_text = st.one_of(
    st.text(max_size=20), _address, st.builds(lambda a, b, c: f"{a} {b} {c}", st.text(), _address, st.text())
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _text),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_text, inner, max_size=4)),
    max_leaves=12,
)


@given(_json, _address)
def test_no_address_survives_and_hashing_twice_changes_nothing(value: Any, address: str) -> None:
    raw = json.dumps({"email": address, "rest": [value, f"x {address} y"]}).encode()
    once = hash_emails(raw)
    assert address.encode() not in once
    assert hash_emails(once) == once
    assert json.loads(once, parse_float=Decimal)["email"] == sha(address)


def test_a_long_text_without_a_blank_is_quick() -> None:
    began = time.monotonic()
    hash_text("x" * 2_000_000 + "@" + "y" * 2_000_000 + "@" * 100_000)
    hash_emails(b'{"image": "' + b"A" * 2_000_000 + b'", "m": "a@b.co"}')
    assert time.monotonic() - began < 20  # not a measurement: searching from each letter took minutes
