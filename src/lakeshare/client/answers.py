"""A query's answer, line by line (PROTOCOL.md, "API Response Actions in Parquet Format")."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import httpx
import msgspec

from lakeshare.errors import LakeshareError, Unavailable, UnsupportedTableFeature
from lakeshare.protocol.actions import File, Line, Metadata
from lakeshare.protocol.capabilities import HEADER, parse_capabilities

READER_VERSION = 1
REQUEST_HEADERS = {HEADER: "responseformat=parquet;includeEndStreamAction=true"}
VERSION_HEADER = "delta-table-version"


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The data files of one version of a table, less those that the hints or the limit made superfluous."""

    version: int
    metadata: Metadata
    files: list[File]


def read_version(response: httpx.Response) -> int:
    """The table version that an answer is about."""
    value = response.headers.get(VERSION_HEADER, "")
    if not value.isdecimal():
        raise LakeshareError(
            f"The sharing server sent no {VERSION_HEADER}, or one that is no number: {value!r}.", hint=_SERVER_HINT
        )
    return int(value)


def read_answer(response: httpx.Response, limit: int | None) -> TableFiles:
    """The metadata and files of an answer; files that come after `limit` rows are covered are not waited for.

    Raises UnsupportedTableFeature for a table that comes in delta format only, Unavailable for an answer that the
    server broke off, LakeshareError for one that the protocol does not describe.
    """
    capabilities = parse_capabilities(response.headers.get(HEADER))
    if capabilities.formats == ("delta",):
        raise _delta_only()
    metadata: Metadata | None = None
    files: list[File] = []
    rows, ended = 0, False
    for line in _lines(response.iter_bytes()):
        _refuse_unreadable(line)
        metadata = line.meta_data or metadata
        ended = ended or line.end_stream_action is not None
        if line.file is None:
            continue
        if limit is not None:
            if files and rows >= limit:
                ended = True
                break
            rows += _num_records(line.file)
        files.append(line.file)
    if capabilities.include_end_stream_action and not ended:
        raise Unavailable("The sharing server broke its answer off before the end.", hint="Try again.")
    if metadata is None or metadata.schema_string is None:
        raise LakeshareError("The sharing server answered without the table's schema.", hint=_SERVER_HINT)
    return TableFiles(read_version(response), metadata, files)


_SERVER_HINT = "Check the endpoint in the profile, or tell the provider."


class _Statistics(msgspec.Struct, rename="camel"):
    num_records: int = 0


_decode_line = msgspec.json.Decoder(Line).decode
_decode_statistics = msgspec.json.Decoder(_Statistics).decode


def _delta_only() -> UnsupportedTableFeature:
    return UnsupportedTableFeature(
        "The server offers this table in delta format only, which this client does not read yet.",
        hint="Ask the provider for a copy without deletion vectors and column mapping, or read it with Apache Spark.",
    )


def _refuse_unreadable(line: Line) -> None:
    if line.protocol is not None:
        if line.protocol.delta_protocol is not None:
            raise _delta_only()
        if (line.protocol.min_reader_version or 0) > READER_VERSION:
            raise UnsupportedTableFeature(
                f"The table needs a client of reader version {line.protocol.min_reader_version}, "
                f"and this one has {READER_VERSION}.",
                hint="Upgrade lakeshare to a newer version.",
            )
    if line.meta_data is not None and line.meta_data.access_modes and "url" not in line.meta_data.access_modes:
        raise UnsupportedTableFeature(
            "The table is offered by directory access only, which this client does not read yet."
        )
    if line.end_stream_action is not None and line.end_stream_action.error_message:
        raise LakeshareError(f"The sharing server failed: {line.end_stream_action.error_message}")


def _lines(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The decoded lines. They end at \\n alone: U+2028 and the like may stand inside a value."""
    number = 0
    for number, line in enumerate(_split(chunks), 1):
        if line.strip():
            try:
                yield _decode_line(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise LakeshareError(
                    f"Line {number} of the sharing server's answer is not what the protocol describes: {error}.",
                    hint=_SERVER_HINT,
                ) from None


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    yield rest


def _num_records(file: File) -> int:
    """How many rows the file's statistics promise; 0 where they say nothing."""
    try:
        return _decode_statistics(file.stats).num_records if file.stats else 0
    except msgspec.DecodeError:
        return 0
