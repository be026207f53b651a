"""How a recipient names a table: `PROFILE#share.schema.table`."""

from dataclasses import dataclass
from pathlib import Path

from lakeshare.errors import InvalidValue
from lakeshare.protocol.profile import Profile, decode_profile


@dataclass(frozen=True, slots=True)
class TableName:
    """A shared table, as the recipient sees it. Only a share's name may hold periods."""

    share: str
    schema: str
    table: str

    def __str__(self) -> str:
        return f"{self.share}.{self.schema}.{self.table}"


def parse_table_name(name: str) -> TableName:
    """The parts of `share.schema.table`. Raises InvalidValue, which says what is missing."""
    parts = name.rsplit(".", 2)
    if len(parts) != 3 or not all(parts):  # noqa: PLR2004  the three parts that the message names
        raise InvalidValue(f"{name!r} does not name a shared table.", hint="Write share.schema.table.")
    return TableName(*parts)


def parse_table_url(url: str) -> tuple[Path, TableName]:
    """The profile file and the table of `PROFILE#share.schema.table`. Raises InvalidValue."""
    profile, mark, name = url.rpartition("#")
    if not mark or not profile:
        raise InvalidValue(
            f"{url!r} does not name a profile file and a table.", hint="Write 'config.share#share.schema.table'."
        )
    return Path(profile).expanduser(), parse_table_name(name)


def load_profile(path: str | Path) -> Profile:
    """The profile in a file. Raises InvalidValue, which names the file."""
    path = Path(path).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InvalidValue(
            f"The profile file '{path}' cannot be read: {error.strerror or error}.",
            hint="Give the path of the config.share file that the activation link offered.",
        ) from error
    try:
        return decode_profile(data)
    except InvalidValue as error:
        raise InvalidValue(f"'{path}': {error.message}", hint=error.hint) from error
