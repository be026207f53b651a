"""Where things are: normalised URIs, and the roots that a read must stay under.

A *location* is an absolute URI whose path is percent-decoded and normalised, without a trailing slash:
`file:///data/sales/region=Lac Léman`. Two spellings of one place give the same location.
"""

import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

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

    Raises TableUnreadable where the path leaves every root
    (design: a writer of a log must not make the server sign other people's files).
    """
    key = normalise_log_path(path, root)
    require_inside(key, also)
    return key


def normalise_log_path(path: str, root: str) -> str:
    """One spelling for all spellings of a file: relative to `root` where it lies under it, else a whole location.

    The path is decoded once. A scheme counts only in front of `:/`, as the log writes it: `ts=10:00/a` is relative.
    Raises TableUnreadable where no file can have the name.
    """
    decoded = unquote(path, errors="surrogateescape")
    if _UNUSABLE.search(decoded):
        raise TableUnreadable("its log names a file that cannot exist", detail=f"path {path!r}")
    location = _absolute_location(decoded, root, absolute=_ABSOLUTE.match(path) is not None)
    return location.removeprefix(_directory(root)) or root


def require_inside(key: str, also: Sequence[str]) -> None:
    """Raises TableUnreadable where a key of `normalise_log_path` lies under neither the root nor one of `also`."""
    if "://" in key and not any(key.startswith(_directory(location)) for location in also):
        raise TableUnreadable(
            "its log names a file outside the table's own directory",
            hint="The provider can allow another directory with `lakeshare table create --also`.",
            detail=f"location {key!r}",
        )


def join(root: str, key: str) -> str:
    """The location of a key that `resolve_log_path` gave."""
    return key if "://" in key else f"{root}/{key}"


UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
"""What no URL escapes (RFC 3986, section 2.3)."""


def quote_paths(paths: Sequence[str], safe: bytes = UNRESERVED + b"/=+,@!$&'()*;:") -> list[str]:
    """Percent-encode decoded paths once, for URLs: whatever is not `safe`.

    All paths are done together, a character at a time: many files have few characters that need it.
    """
    if not paths:
        return []
    text = _NO_UTF8.join(map(str.encode, paths))
    unsafe = set(text.translate(None, safe + _NO_UTF8 + b"%"))
    for character in (ord("%"), *unsafe):
        text = text.replace(bytes((character,)), b"%%%02X" % character)
    return text.decode("latin-1").split(_NO_UTF8.decode("latin-1"))


_NO_UTF8 = b"\xff"


def scheme_of(location: str) -> str:
    return location.partition("://")[0]


def local_path(location: str) -> Path:
    """The path of a `file://` location."""
    return Path(location.removeprefix("file://"))


_UNUSABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL, and what is left of bytes that are not UTF-8: no URL could name such a file."""


_ABSOLUTE = re.compile(r"/|[A-Za-z][A-Za-z0-9+.-]*:/")
"""How an absolute path of a log begins (RFC 3986, where Hadoop also writes `file:/x`)."""


def _absolute_location(path: str, root: str, *, absolute: bool) -> str:
    """Normalise a decoded path of a log; one without a scheme lives in the root's store."""
    scheme, authority = scheme_of(root), _authority(root)
    if not absolute:
        path = _path_of(root) + "/" + path
    elif not path.startswith("/"):
        scheme, _, path = path.partition(":/")
        scheme = scheme.lower()
        authority, _, path = path.removeprefix("/").partition("/") if path.startswith("/") else ("", "", path)
        if (scheme, authority) == ("file", "localhost"):
            authority = ""
    return f"{scheme}://{authority}" + posixpath.normpath("/" + path.lstrip("/"))


def _directory(location: str) -> str:
    """With the slash that a location has only where it is the whole disk."""
    return location if location.endswith("/") else location + "/"


def _authority(location: str) -> str:
    return location.partition("://")[2].partition("/")[0]


def _path_of(location: str) -> str:
    return location.partition("://")[2].partition("/")[2]
