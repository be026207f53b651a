"""The environment to typed settings. Everything that an operator can set is listed in docs/operators.md."""

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from lakeshare.errors import InvalidValue

SECRET_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class Settings:
    """`home` is where the state lives.

    `freshness_ms` is how long a snapshot is believed without a look at the log; None means 0 for local tables and
    1,000 for remote ones. `memory_bytes` bounds what is kept in memory, `cache_bytes` what is kept in
    `cache_directory`. `local_roots` are the directories whose files the server hands out; None means those of every
    table that the command line registered.
    """

    home: Path
    secret_key: bytes
    public_url: str | None = None
    url_seconds: int = 900
    freshness_ms: int | None = None
    stale_grants_seconds: int = 60
    memory_bytes: int = 1 << 30
    cache_bytes: int = 20 << 30
    audit_fsync: bool = False
    local_roots: tuple[Path, ...] | None = None

    def __repr__(self) -> str:
        return f"Settings(home={str(self.home)!r})"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.home / 'lakeshare.db'}"

    @property
    def cache_directory(self) -> Path:
        return self.home / "cache"

    @property
    def audit_directory(self) -> Path:
        return self.home / "audit"


def load_settings(
    home: Path | None = None, public_url: str | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """Read the environment; make the home and its secret key where they are not there yet.

    Raises InvalidValue, naming the variable, where a value cannot be used.
    """
    home = (home or Path(environment.get("LAKESHARE_HOME", ".lakeshare"))).absolute()
    _make_private(home)
    url = public_url or environment.get("LAKESHARE_PUBLIC_URL")
    return Settings(
        home=home,
        secret_key=_secret_key(home, environment.get("LAKESHARE_SECRET_KEY")),
        public_url=_checked_url(url) if url else None,
        url_seconds=_whole(environment, "LAKESHARE_URL_SECONDS", 900, least=10),
        freshness_ms=_whole(environment, "LAKESHARE_FRESHNESS_MS", None),
        stale_grants_seconds=_whole(environment, "LAKESHARE_STALE_GRANTS_SECONDS", 60),
        memory_bytes=_whole(environment, "LAKESHARE_MEMORY_BYTES", 1 << 30),
        cache_bytes=_whole(environment, "LAKESHARE_CACHE_BYTES", 20 << 30),
        audit_fsync=_flag(environment, "LAKESHARE_AUDIT_FSYNC"),
        local_roots=_directories(environment, "LAKESHARE_LOCAL_ROOTS"),
    )


def _make_private(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidValue(
            f"The home {str(home)!r} cannot be made: {error.strerror}.", hint="Set --home or LAKESHARE_HOME."
        ) from error


def _secret_key(home: Path, from_environment: str | None) -> bytes:
    if from_environment:
        return _decoded_key(from_environment, "LAKESHARE_SECRET_KEY")
    path = home / "secret.key"
    if not path.exists():
        _write_key(path)
    return _decoded_key(path.read_text(), str(path))


def _write_key(path: Path) -> None:
    """Make the key once, whole: of several processes that start together, the first one's key is everyone's."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(base64.b64encode(secrets.token_bytes(SECRET_KEY_BYTES)) + b"\n")
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _decoded_key(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != SECRET_KEY_BYTES:
        raise InvalidValue(
            f"{source} does not hold {SECRET_KEY_BYTES} bytes in base64.", hint="Make one with: openssl rand -base64 32"
        )
    return key


def _checked_url(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if scheme not in ("http", "https") or not separator or not rest.strip("/") or not url.isprintable() or " " in url:
        raise InvalidValue(f"The public URL {url!r} is not an address.", hint="Write it like https://share.example.com")
    return url.rstrip("/")


Default = TypeVar("Default", int, None)


def _whole(environment: Mapping[str, str], name: str, default: Default, *, least: int = 0) -> int | Default:
    text = environment.get(name)
    if not text:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < least:
        raise InvalidValue(f"{name} is {text!r}.", hint=f"Set a whole number of at least {least}, or leave it out.")
    return int(text)


def _directories(environment: Mapping[str, str], name: str) -> tuple[Path, ...] | None:
    text = environment.get(name)
    return tuple(Path(part).absolute() for part in text.split(os.pathsep) if part) if text else None


def _flag(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "false").lower()
    if text not in ("true", "false"):
        raise InvalidValue(f"{name} is {text!r}.", hint="Set true or false.")
    return text == "true"
