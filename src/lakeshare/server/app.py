"""The ASGI application: every route, and the answers to what no route takes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lakeshare.protocol.error_codes import ErrorCode
from lakeshare.server.activation import activation_routes
from lakeshare.server.errors import error_answer
from lakeshare.server.files import file_routes
from lakeshare.server.openapi import openapi_routes
from lakeshare.server.sharing import sharing_routes

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_app(lifespan: Lifespan) -> Starlette:
    """The application. `lifespan` puts an operations.services.Services into `app.state.services`."""
    app = Starlette(
        routes=[*openapi_routes(), *sharing_routes(), *activation_routes(), *file_routes()],
        exception_handlers={HTTPException: _unrouted},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


async def _unrouted(request: Request, error: Exception) -> Response:
    """An unknown path or a wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:  # noqa: PLR2004
        allowed = (error.headers or {}).get("Allow", "")
        return error_answer(
            ErrorCode.METHOD_NOT_ALLOWED,
            f"{request.method} is not allowed here. Allowed: {allowed}.",
            dict(error.headers or {}),
        )
    nothing = "There is nothing at this path. The sharing API starts at /delta-sharing/shares."
    return error_answer(ErrorCode.RESOURCE_DOES_NOT_EXIST, nothing)
