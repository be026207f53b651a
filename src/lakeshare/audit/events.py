"""Audit events, with the names that Databricks gives them."""

from typing import Literal, Protocol

import msgspec

Result = dict[str, str | int | bool | None]


class UserIdentity(msgspec.Struct, frozen=True):
    email: str
    """The recipient's name for reads, the administrator's for changes, empty for nobody known."""


class Response(msgspec.Struct, frozen=True):
    status_code: int
    error_message: str | None = None
    result: Result | None = None


class AuditEvent(msgspec.Struct, frozen=True):
    """One read, refusal or administrative change. `event_time` is epoch milliseconds."""

    event_id: str
    event_time: int
    action_name: str
    user_identity: UserIdentity
    response: Response
    request_params: dict[str, str] = {}
    request_id: str = ""
    source_ip_address: str = ""
    user_agent: str = ""
    service_name: Literal["unityCatalog"] = "unityCatalog"
    version: Literal["2.0"] = "2.0"


class AuditLog(Protocol):
    def record(self, event: AuditEvent) -> None:
        """On disk when it returns. Raises Unavailable where it cannot be written."""
