"""curl and openssl, as far as the documents use them, for machines that have neither."""

import argparse
import hashlib
import hmac
import sys


def curl(arguments: list[str]) -> int:
    import httpx

    parser = argparse.ArgumentParser("curl")
    parser.add_argument("url")
    parser.add_argument("-X", default=None)
    parser.add_argument("-H", action="append", default=[])
    parser.add_argument("-d")
    parser.add_argument("-f", action="store_true")
    parser.add_argument("-N", action="store_true")
    asked = parser.parse_args(arguments)
    headers = {name.strip(): value.strip() for name, _, value in (one.partition(":") for one in asked.H)}
    method = asked.X or ("GET" if asked.d is None else "POST")
    answer = httpx.request(method, asked.url, headers=headers, content=asked.d, timeout=120)
    print(f"{answer.text}\n<{answer.status_code}>")
    return 22 if asked.f and answer.status_code >= 400 else 0


def openssl(arguments: list[str]) -> int:
    if arguments[:3] != ["dgst", "-sha256", "-hmac"] or arguments[4:] != ["-binary"]:
        raise SystemExit("only: openssl dgst -sha256 -hmac KEY -binary")
    sys.stdout.buffer.write(hmac.new(arguments[3].encode(), sys.stdin.buffer.read(), hashlib.sha256).digest())
    return 0


if __name__ == "__main__":
    sys.exit({"curl": curl, "openssl": openssl}[sys.argv[1]](sys.argv[2:]))
