"""The activation page: what a recipient sees of `{public_url}/activate/{code}`.

GET shows what the link is for and uses nothing up, so that the previews of mail and chat programs do no harm. The
page's button POSTs; the answer holds the credential file inside a link (a data: URL), for it is kept nowhere.
No script, no foreign asset, and a policy that allows none.
"""

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from lakeshare.errors import LakeshareError, LinkSpent
from lakeshare.operations.activate_recipient import activate_recipient, activation_info
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.profile import encode_profile
from lakeshare.server.callers import caller_of
from lakeshare.server.errors import answer_to


def activation_routes() -> list[BaseRoute]:
    """The page and its button. `app.state.services` holds the Services."""
    return [Route("/activate/{code:path}", _endpoint, methods=["GET", "POST"])]


async def _endpoint(request: Request) -> Response:
    """Every error is a page too: people read it."""
    caller = caller_of(request)
    answer = _activate if request.method == "POST" else _offer
    try:
        return await answer(request.app.state.services, caller, request.path_params["code"])
    except Exception as error:  # noqa: BLE001  the boundary: whatever it is, the recipient gets a plain page
        return _refusal(error, caller.request_id)


async def _offer(services: Services, caller: Caller, code: str) -> Response:
    return _page("offer.html", info=await activation_info(services, caller, code))


async def _activate(services: Services, caller: Caller, code: str) -> Response:
    profile = await activate_recipient(services, caller, code)
    data = encode_profile(profile)
    expires_at = None if profile.expiration_time is None else datetime.fromisoformat(profile.expiration_time)
    return _page(
        "profile.html",
        base64=base64.b64encode(data).decode(),
        text=data.decode(),
        expires_at=expires_at and _words(expires_at),
    )


def _refusal(error: Exception, request_id: str) -> Response:
    status = answer_to(error, request_id).status_code
    if isinstance(error, LakeshareError):
        message, hint = error.message, error.hint
    else:
        message = "Something went wrong on the server."
        hint = f"Tell the provider who sent you this link. They find it in the log as request {request_id}."
    return _page("refusal.html", _GONE if isinstance(error, LinkSpent) else status, message=message, hint=hint)


def _page(template: str, status: int = 200, **values: object) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(template).render(style=_STYLE, **values), status, _HEADERS)


def _words(time: datetime) -> str:
    return f"{time.day} {time:%B %Y, %H:%M} UTC"


_GONE = 410

_FOLDER = Path(__file__).parent / "templates" / "activation"
_TEMPLATES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)
_TEMPLATES.filters["when"] = lambda time_ms: _words(datetime.fromtimestamp(time_ms / 1000, UTC))
_STYLE = Markup((_FOLDER / "style.css").read_text())  # noqa: S704  our own file, and no one else's text in it
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
