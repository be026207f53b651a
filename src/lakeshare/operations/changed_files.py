"""Answers about a range of versions: their lines, version by version, whole or in pages."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from lakeshare.audit.events import Result
from lakeshare.catalog.model import RecipientAccess
from lakeshare.errors import InvalidValue
from lakeshare.operations.answers import LinesAnswer, Part, audited_chunks, cut_files, has_end, signing_window
from lakeshare.operations.audit_trail import record
from lakeshare.operations.file_parts import LineStyle
from lakeshare.operations.fragments import change_lines, metadata_line, protocol_line
from lakeshare.operations.history_scope import version_range
from lakeshare.operations.negotiate_format import negotiate_range
from lakeshare.operations.query_tokens import ChangesPage, open_page, page_holder, request_hash, seal_page
from lakeshare.operations.read_table import AuthorizedTable, read_commits, read_metadata
from lakeshare.operations.removed_files import complete_removes
from lakeshare.operations.services import Caller, Services
from lakeshare.protocol.actions import EndStreamAction
from lakeshare.protocol.capabilities import Capabilities, ResponseFormat
from lakeshare.protocol.requests import RangeRequest
from lakeshare.tables.base import Commit, TableMetadata, TableProtocol
from lakeshare.tables.history import CommitTime


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What a request wants of a range of versions.

    `first` is the first version that the scope lets it read; `changed_files` picks the rows of a commit that it is
    told. Its first two lines are the protocol and metadata of the range's start, or of the newest version.
    """

    endpoint: str
    audited_as: str
    request: RangeRequest
    first: int
    changed_files: Callable[[Commit], pl.DataFrame]
    historical_metadata: bool
    historical_protocol: bool
    head_at_start: bool
    needs_change_data_feed: bool
    clamps_end: bool
    always_end: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One version of the answer. `is_whole` says that no page told of it before."""

    commit: Commit
    files: pl.DataFrame
    is_whole: bool = True


async def answer_changes(
    services: Services,
    caller: Caller,
    access: RecipientAccess,
    table: AuthorizedTable,
    query: ChangesQuery,
    capabilities: Capabilities,
) -> LinesAnswer:
    """The lines of the range, or of a page of it. All of it is read before the answer begins, so that whatever is
    wrong with it is a refusal. Raises InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable."""
    request = query.request
    holder = page_holder(access, table, request_hash(query.endpoint, request, capabilities))
    if request.page_token:
        page = open_page(services, holder, request.page_token, ChangesPage)
        changes = await _changes_behind(services, table, query, page)
    else:
        page, changes = await prepare_changes(services, table, query, capabilities)
    protocol, metadata = await read_metadata(services, table, page.head)
    sent, last_key = _cut(changes, request.max_files)

    window = signing_window(services, access)
    sign_urls = services.url_signer(table.shared.table, window)
    style = LineStyle(page.response_format, sign_urls, window.expires_at * 1000, table.shared.table.location)
    lines = _Lines(query, page, style)
    parts: list[Part[pl.DataFrame]] = [Part(lambda: lines.head(protocol, metadata))]
    for change in sent:
        parts += lines.of(change)
    ends = query.always_end or has_end(request, capabilities)
    ending = None
    if ends:
        has_files = any(change.files.height for change in sent)
        ending = EndStreamAction(
            next_page_token=last_key and seal_page(services, holder, _page_behind(page, sent, last_key)),
            min_url_expiration_timestamp=window.expires_at * 1000 if has_files else None,
        )

    def audit(given: list[pl.DataFrame], error: str | None) -> None:
        result: Result = {
            "tableVersion": page.start,
            "numAddFiles": _count(given, "add"),
            "numRemoveFiles": _count(given, "remove"),
            "numAddCDCFiles": _count(given, "cdc"),
            "deltaSharingRecipientId": access.recipient.id,
        }
        record(services, caller, query.audited_as, table.audit_params, result=result, error_message=error)

    return LinesAnswer(page.start, page.response_format, partial(audited_chunks, parts, ending, audit), ends)


async def prepare_changes(
    services: Services, table: AuthorizedTable, query: ChangesQuery, capabilities: Capabilities
) -> tuple[ChangesPage, list[Change]]:
    """The range, the format that all of it can be told in, and all of its changes: what the first page begins with.

    Raises InvalidValue, UnsupportedTableFeature, TableUnreadable or Unavailable: all that can be refused.
    """
    asked = await version_range(services, table, query.request, first=query.first, clamp_end=query.clamps_end)
    head = asked.start if query.head_at_start else asked.newest
    commits = read_commits(services, table, asked.start, asked.end)
    changes = [Change(commit, await _told_files(services, table, query, commit)) async for commit in commits]
    protocol, metadata = await read_metadata(services, table, asked.start)
    if query.needs_change_data_feed:
        _require_change_data_feed(table, asked.start, metadata, changes)
    in_force = [await read_metadata(services, table, head), *_in_force(protocol, metadata, changes)]
    has_vectors = any(change.files["deletion_vector_id"].null_count() < change.files.height for change in changes)
    response_format = negotiate_range(in_force, has_vectors, capabilities, table.shown_as)
    return ChangesPage(asked.start, head, asked.end, response_format, asked.start, ("", "", "")), changes


async def _changes_behind(
    services: Services, table: AuthorizedTable, query: ChangesQuery, page: ChangesPage
) -> list[Change]:
    """The changes behind a page's last key, up to the first that the next page cannot hold."""
    changes: list[Change] = []
    files, most = 0, query.request.max_files
    async for commit in read_commits(services, table, page.at, page.end):
        change = Change(commit, await _told_files(services, table, query, commit))
        if commit.version == page.at:
            change = Change(commit, _behind(change.files, page.last_key), is_whole=False)
        changes.append(change)
        files += change.files.height
        if most is not None and files > most and _cut(changes, most)[1] is not None:
            break
    return changes


