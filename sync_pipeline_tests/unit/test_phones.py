"""Phone numbers in free text: of every form in which people write them, and nothing that shops write and is none."""

from __future__ import annotations

from time import thread_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_pipeline.steps.preview.phones import phones_masked

MARK = "(masked)"


def masked(text: str, *, code: bool = False) -> str:
    return phones_masked(text, lambda _: MARK, code=code)


def digits(fewest: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("123456789", min_size=fewest, max_size=most or fewest)


def written(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(one) if isinstance(one, str) else one for one in parts)).map("".join)


SEP = st.sampled_from([" ", "-", "/", ".", " / ", " - ", " – ", "\u00a0"])
PHONES = st.one_of(
    written("0", digits(2, 4), SEP, digits(6, 8)),
    written("0", digits(3), SEP, digits(3), " ", digits(2), " ", digits(2)),
    written("0", digits(1), *(part for _ in range(4) for part in (st.just("."), digits(2)))),
    written("0", digits(1), *(part for _ in range(4) for part in (st.just(" "), digits(2)))),
    written("020 ", digits(4), " ", digits(4)),
    written("(0", digits(2, 4), ") ", digits(3), " ", digits(2), " ", digits(2)),
    written("0", digits(3), "/", digits(6), "-0"),
    written("0043", digits(11)),  # 15 digits: no barcode has as many
    written("0049 (0)", digits(2), " / ", digits(3), " ", digits(2), " ", digits(2)),
    written("00", digits(2), SEP, digits(2, 3), SEP, digits(5, 7)),
    written("+", digits(2), SEP, digits(2, 3), SEP, digits(5, 7)),
    written("+", digits(11)),
    written(digits(1).filter(lambda one: one > "1"), digits(2), "-", digits(3), "-", digits(4)),
    written("(", digits(1).filter(lambda one: one > "1"), digits(2), ") ", digits(3), "-", digits(4)),
    written("1-800-", digits(3), "-", digits(4)),
    written(st.sampled_from(["2", "5", "9"]), digits(2), ".", digits(3), ".", digits(4)),
)
BEFORE = st.sampled_from(
    ["", "ring ", "Call:", "Büro ", "<b>", "Ann,", "(", "2 pcs, ", "02.01.2026 ", "12 ", "“", "a=", "\n"]
)
AFTER = st.sampled_from(["", " now", ".", ",", "</b>", ")", " (Ann)", "; 12,50 EUR", "!", "”", "\n2026-11-28"])

_two = st.integers(1, 12).map("{:02d}".format)
_year = st.integers(1990, 2039).map(str)


def _gtin(given: str) -> str:
    total = sum(int(one) * (3, 1)[place % 2] for place, one in enumerate(reversed(given)))
    return given + str(-total % 10)


def _any_digits(fewest: int, most: int | None = None) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=fewest, max_size=most or fewest)


OTHERS = st.one_of(
    written(_two, ".", _two, ".", _year),
    written(_two, "/", _two, "/", _year),
    written(_two, ".", _two, ".", _year, "-", _two, ".", _two, ".", _year),
    written(_year, "-", _two, "-", _two, "T", _two, ":", _two, ":00+01:00"),
    written(_year, "-", _two, "-", _two, " ", _two, ":", _two, ":", _two, ".", _any_digits(6)),
    written(_two, ".00-12.30 13.30-18.00"),
    _any_digits(7).map(_gtin) | _any_digits(11).map(_gtin) | _any_digits(12).map(_gtin) | _any_digits(13).map(_gtin),
    written("978-3-16-", digits(6), "-0") | written("ISBN 0-306-", digits(5), "-2"),
    written(st.sampled_from(["SKU-", "WC-", "ABC", "AB-0"]), digits(3), "-", digits(3), "-", digits(4)),
    written("0", digits(3), "-", digits(4, 7), "-XL"),
    written("0", digits(3), "-", digits(4)),
    written("#0", digits(3), "-", digits(7)),
    written("00", digits(8)) | written("0", digits(9, 11)) | written(digits(1), _any_digits(5, 11)),
    written(digits(1), ".", digits(3), ".", digits(3), ",", _any_digits(2)),
    written(digits(1), ",", digits(3), ",", digits(3), ".", _any_digits(2)),
    written("0.", digits(7)) | written("0,", digits(7)),
    written(digits(2, 3), " x ", digits(2, 3), " x ", digits(2, 3), " mm"),
    written("v", digits(1), ".", digits(2), ".", digits(2), ".", digits(4))
    | written("10.0.", digits(5), ".", digits(4)),
    written(st.sampled_from(["010 020 030 040", "001 002 003 004"])),
    written("https://shop.example/0", digits(2), "/", digits(7)),
    written("192.168.", digits(1, 3), ".", digits(1, 2)),
    st.uuids().map(str),
    written("00", digits(6), "-1234-4123-8123-", digits(11), "a"),
    written("00", digits(10), "ab"),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    written("masked-0", digits(11)),
)


