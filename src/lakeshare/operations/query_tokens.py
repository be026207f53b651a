"""Page tokens and refresh tokens: what a recipient hands back to go on, or to read the same version again.

Both are sealed (governance/sealed.py), bound to a recipient, a table and a read scope, and live for an hour. A page
token is bound to its request too, and holds the last key that was sent, not an offset: another replica, or this one
after a restart, goes on behind it.
"""

import hashlib
from dataclasses import asdict
from typing import TypeVar

import msgspec

from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import InvalidValue
from lakeshare.governance.scope import scope_hash
from lakeshare.governance.sealed import seal, unseal
from lakeshare.operations.read_table import AuthorizedTable
from lakeshare.operations.services import Services
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.protocol.requests import RangeRequest

LIFETIME_MS = 3_600_000
PAGE, REFRESH = "query page", "query refresh"
"""What the keys that seal them are derived for."""


class Holder(msgspec.Struct, frozen=True, array_like=True):
    """Who may use a token, and for what. `request` is empty where any request may."""

    recipient_id: str
    table_id: str
    scope: str
    request: str


class SnapshotPage(msgspec.Struct, frozen=True, array_like=True, tag="snapshot"):
    """The next page holds the files of `version` behind `last_key`: path, and deletion vector id or nothing."""

    version: int
    last_key: tuple[str, str]


class ChangesPage(msgspec.Struct, frozen=True, array_like=True, tag="changes"):
    """The next page holds the changes of `at` behind `last_key` (path, action, deletion vector id), and all to `end`.

    `start` is where the whole answer begins; `head` is the version of its first two lines.
    """

    start: int
    head: int
    end: int
    response_format: ResponseFormat
    at: int
    last_key: tuple[str, str, str]


class _Token(msgspec.Struct, frozen=True, array_like=True):
    holder: Holder
    expires_at: int
    state: SnapshotPage | ChangesPage | int


State = TypeVar("State", SnapshotPage, ChangesPage, int)


def request_hash(endpoint: str, request: RangeRequest, capabilities: Capabilities) -> str:
    """16 hex digits that stand for everything in a request that all of its pages have in common."""
    common = {key: value for key, value in msgspec.to_builtins(request).items() if key not in _OF_ONE_PAGE}
    understood = {key: value for key, value in asdict(capabilities).items() if key not in _OF_ONE_PAGE}
    text = msgspec.json.encode([endpoint, common, understood], order="sorted")
    return hashlib.sha256(text).hexdigest()[:16]


def page_holder(access: RecipientAccess, table: AuthorizedTable, request: str) -> Holder:
    """`request` is a `request_hash`."""
    return Holder(access.recipient.id, table.scope.table_id, scope_hash(table.scope), request)


def seal_page(services: Services, holder: Holder, page: SnapshotPage | ChangesPage) -> str:
    return _seal(services, PAGE, holder, page)


def open_page(services: Services, holder: Holder, text: str, expected: type[State]) -> State:
    """The page that the token stands for. Raises InvalidValue."""
    return _open(services, PAGE, "pageToken", holder, text, expected)


def seal_refresh(services: Services, holder: Holder, version: int) -> str:
    """A token that reads `version` again, by any request: Spark refreshes without its hints."""
    return _seal(services, REFRESH, msgspec.structs.replace(holder, request=""), version)


def open_refresh(services: Services, holder: Holder, text: str) -> int:
    """The version that the token pins. Raises InvalidValue."""
    return _open(services, REFRESH, "refreshToken", msgspec.structs.replace(holder, request=""), text, int)


_OF_ONE_PAGE = frozenset(
    {
        "maxFiles",
        "max_files",
        "pageToken",
        "page_token",
        "refreshToken",
        "includeRefreshToken",
        "idempotencyKey",
        "idempotency_key",
        "include_end_stream_action",
        "async_query",
    }
)
"""What may differ from page to page: Spark drops both refresh fields, and its polls have no body but a page's."""


def _seal(services: Services, purpose: str, holder: Holder, state: SnapshotPage | ChangesPage | int) -> str:
    token = _Token(holder, services.clock() + LIFETIME_MS, state)
    return seal(services.keyring.active(purpose), msgspec.json.encode(token))


def _open(services: Services, purpose: str, field: str, holder: Holder, text: str, expected: type[State]) -> State:
    payload = unseal(services.keyring, purpose, text)
    token = None if payload is None else msgspec.json.decode(payload, type=_Token)
    if token is None or token.holder != holder or not isinstance(token.state, expected):
        raise InvalidValue(
            f"The {field} was not given to you for this request.",
            hint=f"Send the {field} of the last answer with the same request, or start again without one.",
        )
    if services.clock() >= token.expires_at:
        raise InvalidValue(f"The {field} has expired.", hint="Start again without one.")
    return token.state
