"""The codes of `{"errorCode", "message"}`, and the error that each stands for on both sides of the wire."""

from enum import StrEnum

from lakeshare import errors


class ErrorCode(StrEnum):
    UNAUTHENTICATED = "UNAUTHENTICATED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_DOES_NOT_EXIST = "RESOURCE_DOES_NOT_EXIST"
    RESOURCE_ALREADY_EXISTS = "RESOURCE_ALREADY_EXISTS"
    INVALID_PARAMETER_VALUE = "INVALID_PARAMETER_VALUE"
    MALFORMED_REQUEST = "MALFORMED_REQUEST"
    UNSUPPORTED_TABLE_FEATURE = "UNSUPPORTED_TABLE_FEATURE"
    TABLE_UNREADABLE = "TABLE_UNREADABLE"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    REQUEST_TOO_LARGE = "REQUEST_TOO_LARGE"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    TEMPORARILY_UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


_CODES: dict[type[errors.LakeshareError], ErrorCode] = {
    errors.Unauthenticated: ErrorCode.UNAUTHENTICATED,
    errors.PermissionDenied: ErrorCode.PERMISSION_DENIED,
    errors.NotFound: ErrorCode.RESOURCE_DOES_NOT_EXIST,
    errors.AlreadyExists: ErrorCode.RESOURCE_ALREADY_EXISTS,
    errors.MalformedRequest: ErrorCode.MALFORMED_REQUEST,
    errors.InvalidValue: ErrorCode.INVALID_PARAMETER_VALUE,
    errors.UnsupportedTableFeature: ErrorCode.UNSUPPORTED_TABLE_FEATURE,
    errors.TableUnreadable: ErrorCode.TABLE_UNREADABLE,
    errors.RequestTooLarge: ErrorCode.REQUEST_TOO_LARGE,
    errors.ResourceExhausted: ErrorCode.RESOURCE_EXHAUSTED,
    errors.Unavailable: ErrorCode.TEMPORARILY_UNAVAILABLE,
}
_ERRORS = {str(code): error for error, code in _CODES.items()}


def code_of(error: errors.LakeshareError) -> ErrorCode:
    """The code that the server answers with."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), ErrorCode.INTERNAL_ERROR)


def error_of(code: str, message: str) -> errors.LakeshareError:
    """The error that a server's answer means to its client; other servers' codes give the root error."""
    return _ERRORS.get(code, errors.LakeshareError)(message)
