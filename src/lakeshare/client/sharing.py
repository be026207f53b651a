"""The recipient's client: lists what is shared, and reads it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import polars as pl
from polars.io.plugins import register_io_source

from lakeshare.client.address import TableName, load_profile, parse_table_name, parse_table_url
from lakeshare.client.answers import REQUEST_HEADERS, TableFiles, read_answer, read_version
from lakeshare.client.reading import TableLayout, check_columns, read_files, split_files, table_layout
from lakeshare.client.transport import Retries, Transport
from lakeshare.errors import InvalidValue, LakeshareError, TableUnreadable
from lakeshare.protocol.actions import Metadata
from lakeshare.protocol.profile import Profile

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of a table's rows, and how much of the whole has been read with them."""

    frame: pl.DataFrame
    files_read: int
    files: int
    bytes_read: int
    bytes: int


class SharingClient:
    """Reads from one sharing server. Tables are named by TableName or `share.schema.table`.

    Every method may raise Unauthenticated, PermissionDenied, NotFound, or Unavailable when the server stays out of
    reach for as long as `retries` says.
    """

    def __init__(self, profile: Profile, *, retries: Retries = Retries()) -> None:  # noqa: B008  it is frozen
        self._transport = Transport(profile, retries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def shares(self) -> list[str]:
        return [share.name for share in self._pages("/shares", _Share)]

    def schemas(self, share: str) -> list[str]:
        return [schema.name for schema in self._pages(f"/shares/{_quoted(share)}/schemas", _Schema)]

    def tables(self, share: str, schema: str) -> list[TableName]:
        path = f"/shares/{_quoted(share)}/schemas/{_quoted(schema)}/tables"
        return [TableName(table.share, table.schema, table.name) for table in self._pages(path, _Table)]

    def all_tables(self, share: str) -> list[TableName]:
        path = f"/shares/{_quoted(share)}/all-tables"
        return [TableName(table.share, table.schema, table.name) for table in self._pages(path, _Table)]

    def version(self, table: TableName | str) -> int:
        return self._transport.send("GET", f"{_path(table)}/version", read_version)

    def metadata(self, table: TableName | str) -> Metadata:
        """The table's schema, partition columns and properties. Raises UnsupportedTableFeature."""
        path = f"{_path(table)}/metadata"
        return self._transport.send("GET", path, _read_all, headers=REQUEST_HEADERS).metadata

    def files(
        self,
        table: TableName | str,
        *,
        limit: int | None = None,
        predicate_hints: Sequence[str] = (),
        json_predicate_hints: str | None = None,
    ) -> TableFiles:
        """The data files to fetch for the first `limit` rows, or for all.

        The hints only let the server leave files out: the rows of the others are not filtered.
        Raises UnsupportedTableFeature, InvalidValue.
        """
        if limit is not None and limit < 0:
            raise InvalidValue(f"The limit is {limit}.", hint="Give 0 or more.")
        body: dict[str, Any] = {}
        if limit is not None:
            body["limitHint"] = limit
        if predicate_hints:
            body["predicateHints"] = list(predicate_hints)
        if json_predicate_hints is not None:
            body["jsonPredicateHints"] = json_predicate_hints
        return self._transport.send(
            "POST",
            f"{_path(table)}/query",
            lambda response: read_answer(response, limit),
            body=body,
            headers=REQUEST_HEADERS,
        )

    def read(
        self,
        table: TableName | str,
        *,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        predicate_hints: Sequence[str] = (),
        json_predicate_hints: str | None = None,
    ) -> pl.DataFrame:
        """The table as a frame: the given columns, all where None, of the first `limit` rows, or of all.

        Raises also TableUnreadable, UnsupportedTableFeature, and InvalidValue for an unknown column.
        """
        listed = self.files(
            table, limit=limit, predicate_hints=predicate_hints, json_predicate_hints=json_predicate_hints
        )
        layout = table_layout(listed.metadata)
        return read_files(layout, listed.files, check_columns(layout, columns), limit)

    def batches(
        self, table: TableName | str, *, columns: Sequence[str] | None = None, limit: int | None = None
    ) -> Iterator[Batch]:
        """As `read`, in frames that need memory for a batch of files only; at least one, which may be empty."""
        listed = self.files(table, limit=limit)
        layout = table_layout(listed.metadata)
        return _batches(listed, layout, check_columns(layout, columns), limit)

    def scan(self, table: TableName | str) -> pl.LazyFrame:
        """The table as a lazy frame: projection and filter reach the files, head reaches the server.

        The files are listed anew whenever it is collected, so that their URLs are fresh; collecting raises
        TableUnreadable if the table's schema is another by then.
        """
        promised = table_layout(self.metadata(table))

        def frames(pushed: _PushedDown) -> Iterator[pl.DataFrame]:
            return self._frames(table, promised, pushed)

        return _lazy(promised, frames)

    def _frames(self, table: TableName | str, promised: TableLayout, pushed: "_PushedDown") -> Iterator[pl.DataFrame]:
        listed = self.files(table, limit=pushed.limit)
        layout = table_layout(listed.metadata)
        if list(layout.schema.items()) != list(promised.schema.items()):
            raise TableUnreadable("The table's schema has changed since it was scanned.", hint="Scan it again.")
        columns = check_columns(layout, pushed.columns)
        return (batch.frame for batch in _batches(listed, layout, columns, pushed.limit, pushed.predicate))

    def _pages(self, path: str, item: type[Item]) -> Iterator[Item]:
        decoder = msgspec.json.Decoder(_Page[item])  # type: ignore[valid-type]

        def read(response: httpx.Response) -> _Page[Item]:
            try:
                return decoder.decode(response.read())
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise LakeshareError(
                    f"The sharing server answered {path} with what the protocol does not describe: {error}.",
                    hint="Check the endpoint in the profile, or tell the provider.",
                ) from None

        params: dict[str, str] = {}
        while True:
            page = self._transport.send("GET", path, read, params=params)
            yield from page.items
            if not page.next_page_token:
                return
            params = {"pageToken": page.next_page_token}


def read_table(url: str, *, columns: Sequence[str] | None = None, limit: int | None = None) -> pl.DataFrame:
    """The table at `PROFILE#share.schema.table` as a frame: see SharingClient.read."""
    path, table = parse_table_url(url)
    with SharingClient(load_profile(path)) as client:
        return client.read(table, columns=columns, limit=limit)


def scan_table(url: str) -> pl.LazyFrame:
    """The table at `PROFILE#share.schema.table` as a lazy frame: see SharingClient.scan."""
    path, table = parse_table_url(url)
    profile = load_profile(path)
    with SharingClient(profile) as client:
        promised = table_layout(client.metadata(table))

    def frames(pushed: _PushedDown) -> Iterator[pl.DataFrame]:
        with SharingClient(profile) as client:
            yield from client._frames(table, promised, pushed)  # noqa: SLF001  the same as its scan, but closed

    return _lazy(promised, frames)


@dataclass(frozen=True, slots=True)
class _PushedDown:
    """What Polars asks of a source. The limit counts rows before the predicate."""

    columns: list[str] | None
    predicate: pl.Expr | None
    limit: int | None


def _lazy(promised: TableLayout, frames: Callable[[_PushedDown], Iterator[pl.DataFrame]]) -> pl.LazyFrame:
    def source(
        columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, _batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        return frames(_PushedDown(columns, predicate, limit))

    return register_io_source(source, schema=pl.Schema(promised.schema), validate_schema=True)


def _batches(
    listed: TableFiles,
    layout: TableLayout,
    columns: Sequence[str],
    limit: int | None,
    predicate: pl.Expr | None = None,
) -> Iterator[Batch]:
    """At least one batch. The limit counts rows before the predicate."""
    total = sum(file.size for file in listed.files)
    files_read = bytes_read = 0
    remaining = limit
    for group in list(split_files(listed.files)) or [[]]:
        if limit is None:
            frame = read_files(layout, group, columns, predicate=predicate)
        else:
            frame = read_files(layout, group, columns, remaining)
            remaining = (remaining or 0) - frame.height
            frame = frame if predicate is None else frame.filter(predicate)
        files_read += len(group)
        bytes_read += sum(file.size for file in group)
        yield Batch(frame, files_read, len(listed.files), bytes_read, total)
        if remaining == 0:
            return


class _Share(msgspec.Struct):
    name: str


class _Schema(msgspec.Struct):
    name: str


class _Table(msgspec.Struct):
    name: str
    schema: str
    share: str


class _Page(msgspec.Struct, Generic[Item], rename="camel"):
    items: list[Item] = []
    next_page_token: str | None = None


def _read_all(response: httpx.Response) -> TableFiles:
    return read_answer(response, None)


def _path(table: TableName | str) -> str:
    name = parse_table_name(table) if isinstance(table, str) else table
    return f"/shares/{_quoted(name.share)}/schemas/{_quoted(name.schema)}/tables/{_quoted(name.table)}"


def _quoted(name: str) -> str:
    return quote(name, safe="")
