"""Replace every e-mail address in a payload by its SHA-256.

The address is trimmed and lower-cased before it is hashed, so a person has the same hash in every record of every
connection that hashes. Nothing else in the payload changes, so numbers keep their digits.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import unquote

# An @ as stores write it: plain, as a JSON escape, in a URL, as an HTML entity; also escaped twice.
_AT_SIGN = r"\\+u0040|%(?:25)*40|&(?:amp;)*(?:#0*64|#[xX]0*40|commat);"
_AT = re.compile(f"@|{_AT_SIGN}")
_SUSPECT = re.compile(f"@|{_AT_SIGN}|e-?_?mail".encode(), re.IGNORECASE)
# What may precede and follow it. The search starts at each @, so a megabyte without a blank costs nothing.
_LONGEST = 200
_URL_ESCAPE = (  # of a character that is neither a blank nor a separator of a URL or a list
    r"%(?:25)*(?:2[14579ABDEabde]|3[0-9]|4[1-9A-Fa-f]|5[0-9AaEeFf]|6[0-9A-Fa-f]|7[0-9A-Ea-e]|[89A-Fa-f][0-9A-Fa-f])"
)
_ENTITY = r"&(?:amp;)*(?:#0*(?:39|4[356]|95)|#[xX]0*(?:27|2[BDEbde]|5[Ff])|apos|plus|period|lowbar|hyphen);"
_PLAIN = r"[^\s@\"<>(),;:\\\[\]&%]|%(?![0-9A-Fa-f]{2})"
_QUOTED = r"\"[^\"]+\"|&quot;[^&]+&quot;|%22(?:[^%\s]|%20)+%22"
_LOCAL = re.compile(rf"(?<!%)(?<!%[0-9A-Fa-f])(?:{_QUOTED}|(?:{_PLAIN}|{_URL_ESCAPE}|{_ENTITY})+)\Z")
_DOMAIN = re.compile(r"\[(?:[Ii][Pp][Vv]6:)?[0-9A-Fa-f:.]{2,64}\]|\w(?:[\w.-]{0,253}\w)?")
_ESCAPED_TWICE = re.compile(r"(?<=%)(?:25)+(?=[0-9A-Fa-f]{2})|(?<=&)(?:amp;)+")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"(?P<colon>\s*:)?', re.DOTALL)
_FIELD = re.compile(r"(^|[_\W])e-?_?mails?$", re.IGNORECASE)
_HASHED = re.compile(r"[0-9a-f]{64}")
_FLAGS = frozenset({"yes", "no", "true", "false", "0", "1"})  # a setting called send_email holds no address


def email_hash(address: str) -> str:
    """SHA-256 of the address, trimmed and in lower case, as 64 hexadecimal digits."""
    return hashlib.sha256(address.strip().lower().encode("utf-8", "surrogatepass")).hexdigest()


def hash_text(text: str, hashed: Callable[[str], str] = email_hash) -> str:
    """`text` with every e-mail address in it replaced by its hash."""
    parts: list[str] = []
    done = 0
    for at in _AT.finditer(text):
        if at.start() < done:
            continue
        domain = _DOMAIN.match(text, at.end())
        local = _LOCAL.search(text[max(done, at.start() - _LONGEST) : at.start()]) if domain else None
        if local is not None and domain is not None:
            address = f"{_unescaped(local.group())}@{domain.group()}"
            parts += (text[done : at.start() - len(local.group())], hashed(address))
            done = domain.end()
    return text if not parts else "".join((*parts, text[done:]))


def _unescaped(local: str) -> str:
    """The local part as its owner writes it, so that the hash is the same in every encoding."""
    return unescape(unquote(_ESCAPED_TWICE.sub("", local))) if "%" in local or "&" in local else local


def hash_emails(raw: bytes) -> bytes:
    """A JSON text with every e-mail address in its strings and keys replaced by its hash.

    The value of a field called e-mail is always hashed, whatever its form. Hashing twice changes nothing.
    """
    if not _SUSPECT.search(raw):
        return raw
    field = ""

    def replaced(found: re.Match[bytes]) -> bytes:
        nonlocal field
        token = found.group()
        colon = found["colon"] or b""
        quoted = token[: len(token) - len(colon)]
        try:
            text = json.loads(quoted, strict=False)
        except ValueError:  # not JSON: hash it as text, so that no address stays
            return hash_text(token.decode("utf-8", "replace")).encode()
        if colon:
            field = text
            hashed = hash_text(text)
        elif _FIELD.search(field) and text.strip() and text.lower() not in _FLAGS:
            hashed = text if _HASHED.fullmatch(text) else email_hash(text)
        else:
            hashed = hash_text(text)
        return token if hashed == text else json.dumps(hashed).encode() + colon

    return _TOKEN.sub(replaced, raw)
