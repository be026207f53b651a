"""Errors to answers: the one place where an error gets an HTTP status."""

from collections.abc import Sequence

import msgspec
import structlog
from starlette.responses import Response

from lakeshare.errors import LakeshareError
from lakeshare.protocol.error_codes import ErrorCode, code_of

STATUS = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.PERMISSION_DENIED: 403,
    ErrorCode.RESOURCE_DOES_NOT_EXIST: 404,
    ErrorCode.RESOURCE_ALREADY_EXISTS: 409,
    ErrorCode.INVALID_PARAMETER_VALUE: 400,
    ErrorCode.MALFORMED_REQUEST: 400,
    ErrorCode.UNSUPPORTED_TABLE_FEATURE: 400,
    ErrorCode.TABLE_UNREADABLE: 400,
    ErrorCode.METHOD_NOT_ALLOWED: 405,
    ErrorCode.REQUEST_TOO_LARGE: 413,
    ErrorCode.RESOURCE_EXHAUSTED: 429,
    ErrorCode.TEMPORARILY_UNAVAILABLE: 503,
    ErrorCode.INTERNAL_ERROR: 500,
}

log = structlog.get_logger(__name__)


def error_answer(code: ErrorCode, message: str, headers: dict[str, str] | None = None) -> Response:
    """`{"errorCode", "message"}` with the code's status, and what that status asks for in headers."""
    body = msgspec.json.encode({"errorCode": code, "message": message})
    extra = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "1"}}.get(STATUS[code], {})
    return Response(body, STATUS[code], {**extra, **(headers or {})}, "application/json; charset=utf-8")


def no_such_path() -> Response:
    nothing = "There is nothing at this path. The sharing API starts at /delta-sharing/shares."
    return error_answer(ErrorCode.RESOURCE_DOES_NOT_EXIST, nothing)


def no_such_method(method: str, allowed: Sequence[str]) -> Response:
    listed = ", ".join(allowed)
    message = f"{method} is not allowed here. Allowed: {listed}."
    return error_answer(ErrorCode.METHOD_NOT_ALLOWED, message, {"allow": listed})


def status_of(error: Exception, request_id: str) -> int:
    """The status that an error would have had, had the answer not begun. The error is logged."""
    return answer_to(error, request_id).status_code


def answer_to(error: Exception, request_id: str) -> Response:
    """What the recipient sees of an error. An unexpected one is logged, and none of its text gets out."""
    if not isinstance(error, LakeshareError):
        log.error("unexpected error", request_id=request_id, exc_info=error)
        return error_answer(
            ErrorCode.INTERNAL_ERROR,
            f"Something went wrong on the server. The provider finds it in the log as request {request_id}.",
        )
    code = code_of(error)
    if error.detail:
        log.warning(code, request_id=request_id, message=error.message, detail=error.detail)
    return error_answer(code, str(error))
