"""Takes secrets out of text, however they are spelled there; and shows what in a text cannot be seen.

A store may repeat what it was sent, in an error, an address or a page: as it was, in base64, percent-encoded, with
HTML entities or JSON escapes, in upper case, or several of these at once. So a text is searched as it stands and as it
reads when its escapes are undone; what is found is struck out where it stands.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from html import unescape

_PATTERNS = (
    re.compile(
        r"(?:consumer_key|consumer_secret|oauth_[a-z_]+|password|api_key|token|secret)=(?P<secret>[^&\s\"']+)",
        re.IGNORECASE,
    ),
    re.compile(r"\bc[ks]_(?P<secret>[0-9A-Za-z]{6,})\b", re.IGNORECASE),
    re.compile(r"\bsp_[0-9]+_(?P<secret>[0-9A-Za-z_-]{20,})", re.IGNORECASE),
    re.compile(r"://[^/:@\s]+:(?P<secret>[^@/\s]+)@"),
    re.compile(r"\b(?:basic|bearer|oauth)\s+(?P<secret>[A-Za-z0-9+/=_.~-]{8,})", re.IGNORECASE),
)
# Controls, marks of direction, characters without a width, tags, lone surrogates. The two joiners belong to emoji and
# to scripts beyond Latin, and are marked beside Latin letters only.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
    "|(?<=[\x00-\u024f])[\u200c\u200d]|[\u200c\u200d](?=[\x00-\u024f])"
)
_ESCAPE = re.compile(
    r"\\+u(?P<code>[0-9a-fA-F]{4})|\\+x(?P<byte>[0-9a-fA-F]{2})|\\+(?P<plain>[\"'/\\])"
    r"|%u(?P<script>[0-9a-fA-F]{4})|%(?:25)*(?P<percent>[0-9a-fA-F]{2})"
    r"|&(?:amp;)*(?P<entity>#[0-9]{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[A-Za-z]{2,31};)"
)
_AT_ONCE = 100_000  # letters that are searched at once, so that a large answer costs little memory
_OVERLAP = 4_096
_ROUNDS = 4  # an entity in a JSON escape in a query …
_BASE64 = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")
_SHORTEST = 6  # a secret of fewer characters is in many a word
_MOST = 1_000
_known: dict[str, Sequence[tuple[str, bool]]] = {}  # secret → its spellings; in the order they were last used

Spans = list[tuple[int, int]]


def marked(text: str) -> str:
    """A text with marks in place of what cannot be seen: U+202E becomes ⟨U+202E⟩."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


def conceal(*secrets: str) -> None:
    """Remember secrets that this process uses: `redact` takes them out, whatever they look like."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            spellings = _known.pop(secret, None)
            _known[secret] = spellings or tuple(_spellings(secret))
    while len(_known) > _MOST:
        _known.pop(next(iter(_known)), None)


def _spellings(secret: str) -> Iterator[tuple[str, bool]]:
    """What to look for in a text without escapes and in lower case, and whether it is a part of a base64 word."""
    data = secret.encode("utf-8", "surrogatepass")
    pairs = secret.encode("utf-16-be", "surrogatepass")
    plain = {
        secret,
        data.decode("latin-1"),  # percent-encoded bytes
        "".join(chr(int.from_bytes(pairs[i : i + 2], "big")) for i in range(0, len(pairs), 2)),  # JSON escapes
        data.hex(),
    }
    plain |= {text.replace(" ", "+") for text in plain}  # as forms have it
    for text in (*plain, *({unescape(secret)} if len(unescape(secret)) >= _SHORTEST else ())):
        yield _lower(text), False
        yield _lower(_undone(text)[0]), False
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            # In front of it in the same word: a user's name, of any length. Kept: the letters that it alone decides.
            word = encode(b"\0" * before + data).decode()
            yield word[(0, 2, 3)[before] : (before + len(data)) * 8 // 6].lower(), True


def redact_known(text: str) -> str:
    """`text` with the secrets that `conceal` was told of replaced by ***."""
    return _struck(text, patterns=False)


def redact(text: str) -> str:
    """`text` with every known secret, and everything that looks like a credential, replaced by ***."""
    return _struck(text, patterns=True)


def redact_bytes(raw: bytes) -> bytes:
    """The same for bytes that are kept as they came."""
    text = raw.decode("utf-8", "surrogateescape")
    struck = redact(text)
    return raw if struck == text else struck.encode("utf-8", "surrogateescape")


def _struck(text: str, *, patterns: bool) -> str:
    spans: Spans = []
    for start in range(0, max(1, len(text)), _AT_ONCE):
        part = text[start : start + _AT_ONCE + _OVERLAP]
        spans += [(start + low, start + high) for low, high in _places(part, patterns)]
    if not spans:
        return text
    parts, done = [], 0
    for low, high in sorted(spans):
        if low >= done:
            parts += [text[done:low], "***"]
        done = max(done, high)
    return "".join((*parts, text[done:]))


def _places(text: str, patterns: bool) -> Spans:
    """Where in the text secrets stand, in any of its readings."""
    spans = _found(text, patterns)
    for read, places in _readings(text):
        spans += [(places[low][0], places[high - 1][1]) for low, high in _found(read, patterns)]
    return spans


def _found(text: str, patterns: bool) -> Spans:
    lowered = _lower(text)
    spans: Spans = []
    for spellings in list(_known.values()):
        for spelling, base64 in spellings:
            at = lowered.find(spelling)
            while at >= 0:
                low, high = at, at + len(spelling)
                if base64:  # the whole word: its other letters decide a part of the secret
                    while low > 0 and text[low - 1] != "=" and text[low - 1] in _BASE64:
                        low -= 1
                    while high < len(text) and text[high] in _BASE64:
                        high += 1
                spans.append((low, high))
                at = lowered.find(spelling, high)
    if patterns:
        spans += [match.span("secret") for pattern in _PATTERNS for match in pattern.finditer(text)]
    return [span for span in spans if text[slice(*span)] != "***"]


def _lower(text: str) -> str:
    """In lower case, letter for letter, so that places stay the same."""
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(low if len(low := letter.lower()) == 1 else letter for letter in text)
    return lowered


def _readings(text: str) -> Iterable[tuple[str, list[tuple[int, int]]]]:
    """The text with its escapes undone, once, twice …; and where in it each letter comes from."""
    places = None
    for _ in range(_ROUNDS):
        undone, pieces = _undone(text)
        if undone == text:
            return
        places = pieces if places is None else [(places[low][0], places[high - 1][1]) for low, high in pieces]
        text = undone
        yield text, places


def _undone(text: str) -> tuple[str, list[tuple[int, int]]]:
    if not ("\\" in text or "%" in text or "&" in text):
        return text, []
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    done = 0
    for match in _ESCAPE.finditer(text):
        letter = _letter(match)
        if letter is None:
            continue
        letters += (text[done : match.start()], letter)
        places += [(i, i + 1) for i in range(done, match.start())]
        places += [match.span()] * len(letter)
        done = match.end()
    letters.append(text[done:])
    places += [(i, i + 1) for i in range(done, len(text))]
    return "".join(letters), places


def _letter(match: re.Match[str]) -> str | None:
    number = match["code"] or match["byte"] or match["script"] or match["percent"]
    if number:
        return chr(int(number, 16))
    if match["plain"]:
        return match["plain"]
    entity = f"&{match['entity']}"
    letter = unescape(entity)
    return None if letter == entity else letter
