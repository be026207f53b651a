"""Presigned GET URLs of S3 and what speaks like it, by AWS Signature Version 4 in its query string.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html. The URLs are botocore's to the byte. A
signature is two hashes more than one pass over the request: whatever is the same for all URLs of a table is hashed
once and its state copied.
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from lakeshare.errors import TableUnreadable
from lakeshare.storage.base import SigningWindow, UrlSigner
from lakeshare.storage.locations import UNRESERVED, quote_paths

SAFE = UNRESERVED + b"/"
"""What an object's key is told by as it is, in a URL as in the request that is signed."""


@dataclass(frozen=True, slots=True)
class S3Credentials:
    """A key pair, with the session token that a temporary one has."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class S3Location:
    """The objects of a bucket whose keys begin with `prefix`, which is empty or ends with a slash.

    `endpoint` is where the store answers, by default Amazon's of the region. With `path_style` the bucket stands in
    the path, as most stores but Amazon's want it; else in the host's name.
    """

    bucket: str
    prefix: str
    region: str
    endpoint: str | None = None
    path_style: bool = False

    @property
    def url(self) -> str:
        """What the URL of each object begins with, up to its key below the prefix."""
        scheme, host, path, *_ = urlsplit(self.endpoint or f"https://s3.{self.region}.amazonaws.com")
        prefix = quote(self.prefix, safe="/~")
        path = path.rstrip("/")
        if self.path_style:
            return f"{scheme}://{host}{path}/{self.bucket}/{prefix}"
        return f"{scheme}://{self.bucket}.{host}{path}/{prefix}"


class SigV4UrlSigner(UrlSigner):
    """Signs for the keys below one location, all with the window's start as their `X-Amz-Date` and with its end."""

    def __init__(self, location: S3Location, credentials: S3Credentials, window: SigningWindow) -> None:
        self.place = location.url
        scheme, host, path, *_ = urlsplit(location.url)
        date = datetime.fromtimestamp(window.starts_at, UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date[:8]}/{location.region}/s3/aws4_request"
        query, canonical_query = _queries(credentials, scope, date, window)
        self.issue = f"?{query}&X-Amz-Signature="
        self._before = hashlib.sha256(f"GET\n{path}".encode())
        self._behind = f"\n{canonical_query}\nhost:{_without_default_port(scheme, host)}\n\nhost\nUNSIGNED-PAYLOAD"
        key = _signing_key(credentials, scope)
        self._inner = hashlib.sha256(_padded(key, 0x36) + f"AWS4-HMAC-SHA256\n{date}\n{scope}\n".encode())
        self._outer = hashlib.sha256(_padded(key, 0x5C))

    def bases(self, keys: Sequence[str]) -> list[str]:
        return [self.place + path for path in self._paths(keys)]

    def endings(self, keys: Sequence[str]) -> list[str]:
        query, behind = self.issue, self._behind
        before, inner, outer = self._before.copy, self._inner.copy, self._outer.copy
        endings = []
        for path in self._paths(keys):
            request = before()
            request.update((path + behind).encode())
            signed = inner()
            signed.update(request.hexdigest().encode())
            signature = outer()
            signature.update(signed.digest())
            endings.append(query + signature.hexdigest())
        return endings

    def _paths(self, keys: Sequence[str]) -> list[str]:
        """As URLs have them. A whole location is no key of this prefix, whatever it names."""
        for key in keys:
            if "://" in key:
                raise TableUnreadable(
                    "Its log names a file that this server cannot hand out.",
                    hint="The provider can allow another directory with `lakeshare table create --also`.",
                    detail=f"location {key!r}",
                )
        return quote_paths(keys, SAFE)


def _queries(credentials: S3Credentials, scope: str, date: str, window: SigningWindow) -> tuple[str, str]:
    """The parameters as botocore orders them in a URL, and sorted by name, as they are signed."""
    parameters = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key_id}/{scope}",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(window.expires_at - window.starts_at),
        "X-Amz-SignedHeaders": "host",
    }
    if credentials.session_token is not None:
        parameters["X-Amz-Security-Token"] = credentials.session_token
    told = [f"{name}={quote(value, safe='')}" for name, value in parameters.items()]
    return "&".join(told), "&".join(sorted(told))


def _signing_key(credentials: S3Credentials, scope: str) -> bytes:
    """The key of one day, region and service: a chain of HMACs over the scope's parts."""
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def _padded(key: bytes, pad: int) -> bytes:
    """The key's block of HMAC-SHA256 (RFC 2104)."""
    return bytes(byte ^ pad for byte in key.ljust(64, b"\x00"))


def _without_default_port(scheme: str, host: str) -> str:
    return host.removesuffix({"http": ":80", "https": ":443"}[scheme])
