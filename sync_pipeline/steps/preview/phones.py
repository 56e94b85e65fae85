"""Phone numbers in any text, found by how people write them, of whatever country.

One begins with + or 00, or, as it is dialled inside a country, with 0, in parentheses or in the groups of North
America; then it has separators: without any it may as well be an order number or a barcode. After “Tel.” and its kind
digits are enough; right after “SKU” and its kind they are none. Google's libphonenumber judges by the numbering plan of
one country, which nobody knows here: with another country's it misses numbers, and with all that are possible it finds
barcodes, prices and dimensions.
"""

from __future__ import annotations

import re
from collections.abc import Callable

# Markup counts as what it looks like. What repeats has a limit, so that a search takes linear time.
_SPACE = "[ \t\u00a0\u2000-\u200a\u202f\u2060]"
_NBSP = "&(?:nbsp|ensp|emsp|thinsp|#160|#xa0|#8239|#x202f|#8201|#x2009);"
_TAG = "<[^<>]{0,200}+>"
_INLINE = r"</?(?:a|b|strong|i|em|u|small|big|font|span|nobr|wbr)\b[^<>]{0,200}+>"
_BLANK = f"(?:{_SPACE}|{_NBSP})"
_DASH = "[\u2010-\u2013-]"
_SEP = (
    rf"(?:(?:{_INLINE})?(?:{_BLANK}?\({_BLANK}?|{_BLANK}?\){_BLANK}?[./-]?{_BLANK}?|{_BLANK}?(?:{_DASH}|/){_BLANK}?|\."
    rf"|{_BLANK}{{1,2}})(?:{_INLINE})?)"
)
_ANY_SEP = rf"(?:[()./\u2010-\u2013-]|{_BLANK}|{_INLINE})"
# Nothing else is part of it: no letter, no longer code, price, path or time.
_BEFORE = r"(?<![\w./+#$€£\u2010-\u2013-])(?<!\d[,:])"
_AFTER = rf"(?!\w|[.:]\d|,\d\d?(?!{_SEP}?\d)|{_DASH}\w)"
_GROUPS = rf"(?:{_ANY_SEP}{{1,3}}\d{{1,9}}(?!\d)){{1,7}}"
# Words before digits, what makes a number of them (“Tel.-Nr.”), and what stands between.
_WORD = r"(?<![^\W_])"
_NR = rf"(?:{_BLANK}|[.-]){{0,3}}(?:nr|nummer|no|number|n[°º]|\#)"
_GAP = rf"(?:\s|{_BLANK}|{_TAG}|[.:*_\"']|\([^\W\d_]{{1,20}}+\))"  # “Tel. (privat): ”
_E = "(?:é|e\u0301?)"
_CALLED = rf"(?:t{_E}l|tlf|t{_E}l{_E}phone|telefoo?n|tel{_E}fono|telefax|fax|whatsapp|hotline)"
_ALSO_CALLED = r"(?:fon|phone|mobil(?:e|funk|telefon)?|m[oó]vil|handy|festnetz|ruf(?:nummer|nr))"  # and products
_UNIT = rf"(?!{_BLANK}?(?:[kmgt]b|mah|mm|cm|px|g|kg|eur|usd|€|pcs|stk)\b)"
_CODED = (
    rf"(?:skus?|mpn|upc|(?:ean|gtin|isbn)(?:-?1[0-4]|-?8)?|zip(?:{_BLANK}?code)?|plz|postcode|(?:order|item)(?:{_NR})?"
    rf"|(?:art|article|artikel|best|bestell|auftrags?|rechnungs?|invoice|kunden|customer|product|produkt|part|teile|model"
    rf"|modell|serial|serien){_NR}|(?:art|no)\.)"
)
_NUMBER = re.compile(
    # Called a number: “Tel. 1234567”.
    rf"{_WORD}(?:{_CALLED}(?:{_NR})?{_GAP}{{0,10}}+|{_ALSO_CALLED}(?:{_NR}|{_BLANK}?[.:]){_GAP}{{0,10}}+)"
    rf"(?P<called>(?:\+{_BLANK}?)?\(?(?:00{_BLANK}?)?\d(?:{_ANY_SEP}{{0,3}}\d){{5,14}})(?!\d)"
    rf"|{_WORD}{_ALSO_CALLED}{_GAP}{{1,10}}+(?P<long>\(?(?:00{_BLANK}?)?\d(?:{_ANY_SEP}{{0,3}}\d){{6,14}})(?!\d){_UNIT}"
    # Called a code; one like 0043 660 … is a number all the same.
    rf"|{_WORD}{_CODED}{_GAP}{{0,10}}+(?!00[1-9]\d{{0,2}}{_BLANK})(?P<code>(?:97[89]{_BLANK})?\d++)"
    # International; digits after 00 without a separator may be a barcode.
    rf"|(?<![\w.+-])(?P<plus>\+[1-9](?:{_ANY_SEP}{{0,3}}\d){{6,14}})(?!\d)"
    rf"|(?<![\w.+-])(?P<bare>00[1-9]\d{{9,14}})(?!\w)"
    rf"|(?P<zeros>(?:(?<![\w.+-])00|{_BEFORE}00{_BLANK})[1-9]"
    rf"(?:\d{{0,2}}(?!\d){_GROUPS}|\d{{3,5}}(?!\d){_GROUPS}{_AFTER}))"
    # Inside a country.
    rf"|{_BEFORE}(?P<trunk>0[1-9]\d{{0,4}}(?!\d)(?:{_SEP}\d{{1,9}}(?!\d)){{1,6}}){_AFTER}"
    rf"|{_BEFORE}(?P<parted>\(0\d{{1,5}}\){_BLANK}?[/-]?{_BLANK}?\d{{1,9}}(?!\d)(?:{_SEP}\d{{1,9}}(?!\d)){{0,5}}){_AFTER}"
    rf"|{_BEFORE}(?P<american>(?:1(?:{_BLANK}|[.-]))?(?:\([2-9]\d\d\){_BLANK}?|[2-9]\d\d(?:{_BLANK}|[.-]))"
    rf"\d{{3}}(?:{_BLANK}|[.-])\d{{4}}){_AFTER}",
    re.IGNORECASE,
)
_DATE = re.compile(  # or its month and year
    r"(?:0?[1-9]|[12]\d|3[01])([./-])(?:0?[1-9]|1[0-2])\1(?:(?:19|20)\d\d(?!\d)|\d\d(?![./-]?\d))"
    r"|0[1-9][./-](?:19|20)\d\d(?!\d)"
)
_WHOLE_DATE = re.compile(  # with the year in four digits
    r"(?:(?:19|20)\d\d([./-])(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])([./-])(?:0?[1-9]|1[0-2])\2(?:19|20)\d\d)(?![./-]?\d)"
)
_GLUED = re.compile(r"[,;/|](?=[+(\d])")  # between two numbers without a blank
_WINDOW = 80  # characters in which such a second one stands
_GROUP = re.compile(rf"{_TAG}|{_NBSP}|(?P<digits>\d+)", re.IGNORECASE)
_INSIDE = frozenset({"called", "long", "bare", "trunk", "parted", "american"})
# Digits of a number.
_FEWEST = {"called": 6, "long": 7, "plus": 7, "zeros": 9, "trunk": 9, "parted": 6, "american": 10}
_MOST = {"called": 17, "long": 17, "plus": 15, "zeros": 17, "trunk": 13, "parted": 13, "american": 11}
_BARCODES = (12, 13, 14)  # digits


