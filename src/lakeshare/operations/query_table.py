"""PROTOCOL.md, "Read Data from a Table": the current snapshot, pruned, signed and streamed."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from lakeshare.audit.events import Result
from lakeshare.catalog.model import RecipientAccess
from lakeshare.datafiles.pruning import limit, prune
from lakeshare.operations.audit_trail import record
from lakeshare.operations.authorize import TableName
from lakeshare.operations.fragments import file_lines, header_lines
from lakeshare.operations.negotiate_format import negotiate_format
from lakeshare.operations.read_table import AuthorizedRead, open_authorized, refuse_unserved
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.protocol.predicates import parse_json_hint, parse_sql_hint
from lakeshare.protocol.requests import QueryRequest

FIRST_CHUNK_FILES = 64
CHUNK_FILES = 512


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """`chunks` renders whole NDJSON lines as it is pulled: pull it off the event loop, and close it."""

    version: int
    response_format: ResponseFormat
    chunks: Iterator[bytes]


async def query_table(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    name: TableName,
    request: QueryRequest,
    capabilities: Capabilities,
) -> QueryAnswer:
    """The files of the table as it is now, less those that the hints rule out.

    Raises NotFound, InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable before the first chunk.
    """
    read = await open_authorized(services, access, name)
    _refuse_history(request)
    response_format = negotiate_format(read.snapshot, capabilities, str(name))
    files = await _prune(read, request)
    query = _Query(services, caller, access, read, request, response_format, files)
    return QueryAnswer(read.snapshot.version, response_format, query.chunks())


def _refuse_history(request: QueryRequest) -> None:
    refuse_unserved(
        {
            "version": request.version,
            "timestamp": request.timestamp,
            "startingVersion": request.starting_version,
            "startingTimestamp": request.starting_timestamp,
            "endingVersion": request.ending_version,
            "endingTimestamp": request.ending_timestamp,
            "pageToken": request.page_token,
            "refreshToken": request.refresh_token,
        }
    )


async def _prune(read: AuthorizedRead, request: QueryRequest) -> pl.DataFrame:
    files = read.snapshot.files
    if request.predicate_hints or request.json_predicate_hints:
        files = await asyncio.to_thread(_apply_predicates, read, request)
    if request.limit_hint is not None:
        files = limit(files, request.limit_hint)
    return files


def _apply_predicates(read: AuthorizedRead, request: QueryRequest) -> pl.DataFrame:
    parsed = [parse_sql_hint(hint) for hint in request.predicate_hints or ()]
    if request.json_predicate_hints:
        parsed.append(parse_json_hint(request.json_predicate_hints))
    predicates = [predicate for predicate in parsed if predicate is not None]
    metadata = read.snapshot.metadata
    return prune(read.snapshot.files, predicates, metadata.schema_string, metadata.partition_columns)


@dataclass(frozen=True, slots=True)
class _Query:
    """A query that is decided: what is left is to sign, render and audit it."""

    services: Services
    caller: Caller
    access: RecipientAccess
    read: AuthorizedRead
    request: QueryRequest
    response_format: ResponseFormat
    files: pl.DataFrame

    def chunks(self) -> Iterator[bytes]:
        """The answer in growing chunks. Its audit event is written before the last of them, or when it breaks off."""
        expires_at = self._urls_expire_at()
        sign_urls = self.services.url_signer(self.read.shared.table, expires_at)
        header = header_lines(self.read.snapshot, self.response_format)
        sent, audited = 0, False
        try:
            for end in _chunk_ends(self.files.height):
                lines = file_lines(self.files[sent:end], self.response_format, sign_urls, expires_at * 1000)
                if end == self.files.height:
                    audited = True
                    self._record(self.files)
                yield header + lines
                header, sent = b"", end
        finally:
            if not audited:
                error = f"The answer broke off after {sent} of {self.files.height} files."
                self._record(self.files[:sent], error)

    def _urls_expire_at(self) -> int:
        """Epoch seconds, rounded down; no URL outlives the token that asked for it."""
        ends = self.services.clock() + self.services.url_seconds * 1000
        return min(ends, self.access.token.expires_at or ends) // 1000

    def _record(self, files: pl.DataFrame, error: str | None = None) -> None:
        result: Result = {
            "tableVersion": self.read.snapshot.version,
            "activeAddFiles": self.read.snapshot.num_files,
            "numAddFiles": files.height,
            "scannedAddFileSize": int(files["size"].sum()),
            "limitHint": self.request.limit_hint,
            "deltaSharingRecipientId": self.access.recipient.id,
        }
        record(
            self.services,
            self.caller,
            "deltaSharingQueriedTable",
            self.read.audit_params,
            result=result,
            error_message=error,
        )


def _chunk_ends(files: int) -> Iterator[int]:
    """Where each chunk ends: the first is small, so that the first byte is soon there. At least one."""
    end = min(FIRST_CHUNK_FILES, files)
    yield end
    while end < files:
        end = min(end + CHUNK_FILES, files)
        yield end
