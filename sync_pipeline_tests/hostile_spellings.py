"""How a page may spell a secret."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus


def spellings(*secrets: str) -> list[str]:
    """A secret, or a name and a secret as a login; the first four are base64."""
    text = ":".join(secrets)
    data = text.encode()
    words = [
        b64encode(data).decode(),
        urlsafe_b64encode(data).decode(),
        quote(b64encode(b"a" + data).decode(), safe=""),
        b64encode(b"name:" + data + b":x").decode(),
    ]
    plain = [
        text,
        text.upper(),
        quote(text, safe=""),
        quote(text, safe="").lower(),
        quote_plus(text),
        quote(quote(text, safe=""), safe=""),
        "".join(f"%{byte:02x}" for byte in data),
        html.escape(text),
        html.escape(html.escape(text)),
        "".join(f"&#{ord(letter)};" for letter in text),
        "".join(f"&#x{ord(letter):04X};" for letter in text),
        json.dumps(text)[1:-1],
        json.dumps(json.dumps(text)[1:-1])[1:-1],
        json.dumps(text).replace("/", "\\/")[1:-1],
        "".join(f"\\u{ord(letter):04x}" for letter in text),
        "".join(f"\\u{ord(letter):04X}" for letter in html.escape(quote(text, safe=""))),
        "".join(f"\\x{byte:02x}" for byte in data),
        data.hex(),
        quote(html.escape(text), safe=""),
    ]
    return [*words, *plain]
