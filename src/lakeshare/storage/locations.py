"""Where things are: normalised URIs, and the roots that a read must stay under.

A *location* is an absolute URI whose path is percent-decoded and normalised, without a trailing slash:
`file:///data/sales/region=Lac Léman`. Two spellings of one place give the same location.
"""

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from lakeshare.errors import InvalidValue, TableUnreadable


def parse_location(text: str) -> str:
    """The location that an admin wrote: an absolute or relative local path, or a URI.

    A local path is made absolute and resolved (symlinks followed), so that a root is a real directory.
    Raises InvalidValue where the text is empty, holds NUL, holds `..` in a URI, or names a host in a `file://` URI.
    """
    if not text.strip():
        raise InvalidValue("The location is empty.", hint="Give a local path or a URI such as file:///data/sales.")
    if "\x00" in unquote(text):
        raise InvalidValue("The location holds a NUL character.", hint="Write the path as `ls` shows it.")
    scheme, separator, rest = text.partition("://")
    if not separator and text.startswith("file:/"):
        scheme, separator, rest = "file", "://", text.removeprefix("file:")
    if not separator:
        return "file://" + str(Path(text).expanduser().resolve())
    if ".." in unquote(rest).split("/"):
        raise InvalidValue(f"The location {text!r} holds '..'.", hint="Write the full path.")
    if scheme == "file":
        path = rest.removeprefix("localhost")
        if not path.startswith("/"):
            raise InvalidValue(
                f"The location {text!r} names another host.", hint="Write three slashes: file:///data/sales."
            )
        return "file://" + str(Path(unquote(path)).resolve())
    authority, _, path = rest.partition("/")
    return f"{scheme}://{authority}" + posixpath.normpath("/" + unquote(path)).rstrip("/")


def resolve_log_path(path: str, root: str, also: Sequence[str] = ()) -> str:
    """The key of a path found in a table's log: relative to `root`, or a whole location under one of `also`.

    The path is decoded once and normalised. Raises TableUnreadable where it leaves every root
    (design: a writer of a log must not make the server sign other people's files).
    """
    decoded = unquote(path, errors="surrogateescape")
    if _UNUSABLE.search(decoded):
        raise _outside(path)
    if not _is_absolute(decoded):
        key = posixpath.normpath(decoded)
        if key == "." or key.startswith("../") or key == "..":
            raise _outside(path)
        return key
    location = _absolute_location(decoded, root)
    for candidate in (root, *also):
        if location.startswith(candidate + "/"):
            return location.removeprefix(root + "/") if candidate == root else location
    raise _outside(path)


def join(root: str, key: str) -> str:
    """The location of a key that `resolve_log_path` gave."""
    return key if "://" in key else f"{root}/{key}"


def quote_path(path: str) -> str:
    """Percent-encode a decoded path once, for a URL."""
    return quote(path, safe="/-_.~=+,@!$&'()*;:")


def scheme_of(location: str) -> str:
    return location.partition("://")[0]


def local_path(location: str) -> Path:
    """The path of a `file://` location."""
    return Path(location.removeprefix("file://"))


_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, and what is left of bytes that are not UTF-8: no URL could name such a file."""


def _is_absolute(path: str) -> bool:
    return path.startswith("/") or path.startswith("file:/") or "://" in path.split("?", 1)[0]


def _absolute_location(path: str, root: str) -> str:
    """Normalise an absolute path of a log; a path without a scheme lives in the root's store."""
    if path.startswith("file:/") and not path.startswith("file://"):
        path = "file://" + path.removeprefix("file:")
    scheme, separator, rest = path.partition("://")
    if not separator:
        scheme, rest = scheme_of(root), _authority(root) + path
    authority, _, tail = rest.partition("/")
    return f"{scheme}://{authority}" + posixpath.normpath("/" + tail.lstrip("/"))


def _authority(location: str) -> str:
    return location.partition("://")[2].partition("/")[0]


def _outside(path: str) -> TableUnreadable:
    return TableUnreadable(
        "Its log names a file outside the table's own directory.",
        hint="The provider can allow another directory with `lakeshare table create --also`.",
        detail=f"path {path!r}",
    )