@given(before=BEFORE, phone=PHONES, after=AFTER)
@settings(max_examples=300)
@example(before="ring ", phone="030/1234567", after="")
@example(before="", phone="0170-1234567", after="")
@example(before="", phone="(030) 123 45 67", after="")
@example(before="", phone="0049301234567", after="")
@example(before="", phone="0049 (0)30 / 123 45 67", after="")
@example(before="", phone="555-123-4567", after="")
def test_a_phone_number_is_masked_and_the_text_around_it_stays(before: str, phone: str, after: str) -> None:
    assert masked(f"{before}{phone}{after}") == f"{before}{MARK}{after}"


@given(
    before=st.sampled_from(["", "order ", "size: ", "<b>", "(", "\n"]),
    other=OTHERS,
    after=st.sampled_from(["", " pcs", ".", ",", "</b>", ")"]),
)
@settings(max_examples=300)
def test_what_shops_write_and_is_none_stays(before: str, other: str, after: str) -> None:
    assert masked(text := f"{before}{other}{after}") == text


@given(first=PHONES, second=PHONES, between=st.sampled_from([", ", "; ", " or ", ",", "\n"]))
@settings(max_examples=150)
def test_of_two_numbers_both_are_masked(first: str, second: str, between: str) -> None:
    assert masked(f"{first}{between}{second}") == f"{MARK}{between}{MARK}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Tel. 1234567", f"Tel. {MARK}"),
        ("Tel.: 0301234567, Fax 0512 123456", f"Tel.: {MARK}, Fax {MARK}"),
        ('<a href="tel:0301234567">', f'<a href="tel:{MARK}">'),
        ("0171/1234567/0172/7654321", f"{MARK}/{MARK}"),
        ("0171 1234567 0172 7654321", f"{MARK} {MARK}"),
        ("0721 12345 / 0721 12346", f"{MARK} / {MARK}"),
        ("555-123-4567/555-987-6543", f"{MARK}/{MARK}"),
        ("0170 1234567 12,50 EUR", f"{MARK} 12,50 EUR"),
        ("+43 660 1234 0567", MARK),
        ("order 0049000006346", "order 0049000006346"),  # a barcode by its check digit
        ("Cell: 18650 3000 mAh", "Cell: 18650 3000 mAh"),
        ("iPhone 12 128 256", "iPhone 12 128 256"),
        ("telescope 1234567", "telescope 1234567"),
    ],
)
def test_words_before_it_and_numbers_beside_each_other(text: str, told: str) -> None:
    assert masked(text) == told


LABELS = st.sampled_from(
    (
        *("Telefon-Nr.:", "Telefonnummer:", "Tel.Nr.", "Tel.-Nr", "Tel. no.:", "TEL", "Telephone number", "Fax-Nr."),
        *("Rufnummer", "Handy", "Handynummer:", "Mobil", "Mobile", "Mobilfunk-Nr.", "Phone", "Phone #", "phone no"),
        *("téléphone :", "te\u0301le\u0301phone", "Tél. :", "Tel. n°", "teléfono", "Móvil", "Fon:"),
        *("billing_phone:", '"phone":'),
    )
)
GAPS = st.sampled_from(
    [" ", "&nbsp;", "\u00a0", "&#160;", "&#xA0;", "</b> ", "</b>: ", "</td>\n<td class='x1'>", "<br />", ":** ", ' "']
)


@given(label=LABELS, gap=GAPS, number=digits(7, 12) | written("0", digits(8, 11)) | written(digits(3), " ", digits(5)))
@settings(max_examples=300)
def test_digits_after_a_word_for_it_are_one(label: str, gap: str, number: str) -> None:
    assert masked(f"Ann, {label}{gap}{number}.") == f"Ann, {label}{gap}{MARK}."


CODES = st.sampled_from(
    (
        *("SKU", "EAN", "ISBN", "ISBN-13:", "GTIN", "ZIP", "ZIP code", "PLZ", "order", "Order no.", "no.", "Item"),
        *("item #", "art.", "Art.-Nr.", "Artikelnummer:", "Bestell-Nr.", "Order number"),
        *("<b>SKU</b>", "order_sku:", "SKU&nbsp;"),
    )
)


