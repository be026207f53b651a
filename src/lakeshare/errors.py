"""Every error that Lakeshare raises on purpose.

LakeshareError
├── InvalidValue               a value that the caller gave cannot be used
│   ├── VersionGone            the table has no such version, or not any more
│   └── MalformedRequest       the bytes are not what the protocol describes
├── AlreadyExists              the name is taken
├── NotFound                   absent, or not granted: the two look the same
│   └── LinkSpent              an activation link that was genuine, and opens nothing any more
├── Unauthenticated            the credential is missing, unknown, expired or revoked
├── PermissionDenied           known, but not allowed
├── RequestTooLarge            more bytes than the server takes
├── ResourceExhausted          the caller has as much as one may have; later there may be room
├── TableUnreadable            the table itself is broken; trying again will not help
│   └── UnsupportedTableFeature
└── Unavailable                something is down or busy; trying again may help
"""


class LakeshareError(Exception):
    """The root. `message` and `hint` may be shown to a recipient; `detail` goes to the operator's log only."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class InvalidValue(LakeshareError):
    """A value that the caller gave cannot be used."""


class VersionGone(InvalidValue):
    """The table has no such version, or its log does not reach back to it any more."""


class MalformedRequest(InvalidValue):
    """The bytes are not what the protocol describes."""


class AlreadyExists(LakeshareError):
    """The name is taken."""


class NotFound(LakeshareError):
    """The thing is absent, or not granted to the one who asks."""


class LinkSpent(NotFound):
    """The activation link was made here, but has been used, was replaced, or has expired."""


class Unauthenticated(LakeshareError):
    """The credential is missing, unknown, expired or revoked."""


class PermissionDenied(LakeshareError):
    """The caller is known, but not allowed."""


class RequestTooLarge(LakeshareError):
    """The request has more bytes than the server takes."""


class ResourceExhausted(LakeshareError):
    """The caller has as much as one may have at a time; later there may be room."""


class TableUnreadable(LakeshareError):
    """The table's own log or files are broken; trying again will not help.

    `message` never names a path: recipients read it. Put the path into `detail`.
    """


class UnsupportedTableFeature(TableUnreadable):
    """The table needs a reader feature that is not served, or that the client did not offer."""


class Unavailable(LakeshareError):
    """Something is down or busy; trying again may help."""
