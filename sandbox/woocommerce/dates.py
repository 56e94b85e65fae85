"""Dates as WordPress writes and compares them: two texts without a zone per date, site-local and GMT.

Rows keep one number, UTC seconds; the texts are made here.
"""

import re
from bisect import bisect_right
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

FORMAT = "%Y-%m-%dT%H:%M:%S"
# WordPress' rest_parse_date: a bare date and a unix number are refused, fractions of a second are accepted.
_ISO = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}(?::?\d{2})?)?$")


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=65536)
def gmt_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(FORMAT)


@lru_cache(maxsize=65536)
def local_text(seconds: int, tz: ZoneInfo) -> str:
    return datetime.fromtimestamp(seconds, tz).strftime(FORMAT)


def parse(text: str, tz: ZoneInfo) -> int | None:
    """UTC seconds of a date from a client; without a zone it is site-local."""
    if not _ISO.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "T").upper())
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=tz)).timestamp())


def cutoff(text: str, *, gmt: bool, tz: ZoneInfo) -> tuple[int, bool] | None:
    """What `modified_after` and similar parameters compare with: (wall-clock seconds, whether with the GMT column).

    WP_Date_Query first turns a value with a zone into *site-local* wall-clock time and leaves one without a zone as
    it is; the result is compared as text with the GMT column when `dates_are_gmt`, else with the local one.
    So `...Z` with `dates_are_gmt=true` is off by the site's offset, and records are lost silently.
    """
    if not _ISO.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" ", "T").upper())
    except ValueError:
        return None
    wall = moment.astimezone(tz).replace(tzinfo=None) if moment.tzinfo else moment
    return int(wall.replace(tzinfo=UTC, microsecond=0).timestamp()), gmt


def wall_clock(seconds: int, tz: ZoneInfo) -> int:
    """The local column of a moment, as a number that compares as its text does."""
    offset = datetime.fromtimestamp(seconds, tz).utcoffset()
    return seconds + (int(offset.total_seconds()) if offset else 0)


class ZoneHistory:
    """The site's timezones, each with the time from which it applies.

    Posts (products, coupons) keep the local text they were written with, so after a change of timezone the
    local column of older rows is in the old zone; orders keep GMT only.
    """

    def __init__(self, name: str) -> None:
        self._since = [-(2**60)]
        self._zones = [zone(name)]

    @property
    def current(self) -> ZoneInfo:
        return self._zones[-1]

    def change(self, name: str, *, at: int) -> None:
        self._since.append(at)
        self._zones.append(zone(name))

    def written_in(self, seconds: int) -> ZoneInfo:
        return self._zones[bisect_right(self._since, seconds) - 1]
