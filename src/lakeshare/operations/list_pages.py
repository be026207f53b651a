"""Cuts a sorted list into pages whose tokens hold the last key, so that items added or removed between two pages
neither repeat nor hide others."""

import bisect
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from lakeshare.errors import InvalidValue
from lakeshare.governance.sealed import seal, unseal
from lakeshare.operations.services import Services

PURPOSE = "list page"

T = TypeVar("T")


class PageRequest(NamedTuple):
    max_results: int
    page_token: str | None


class _Position(msgspec.Struct, frozen=True, array_like=True):
    recipient_id: str
    listing: str
    last_key: str


def cut_page(
    services: Services, recipient_id: str, listing: str, items: Sequence[T], key: Callable[[T], str], page: PageRequest
) -> tuple[Sequence[T], str | None]:
    """The page's items and the next page's token, None on the last page.

    `items` are in order of `key`; `listing` names the request, so that a token serves no other one.
    Raises InvalidValue for a token that this recipient was not given for this listing.
    """
    start = 0
    if page.page_token:
        start = bisect.bisect_right(items, _last_key(services, recipient_id, listing, page.page_token), key=key)
    found = items[start : start + page.max_results]
    if start + len(found) >= len(items):
        return found, None
    last = key(found[-1]) if found else (key(items[start - 1]) if start else "")
    position = _Position(recipient_id, listing, last)
    return found, seal(services.keyring.active(PURPOSE), msgspec.json.encode(position))


def _last_key(services: Services, recipient_id: str, listing: str, token: str) -> str:
    payload = unseal(services.keyring, PURPOSE, token)
    if payload is not None:
        position = msgspec.json.decode(payload, type=_Position)
        if (position.recipient_id, position.listing) == (recipient_id, listing):
            return position.last_key
    raise InvalidValue(
        "The pageToken does not belong to this request.", hint="Send the nextPageToken of this listing, or none."
    )