@given(
    word=CODES,
    code=written("0", digits(3), "-", digits(4), "-", digits(2))
    | written("0", digits(4), "-", digits(4))
    | written("0", digits(3), "/", digits(7))
    | written("00", digits(3), "-", digits(4))
    | written("555-", digits(3), "-", digits(4)),
    phone=PHONES,
)
@settings(max_examples=300)
def test_what_a_word_calls_a_code_is_none_and_a_number_behind_it_is_one(word: str, code: str, phone: str) -> None:
    assert masked(f"{word} {code}, call {phone}") == f"{word} {code}, call {MARK}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Telefon-Nr.: 12345678", f"Telefon-Nr.: {MARK}"),
        ("Telefonnummer: 12345678", f"Telefonnummer: {MARK}"),
        ("Tel.Nr. 12345678", f"Tel.Nr. {MARK}"),
        ("Rufnummer 030123456", f"Rufnummer {MARK}"),
        ("Handy 01711234567", f"Handy {MARK}"),
        ("Mobil 01711234567", f"Mobil {MARK}"),
        ("Phone 5551234567", f"Phone {MARK}"),
        ("téléphone : 0612345678", f"téléphone : {MARK}"),
        ("Tel.&nbsp;0301234567", f"Tel.&nbsp;{MARK}"),
        ("<b>Tel.</b> 0301234567", f"<b>Tel.</b> {MARK}"),
        ("+49&nbsp;30 1234567", MARK),
        ("+49\u2007171&#160;1234567", MARK),
        ("call 030&nbsp;/&nbsp;123&nbsp;45&nbsp;67.", f"call {MARK}."),
        ("call 555&nbsp;123&ndash;4567", "call 555&nbsp;123&ndash;4567"),  # two kinds of separators: none of America
        ("call (555)&nbsp;123-4567", f"call {MARK}"),
        ("<b>030</b> / 123 <i class='x12'>4567</i>", f"<b>{MARK}</i>"),
        ("Tel. <span>030</span><b>1234567</b>", f"Tel. <span>{MARK}</b>"),
        ('Tel. <a href="tel:0301234567">0301234567</a>', f'Tel. <a href="tel:{MARK}">{MARK}</a>'),
        ('Tel. <a href="tel:0301234567">2024-01-15</a>', f'Tel. <a href="tel:{MARK}">2024-01-15</a>'),
        ("<b>+43 660 1234567</b> <b>555-123-4567</b>", f"<b>{MARK}</b> <b>{MARK}</b>"),
        ("+43 660 1234567<b>0043 660 1234567</b>", f"{MARK}<b>{MARK}</b>"),
        ("phone 555-123-4567 555-987-6543", f"phone {MARK} {MARK}"),
        ("Tel. 555-123-4567 / (030) 123456", f"Tel. {MARK} / {MARK}"),
        ("Mobil 0043 660 123456789", f"Mobil {MARK}"),
        ("Order phone 5551234567", f"Order phone {MARK}"),
        ("PLZ 10115 030/1234567", f"PLZ 10115 {MARK}"),
        ("order +43 660 1234567, order 0043 660 1234567", f"order {MARK}, order {MARK}"),
        ("030 1234567 2024-01-15", f"{MARK} 2024-01-15"),
        ("Tel. 2024 01 15", f"Tel. {MARK}"),
        ("Tel. 20240115", f"Tel. {MARK}"),
        ("Tel. 12.03.45", f"Tel. {MARK}"),
        ("Telefon (privat): 1234567", f"Telefon (privat): {MARK}"),
        ("Phone 1234567 128 GB", f"Phone {MARK} 128 GB"),
    ],
)
def test_a_number_is_found_behind_a_word_in_markup_and_beside_a_date(text: str, told: str) -> None:
    assert masked(text) == told


@pytest.mark.parametrize(
    "text",
    [
        "SKU 0815-4711-22",
        "ZIP 02134-1000",
        "ISBN 978 0306 40615 7",
        "Tel. 2024-01-15",
        "Tel. 2024-01-15 10:30",
        "Phone: 2024-01-15T10:30:00",
        "Phone 2024/01/15",
        "Tel. 15.01.2024",
        "Handy 128 GB",
        "Phone 12 128 256 GB",
        "Mobile 123456",
        "Mobiles 12345678",
        "iPhone 12345678",
        "<td>0815</td><td>4711222</td>",
        "a&nbsp;0815&nbsp;b",
    ],
)
def test_codes_dates_and_sizes_behind_a_word_are_none(text: str) -> None:
    assert masked(text) == text


def test_a_code_is_a_number_only_if_it_begins_like_an_international_one() -> None:
    for code in ("0170-1234567", "555-123-4567", "Tel. 1234567", "0049301234567"):
        assert masked(code, code=True) == code
    assert masked("+43 660 1234567", code=True) == masked("0043 660 1234567", code=True) == MARK


def spent(text: str) -> float:
    """Seconds of processor time: what else the machine does counts for nothing."""
    began = thread_time()
    masked(text)
    return thread_time() - began


def test_a_long_text_takes_as_long_as_its_parts() -> None:
    plain = ("0", "01 ", "(0", "0049 ", "tel ", "tel.: ", " ", "-0170", "+1", "0170-1234567 ", "0170-1234567,")
    markup = ("tel<b>", "tel<b ", "tel<", "tel &nbsp;", "&nbsp;", "<", "<b>", "1<b ", "01<b>", "01&nbsp;", "+1<b>")
    words = ("sku ", "sku 1", "no. ", "order no", "mobil 1 ", "phone 1234567 gb ", "tel. 2024-01-15 ", "tel<a 1>1")
    for part in (*plain, *markup, *words):
        short, long = (spent(part * (length // len(part))) for length in (25_000, 200_000))
        assert long < 24 * short + 0.05, (part, short, long)  # a search that begins anew at each place takes 64 times