def phones_masked(text: str, masked: Callable[[str], str], *, code: bool = False) -> str:
    """`text` with every phone number in it replaced. `code`: it is a SKU, a barcode or an id, and no number unless it
    begins like an international one."""
    parts: list[str] = []
    done = at = 0
    while found := _NUMBER.search(text, at):
        begin, end = _span(found)
        if "<" in text[found.start() : begin]:  # a tag may have one: <a href="tel:…">
            parts += (text[done : found.start()], phones_masked(text[found.start() : begin], masked, code=code))
            done = begin
        if end == begin or (code and found.lastgroup in _INSIDE):
            # What begins in it may be one.
            at = found.end() if found.lastgroup == "code" else _after_first(text, begin)
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
    if date := _WHOLE_DATE.match(text, begin) or _DATE.match(text, begin):
        return date.end()
    group = _GROUP.search(text, begin)
    return group.end() if group else begin + 1


def _span(found: re.Match[str]) -> tuple[int, int]:
    """Where the number begins and ends; twice where it begins, if it is none."""
    kind, text = str(found.lastgroup), found.string
    begin, end = found.span(kind)
    if kind == "code" or (kind in ("called", "long") and _WHOLE_DATE.match(text, begin)):
        return begin, begin
    if kind == "bare":
        american = text.startswith("001", begin)
        return begin, begin if _is_barcode(found[kind]) or (american and end - begin != 13) else end
    groups = [one for one in _GROUP.finditer(text, begin, end) if one["digits"]]
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
        if digits >= _FEWEST[kind] and _WHOLE_DATE.match(text, one.start()):
            break
        digits += size
        if digits >= _FEWEST[kind]:
            last = one.end()
    return begin, last


def _begins(text: str, at: int) -> bool:
    """Does the next number begin here?"""
    found = _NUMBER.match(text[at : at + _WINDOW])
    return found is not None and found.lastgroup in ("trunk", "zeros", "american") and _span(found)[1] > 0


def _are_hours(groups: list[str]) -> bool:
    """08.00 - 12.30"""
    minutes = ("00", "15", "30", "45")
    return len(groups) % 2 == 0 and all(len(one) == 2 for one in groups) and all(m in minutes for m in groups[1::2])


def _is_barcode(digits: str) -> bool:
    """Has it the length and the check digit of a GTIN?"""
    *rest, check = map(int, digits)
    weighed = sum(one * (3, 1)[place % 2] for place, one in enumerate(reversed(rest)))
    return len(digits) in _BARCODES and (weighed + check) % 10 == 0
