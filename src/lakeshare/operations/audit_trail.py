"""Writes what happened into the audit log."""

import os
import random

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
            event_id=new_id(),
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


def new_id() -> str:
    """A random UUID (version 4): unique and not secret, so that the system need not be asked for each."""
    digits = f"{_ids.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANTS[digits[16]]}{digits[17:20]}-{digits[20:]}"


_ids = random.Random()  # noqa: S311  not secret; seeded by the system
os.register_at_fork(after_in_child=_ids.seed)  # two processes with one state would make the same ids
_VARIANTS = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
