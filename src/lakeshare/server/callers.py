"""Who sent a request, as the audit tells it."""

import uuid

from starlette.requests import Request

from lakeshare.operations.services import Caller


def caller_of(request: Request) -> Caller:
    """Nobody known yet, with a fresh request id."""
    return Caller(
        name="",
        request_id=str(uuid.uuid4()),
        source_ip=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
    )
