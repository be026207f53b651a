"""Who sent a request, and whether they are still there."""

from starlette.requests import Request
from starlette.types import Receive

from lakeshare.operations.audit_trail import new_id
from lakeshare.operations.services import Caller


def caller_of(request: Request) -> Caller:
    """As the audit tells it: nobody known yet, with a fresh request id."""
    return Caller(
        name="",
        request_id=new_id(),
        source_ip=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", ""),
    )


async def wait_until_gone(receive: Receive) -> None:
    """Returns when the client has left. A long answer watches it, so as not to be made for nobody."""
    while (await receive())["type"] != "http.disconnect":
        pass
