"""Writes what happened into the audit log."""

import random
import uuid

from lakeshare.audit.events import AuditEvent, Response, Result, UserIdentity
from lakeshare.operations.services import Caller, Services


def record(
    services: Services,
    caller: Caller,
    action: str,
    params: dict[str, str],
    *,
    result: Result | None = None,
    status_code: int = 200,
    error_message: str | None = None,
) -> None:
    """Record one event. Raises Unavailable where it cannot be written: what is not audited is not done."""
    services.audit.record(
        AuditEvent(
            event_id=str(uuid.UUID(int=_ids.getrandbits(128), version=4)),
            event_time=services.clock(),
            action_name=action,
            user_identity=UserIdentity(email=caller.name),
            response=Response(status_code=status_code, error_message=error_message, result=result),
            request_params=params,
            request_id=caller.request_id,
            source_ip_address=caller.source_ip,
            user_agent=caller.user_agent,
        )
    )


_ids = random.Random()  # noqa: S311  ids are unique, not secret; seeded by the system, and cheaper than asking it each time
