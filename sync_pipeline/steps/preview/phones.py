"""Phone numbers in any text, found by how people write them, of whatever country.

One begins with + or 00, or, as it is dialled inside a country, with 0, in parentheses or in the groups of North
America; then it has separators: without any it may as well be an order number or a barcode. After “Tel.” and its kind
digits are enough. Google's libphonenumber judges by the numbering plan of one country, which nobody knows here: with
another country's it misses numbers, and with all that are possible it finds barcodes, prices and dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_BLANK = "[ \t\u00a0\u2009\u202f]"
_DASH = "[\u2010-\u2013-]"
_SEP = (
    rf"(?:{_BLANK}?\({_BLANK}?|{_BLANK}?\){_BLANK}?[./-]?{_BLANK}?|{_BLANK}?(?:{_DASH}|/){_BLANK}?|\.|{_BLANK}{{1,2}})"
)
_ANY_SEP = "[ \t\u00a0\u2009\u202f()./\u2010-\u2013-]"
# Nothing else is part of it: no letter, no longer code, price, path or time.
_BEFORE = r"(?<![\w./+#$€£\u2010-\u2013-])(?<!\d[,:])"
_AFTER = rf"(?!\w|[.:]\d|,\d\d?(?!{_SEP}?\d)|{_DASH}\w)"
_GROUPS = rf"(?:{_ANY_SEP}{{1,3}}\d{{1,9}}(?!\d)){{1,7}}"
_NUMBER = re.compile(
    # Called a number: “Tel. 1234567”.
    rf"\b(?:(?:tel|fon|phone|mobile?|handy|tél){_BLANK}?[.:]{{1,2}}"
    rf"|(?:tel|telefon|telephone|telefono|téléphone|telefax|fax|whatsapp|hotline|phone{_BLANK}number)"
    rf"(?:{_BLANK}?(?:nr|no)\b)?[.:]{{0,2}}){_BLANK}{{0,3}}"
    rf"(?P<called>(?:\+{_BLANK}?)?\(?\d(?:{_ANY_SEP}{{0,3}}\d){{5,14}})(?!\d)"
    # International; digits after 00 without a separator may be a barcode.
    rf"|(?<![\w.+-])(?P<plus>\+[1-9](?:{_ANY_SEP}{{0,3}}\d){{6,14}})(?!\d)"
    rf"|(?<![\w.+-])(?P<bare>00[1-9]\d{{9,14}})(?!\w)"
    rf"|(?P<zeros>(?:(?<![\w.+-])00|{_BEFORE}00{_BLANK})[1-9]"
    rf"(?:\d{{0,2}}(?!\d){_GROUPS}|\d{{3,5}}(?!\d){_GROUPS}{_AFTER}))"
    # Inside a country.
    rf"|{_BEFORE}(?P<trunk>0[1-9]\d{{0,4}}(?!\d)(?:{_SEP}\d{{1,9}}(?!\d)){{1,6}}){_AFTER}"
    rf"|{_BEFORE}(?P<parted>\(0\d{{1,5}}\){_BLANK}?[/-]?{_BLANK}?\d{{1,9}}(?!\d)(?:{_SEP}\d{{1,9}}(?!\d)){{0,5}}){_AFTER}"
    rf"|{_BEFORE}(?P<american>(?:1[ .-])?(?:\([2-9]\d\d\){_BLANK}?|[2-9]\d\d[ .-])\d{{3}}[ .-]\d{{4}}){_AFTER}",
    re.IGNORECASE,
)
_DATE = re.compile(  # or its month and year
    r"(?:0?[1-9]|[12]\d|3[01])([./-])(?:0?[1-9]|1[0-2])\1(?:(?:19|20)\d\d(?!\d)|\d\d(?![./-]?\d))"
    r"|0[1-9][./-](?:19|20)\d\d(?!\d)"
)
_GLUED = re.compile(r"[,;/|](?=[+(\d])")  # between two numbers without a blank
_WINDOW = 80  # characters in which such a second one stands
_GROUP = re.compile(r"\d+")
_INSIDE = frozenset({"called", "bare", "trunk", "parted", "american"})
# Digits of a number.
_FEWEST = {"called": 6, "plus": 7, "zeros": 9, "trunk": 9, "parted": 6, "american": 10}
_MOST = {"called": 15, "plus": 15, "zeros": 17, "trunk": 13, "parted": 13, "american": 11}
_BARCODES = (12, 13, 14)  # digits


def phones_masked(text: str, masked: Callable[[str], str], *, code: bool = False) -> str:
    """`text` with every phone number in it replaced. `code`: it is a SKU, a barcode or an id, and no number unless it
    begins like an international one."""
    parts: list[str] = []
    done = at = 0
    while found := _NUMBER.search(text, at):
        begin, end = _span(found)
        if end == begin or (code and found.lastgroup in _INSIDE):
            at = _after_first(text, begin)  # what begins in it may be one
            continue
        while end > begin:
            parts += (text[done:begin], masked(text[begin:end]))
            done = at = end
            begin, end = _next(text, end)
    return text if not parts else "".join((*parts, text[done:]))


def _next(text: str, at: int) -> tuple[int, int]:
    """The number that follows another one without a blank; nothing, if none does."""
    glued = _GLUED.match(text, at)
    found = _NUMBER.match(text[glued.end() : glued.end() + _WINDOW]) if glued else None
    if glued is None or found is None:
        return at, at
    begin, end = _span(found)
    return glued.end() + begin, glued.end() + end


def _after_first(text: str, begin: int) -> int:
    """Where the next number may begin: after a date, or after the first digits."""
    if date := _DATE.match(text, begin):
        return date.end()
    group = _GROUP.search(text, begin)
    return group.end() if group else begin + 1


def _span(found: re.Match[str]) -> tuple[int, int]:
    """Where the number begins and ends; twice where it begins, if it is none."""
    kind, text = str(found.lastgroup), found.string
    begin, end = found.span(kind)
    if kind == "bare":
        american = text.startswith("001", begin)
        return begin, begin if _is_barcode(found[kind]) or (american and end - begin != 13) else end
    groups = list(_GROUP.finditer(text, begin, end))
    written = [one.group() for one in groups]
    if kind == "trunk" and (_DATE.match(text, begin) or _are_hours(written)):
        return begin, begin
    if kind in ("trunk", "zeros") and all(one.startswith("0") for one in written):
        return begin, begin  # sizes: 010 020 030
    digits, last = 0, begin
    for one in groups:
        size = len(one.group())
        if digits + size > _MOST[kind] or (digits >= _FEWEST["trunk"] and _begins(text, one.start())):
            break
        digits += size
        if digits >= _FEWEST[kind]:
            last = one.end()
    return begin, last


def _begins(text: str, at: int) -> bool:
    """Does the next number begin here?"""
    found = _NUMBER.match(text[at : at + _WINDOW]) if text.startswith("0", at) else None
    return found is not None and found.lastgroup == "trunk" and _span(found)[1] > 0


def _are_hours(groups: list[str]) -> bool:
    """08.00 - 12.30"""
    minutes = ("00", "15", "30", "45")
    return len(groups) % 2 == 0 and all(len(one) == 2 for one in groups) and all(m in minutes for m in groups[1::2])


def _is_barcode(digits: str) -> bool:
    """Has it the length and the check digit of a GTIN?"""
    *rest, check = map(int, digits)
    weighed = sum(one * (3, 1)[place % 2] for place, one in enumerate(reversed(rest)))
    return len(digits) in _BARCODES and (weighed + check) % 10 == 0
