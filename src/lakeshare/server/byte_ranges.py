"""The conditional and range headers of RFC 9110, sections 13 and 14, for one representation with a strong ETag."""

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Selection:
    """What to answer: a status (200, 206, 304, 412, 416) and the half-open part of the body that goes with it."""

    status: int
    part: range = range(0)


def select(headers: Mapping[str, str], *, head: bool, size: int, etag: str) -> Selection:
    """What a GET or HEAD asks of `size` bytes that carry `etag` (quoted).

    Ranges are for GET alone. A malformed range, or more than one, is ignored, as the RFC allows. If-Range is believed
    for an ETag only: a date is too coarse to tell two files of one second apart, so it gets the whole file.
    """
    if "if-match" in headers and not _names(headers["if-match"], etag, weakly=False):
        return Selection(412)
    if "if-none-match" in headers and _names(headers["if-none-match"], etag, weakly=True):
        return Selection(304)
    whole = Selection(200, range(size))
    if head or "range" not in headers or headers.get("if-range", etag).strip() != etag:
        return whole
    match = _RANGE.fullmatch(headers["range"])
    if match is None:
        return whole
    first, last = match.groups()
    if first == last == "" or (first and last and int(first) > int(last)):
        return whole
    if first:
        part = range(int(first), min(int(last) + 1 if last else size, size))
    else:
        part = range(max(size - int(last), 0), size)
    return Selection(206, part) if part else Selection(416)


_RANGE = re.compile(r"\s*bytes\s*=\s*([0-9]{0,100})\s*-\s*([0-9]{0,100})\s*", re.ASCII | re.IGNORECASE)


def _names(listed: str, etag: str, *, weakly: bool) -> bool:
    """Whether a list of ETags, or `*`, names this one. Ours hold no commas."""
    tags = [tag.strip() for tag in listed.split(",")]
    return "*" in tags or etag in tags or (weakly and f"W/{etag}" in tags)
