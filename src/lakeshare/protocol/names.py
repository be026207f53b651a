"""The names of shares, schemas and tables: PROTOCOL.md, "Names"."""

from typing import Literal

from lakeshare.errors import InvalidValue

NameKind = Literal["catalog", "schema", "table", "share", "recipient"]

MAX_NAME_LENGTH = 255
RESTRICTED_CHARACTERS = frozenset(" /\x7f") | frozenset(map(chr, range(0x20)))
KINDS_WITHOUT_PERIOD: frozenset[NameKind] = frozenset({"catalog", "schema", "table"})
"""PROTOCOL.md forbids it for schemas and tables; a catalog's name precedes theirs in `catalog.schema.table`."""


def check_name(kind: NameKind, name: str) -> str:
    """The name itself, where the protocol allows it. Raises InvalidValue, which names the value and the rule."""
    if not name:
        raise InvalidValue(f"The {kind} name is empty.", hint=f"Give it 1 to {MAX_NAME_LENGTH} characters.")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidValue(
            f"The {kind} name {name[:40] + '…'!r} has {len(name)} characters.",
            hint=f"A name has at most {MAX_NAME_LENGTH}.",
        )
    restricted = next((character for character in name if character in RESTRICTED_CHARACTERS), None)
    if restricted is not None:
        raise InvalidValue(
            f"The {kind} name {name!r} holds {_describe(restricted)}.",
            hint="A name has no space, no slash and no control character.",
        )
    if kind in KINDS_WITHOUT_PERIOD and "." in name:
        raise InvalidValue(f"The {kind} name {name!r} holds a period.", hint=f"A {kind} name has no period.")
    if not _is_text(name):
        raise InvalidValue(f"The {kind} name {name!r} is not valid Unicode.", hint="Write it in UTF-8.")
    return name


def split_table_name(full_name: str) -> tuple[str, str, str]:
    """`catalog.schema.table` in its three parts. Raises InvalidValue where it has other parts or a bad one."""
    parts = full_name.split(".")
    if len(parts) != 3:  # noqa: PLR2004  the three parts that the message names
        raise InvalidValue(f"{_shorten(full_name)!r} is not a table's full name.", hint="Write CATALOG.SCHEMA.TABLE.")
    catalog, schema, table = parts
    return check_name("catalog", catalog), check_name("schema", schema), check_name("table", table)


def split_shared_name(name: str) -> tuple[str, str]:
    """`schema.table`, as a share shows it, in two parts. Raises InvalidValue where it has other parts or a bad one."""
    parts = name.split(".")
    if len(parts) != 2:  # noqa: PLR2004  the two parts that the message names
        raise InvalidValue(f"{_shorten(name)!r} is not the name of a table in a share.", hint="Write SCHEMA.NAME.")
    schema, table = parts
    return check_name("schema", schema), check_name("table", table)


def _describe(character: str) -> str:
    return {" ": "a space", "/": "a slash"}.get(character, f"the control character {character!r}")


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_NAME_LENGTH else text[:40] + "…"


def _is_text(name: str) -> bool:
    """False for lone surrogates, which neither a URL nor a database can hold."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
