"""A query of one version: the newest, an older one, or the one that a page or refresh token pins."""

import asyncio
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from lakeshare.audit.events import Result
from lakeshare.catalog.model import RecipientAccess
from lakeshare.datafiles.files import FileList
from lakeshare.datafiles.pruning import limit, prune
from lakeshare.operations.answers import (
    Chunk,
    Encode,
    LinesAnswer,
    Part,
    audited_chunks,
    cut_files,
    has_end,
    signing_window,
)
from lakeshare.operations.audit_trail import record
from lakeshare.operations.file_parts import LineStyle
from lakeshare.operations.fragments import header_lines
from lakeshare.operations.history_scope import moment_to_version
from lakeshare.operations.negotiate_format import negotiate_snapshot
from lakeshare.operations.query_tokens import (
    SnapshotPage,
    open_page,
    open_refresh,
    page_holder,
    request_hash,
    seal_page,
    seal_refresh,
)
from lakeshare.operations.read_table import AuthorizedTable, read_snapshot
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.actions import EndStreamAction
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.protocol.predicates import parse_json_hint, parse_sql_hint
from lakeshare.protocol.requests import INT64_MAX, QueryRequest
from lakeshare.tables.base import Snapshot
from lakeshare.tables.history import CommitTime

MAX_HINT_CHARACTERS = 1_000_000
"""Of all SQL hints of a request together; hints behind that are skipped, as hints may be."""


@dataclass(frozen=True, slots=True)
class PreparedSnapshot:
    """What a query of one version answers, before it is cut into pages. `files` are in the snapshot's order."""

    snapshot: Snapshot
    response_format: ResponseFormat
    files: FileList


async def query_snapshot(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    table: AuthorizedTable,
    request: QueryRequest,
    capabilities: Capabilities,
    *,
    pinned: int | None = None,
    always_end: bool = False,
) -> LinesAnswer:
    """The files of one version that the hints leave, or a page of them.

    `pinned` is the version where it was decided before, with every check; `always_end` ends the answer with an
    EndStreamAction although the request does not ask for one. Raises InvalidValue, UnsupportedTableFeature,
    TableUnreadable or Unavailable.
    """
    holder = page_holder(access, table, request_hash("query", request, capabilities))
    page = open_page(services, holder, request.page_token, SnapshotPage) if request.page_token else None
    if page is not None:
        version: int | None = page.version
    elif pinned is not None:
        version = pinned
    else:
        version = await snapshot_version(services, access, table, request)

    prepared = await prepare_snapshot(services, table, request, capabilities, version)
    snapshot, response_format = prepared.snapshot, prepared.response_format
    left = prepared.files if page is None else prepared.files.behind(page.last_key)
    files = left if request.max_files is None else left.head(request.max_files)

    window = signing_window(services, access)
    sign_urls = services.url_signer(table.shared.table, window)
    stamp = CommitTime(snapshot.version, snapshot.timestamp) if _is_time_travel(request) else None
    style = LineStyle(response_format, sign_urls, window.expires_at * 1000, table.shared.table.location, stamp)

    def render(some: FileList) -> bytes:
        return services.lines.render(some, style)

    parts: list[Part[FileList]] = [
        Part(lambda: header_lines(snapshot, response_format, stamped=stamp is not None)),
        *cut_files(files, render),
    ]
    ends = always_end or has_end(request, capabilities)
    ending = None
    if ends:
        is_last_page = files.height == left.height
        last_key = None if is_last_page else files.key_at(files.height - 1)
        ending = EndStreamAction(
            refresh_token=seal_refresh(services, holder, snapshot.version) if request.include_refresh_token else None,
            next_page_token=last_key and seal_page(services, holder, SnapshotPage(snapshot.version, last_key)),
            min_url_expiration_timestamp=window.expires_at * 1000 if files.height else None,
        )

    def audit(sent: list[FileList], error: str | None) -> None:
        result: Result = {
            "tableVersion": snapshot.version,
            "activeAddFiles": snapshot.num_files,
            "numAddFiles": sum(some.height for some in sent),
            "scannedAddFileSize": sum(some.size_bytes() for some in sent),
            "limitHint": request.limit_hint,
            "deltaSharingRecipientId": access.recipient.id,
        }
        record(services, caller, "deltaSharingQueriedTable", table.audit_params, result=result, error_message=error)

    # The hash tells the format that was negotiated, the scheme of file ids, the hints and the limit.
    of_answer = table.scope, snapshot.version, snapshot.proof, response_format, holder.request, stamp
    of_urls = style.root, sign_urls.place, sign_urls.issue, window

    def chunks(encode: Encode) -> Generator[Chunk, None, None]:
        if page is not None or request.max_files is not None:
            return audited_chunks(parts, ending, audit, encode)
        now, key = services.clock() // 1000, (of_answer, of_urls, encode)
        keep = partial(services.bodies.kept, key, now=now, ends_at=window.ends_at)
        return audited_chunks(parts, ending, audit, encode, keep)

    return LinesAnswer(snapshot.version, response_format, chunks, ends)


async def snapshot_version(
    services: Services, access: RecipientAccess, table: AuthorizedTable, request: QueryRequest
) -> int | None:
    """The version that a request without a page token asks for; None is the newest. Raises InvalidValue."""
    if request.refresh_token:
        return open_refresh(services, page_holder(access, table, ""), request.refresh_token)
    return await moment_to_version(services, table, request.version, request.timestamp)


async def prepare_snapshot(
    services: Services,
    table: AuthorizedTable,
    request: QueryRequest,
    capabilities: Capabilities,
    version: int | None,
) -> PreparedSnapshot:
    """Load, negotiate and prune: all that can still be refused once the version is decided."""
    snapshot = await read_snapshot(services, table, version)
    response_format = negotiate_snapshot(snapshot, capabilities, table.shown_as)
    return PreparedSnapshot(snapshot, response_format, await asyncio.to_thread(_hinted, services, snapshot, request))


def _hinted(services: Services, snapshot: Snapshot, request: QueryRequest) -> FileList:
    """What the hints leave of the snapshot: first the predicates, then the limit."""
    files = snapshot.files
    hints = [parse_sql_hint(hint) for hint in _affordable(request.predicate_hints or ())]
    if request.json_predicate_hints:
        hints.append(parse_json_hint(request.json_predicate_hints))
    predicates = [hint for hint in hints if hint is not None]
    if predicates:
        schema, partition_columns = snapshot.metadata.schema_string, snapshot.metadata.partition_columns
        files = prune(files, predicates, schema, partition_columns, services.memory)
    if request.limit_hint is not None:
        files = limit(files, min(request.limit_hint, INT64_MAX))
    return files


def _affordable(hints: Sequence[str]) -> Iterator[str]:
    """The first hints, up to so many characters in all: parsing costs about a second per million."""
    left = MAX_HINT_CHARACTERS
    for hint in hints:
        left -= len(hint)
        if left < 0:
            return
        yield hint


def _is_time_travel(request: QueryRequest) -> bool:
    return request.version is not None or request.timestamp is not None
