"""The ASGI application: every route, and the answers to what no route takes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lakeshare.server.activation import activation_routes
from lakeshare.server.errors import no_such_method, no_such_path
from lakeshare.server.files import file_routes
from lakeshare.server.openapi import openapi_routes
from lakeshare.server.sharing import PREFIX, SharingApi

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_app(lifespan: Lifespan) -> Starlette:
    """The application. `lifespan` puts an operations.services.Services into `app.state.services`."""
    app = _App(
        routes=[*openapi_routes(), *activation_routes(), *file_routes()],
        exception_handlers={HTTPException: _unrouted},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    return app


class _App(Starlette):
    """Starlette, but for the sharing API, which has many more requests than all the rest."""

    _sharing_api = SharingApi()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(f"{PREFIX}/shares"):
            scope["app"] = self
            await self._sharing_api(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _unrouted(request: Request, error: Exception) -> Response:
    """An unknown path or a wrong method."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:  # noqa: PLR2004
        return no_such_method(request.method, [(error.headers or {}).get("Allow", "")])
    return no_such_path()