def _require_change_data_feed(
    table: AuthorizedTable, start: int, metadata: TableMetadata, changes: list[Change]
) -> None:
    in_force = [(start, metadata), *((change.commit.version, change.commit.metadata) for change in changes)]
    for version, told in in_force:
        if told is not None and told.configuration.get("delta.enableChangeDataFeed", "").lower() != "true":
            raise InvalidValue(
                f"Version {version} of '{table.shown_as}' has no change data feed.",
                hint="Ask for versions at which delta.enableChangeDataFeed was true, or query the table.",
            )


def _in_force(
    protocol: TableProtocol, metadata: TableMetadata, changes: list[Change]
) -> Iterator[tuple[TableProtocol, TableMetadata]]:
    """The protocol and metadata of the range's start, and of every version that changed one of them."""
    yield protocol, metadata
    for change in changes:
        if change.commit.protocol is not None or change.commit.metadata is not None:
            protocol = change.commit.protocol or protocol
            metadata = change.commit.metadata or metadata
            yield protocol, metadata


def _key() -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    return pl.col("path"), pl.col("action"), pl.col("deletion_vector_id").fill_null("")


async def _told_files(services: Services, table: AuthorizedTable, query: ChangesQuery, commit: Commit) -> pl.DataFrame:
    """The files of one version that the answer tells, in the order of their keys: commits have none to rely on."""
    files = query.changed_files(commit).sort(*_key())
    return await complete_removes(services, table, commit.version, files)


def _behind(files: pl.DataFrame, last_key: tuple[str, str, str]) -> pl.DataFrame:
    (path, action, vector), (last_path, last_action, last_vector) = _key(), last_key
    in_action = (action > last_action) | ((action == last_action) & (vector > last_vector))
    return files.filter((path > last_path) | ((path == last_path) & in_action))


def _cut(changes: list[Change], max_files: int | None) -> tuple[list[Change], tuple[str, str, str] | None]:
    """The changes of one page, and its last key where files are left behind it."""
    total = sum(change.files.height for change in changes)
    if max_files is None or total <= max_files:
        return changes, None
    sent: list[Change] = []
    count = 0
    for change in changes:
        files = change.files.head(_fitting(change.files["path"], max_files - count, is_first=count == 0))
        if change.files.height and not files.height:
            break
        sent.append(Change(change.commit, files, change.is_whole))
        count += files.height
        if files.height < change.files.height or count >= max_files:
            break
    if count == total:
        return changes, None
    while not sent[-1].files.height:
        sent.pop()  # the next page tells of it
    path, action, vector = sent[-1].files.tail(1).select(*_key()).row(0)
    return sent, (path, action, vector)


def _fitting(paths: pl.Series, room: int, *, is_first: bool) -> int:
    """How many leading rows fit, without parting those of one path: readers pair a remove and an add that change a
    file's deletion vector by their URL, which is another on each page. The first on a page go in any case."""
    end = min(room, len(paths))
    if end == len(paths) or end == 0 or paths[end] != paths[end - 1]:
        return end
    path = paths[end]
    while end > 0 and paths[end - 1] == path:
        end -= 1
    if end == 0 and is_first:
        end = int((paths == path).sum())
    return end


def _page_behind(page: ChangesPage, sent: list[Change], last_key: tuple[str, str, str]) -> ChangesPage:
    return ChangesPage(page.start, page.head, page.end, page.response_format, sent[-1].commit.version, last_key)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Renders. The head is the same on every page, to the byte: Spark compares it."""

    query: ChangesQuery
    page: ChangesPage
    style: LineStyle

    @property
    def _format(self) -> ResponseFormat:
        return self.page.response_format

    def head(self, protocol: TableProtocol, metadata: TableMetadata) -> bytes:
        stamp = self.page.head if self.query.historical_protocol else None
        return protocol_line(protocol, self._format, version=stamp) + metadata_line(
            metadata, self._format, version=self.page.head
        )

    def of(self, change: Change) -> Iterator[Part[pl.DataFrame]]:
        """The lines of one version: what it made of the table, then its files."""
        commit = change.commit
        if change.is_whole and commit.version > self.page.start:
            if self.query.historical_protocol and commit.protocol is not None and self._format == "delta":
                protocol = commit.protocol
                yield Part(lambda: protocol_line(protocol, self._format, version=commit.version))
            if self.query.historical_metadata and commit.metadata is not None:
                metadata = commit.metadata
                yield Part(lambda: metadata_line(metadata, self._format, version=commit.version))
        stamp = CommitTime(commit.version, commit.timestamp)

        def render(some: pl.DataFrame) -> bytes:
            return change_lines(some, replace(self.style, stamp=stamp))

        yield from cut_files(change.files, render)


def _count(given: list[pl.DataFrame], action: str) -> int:
    return sum(int((files["action"] == action).sum()) for files in given)
