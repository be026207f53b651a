import gzip
import io
import zlib
from collections.abc import Generator

import httpx
import pytest
import urllib3
from hypothesis import given, strategies as st

from lakeshare.operations.answers import Chunk
from lakeshare.server.compression import SMALL_BYTES, GzippedChunks, accepts_gzip, compress, deflate
from reader import Reader


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        (None, False),
        ("", False),
        ("identity", False),
        ("br", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip, deflate", True),
        ("deflate , gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=x", False),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("gzip;q=0.5, identity", False),
        ("gzip, identity;q=0.5", True),
        ("gzipped", False),
    ],
)
def test_accept_encoding_says_whether_gzip_is_taken(header, accepted):
    assert accepts_gzip(header) == accepted


def answered(*lines: bytes, end: bytes = b"") -> Generator[Chunk, None, None]:
    """A fake answer's chunks."""
    for some in lines[:-1]:
        yield Chunk(deflate(some))
    yield Chunk(deflate(lines[-1]), end)


def by_httpx(parts: list[bytes]) -> bytes:
    return httpx.Response(200, headers={"content-encoding": "gzip"}, content=iter(parts)).read()


def by_urllib3(parts: list[bytes]) -> bytes:
    body = io.BytesIO(b"".join(parts))
    return urllib3.HTTPResponse(body, headers={"content-encoding": "gzip"}, preload_content=False).read()


LONG = bytes(range(256)) * 4
CHUNKS = st.lists(st.binary() | st.just(LONG) | st.integers(0, 99_999).map(bytes), min_size=1)


@given(CHUNKS, st.binary())
def test_chunks_come_out_as_they_went_in_and_each_at_once(chunks: list[bytes], end: bytes):
    parts = list(GzippedChunks(answered(LONG, *chunks, end=end)))
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert [inflate.decompress(part) for part in parts] == [LONG, *chunks[:-1], chunks[-1] + end]
    assert inflate.eof
    assert inflate.unused_data == b""


@given(CHUNKS, st.binary())
def test_all_that_unpack_read_the_whole_answer(chunks: list[bytes], end: bytes):
    parts = list(GzippedChunks(answered(LONG, *chunks, end=end)))
    whole = LONG + b"".join(chunks) + end
    assert gzip.decompress(b"".join(parts)) == by_httpx(parts) == by_urllib3(parts) == whole


@given(CHUNKS, st.lists(st.binary(), min_size=2))
def test_lines_that_are_packed_once_go_into_many_answers_with_other_ends(chunks: list[bytes], ends: list[bytes]):
    packed = [deflate(lines) for lines in (LONG, *chunks)]

    def answer(end: bytes) -> Generator[Chunk, None, None]:
        yield from map(Chunk, packed[:-1])
        yield Chunk(packed[-1], end)

    for end in ends:
        assert gzip.decompress(b"".join(GzippedChunks(answer(end)))) == LONG + b"".join(chunks) + end


@pytest.mark.parametrize(("size", "is_gzip"), [(0, False), (SMALL_BYTES - 1, False), (SMALL_BYTES, True)])
@pytest.mark.parametrize("end", [b"", b"end\n"])
def test_a_body_that_is_over_at_once_is_packed_where_it_is_not_small(size: int, is_gzip: bool, end: bytes):
    lines = bytes(max(0, size - len(end)))
    gzipped = GzippedChunks(answered(lines, end=end))
    told = b"".join(gzipped)
    assert gzipped.is_gzip == is_gzip
    assert (gzip.decompress(told) if is_gzip else told) == lines + end


def test_little_that_more_follows_is_packed():
    gzipped = GzippedChunks(answered(b"a\n", b"b\n"))
    first = next(gzipped)
    assert gzipped.is_gzip
    assert gzip.decompress(first + b"".join(gzipped)) == b"a\nb\n"


@given(st.binary())
def test_a_whole_body_comes_out_as_it_went_in(body):
    assert gzip.decompress(compress(body)) == body


def test_what_breaks_off_ends_with_its_last_line():
    gzipped = GzippedChunks(answered(b"a\n", b"b\n"))
    assert gzip.decompress(next(gzipped) + gzipped.end_with(b"end\n")) == b"a\nend\n"
    assert list(gzipped) == []


def test_closing_closes_the_chunks():
    closed = []

    def chunks():
        try:
            yield from answered(b"a", b"b")
        finally:
            closed.append(True)

    gzipped = GzippedChunks(chunks())
    next(gzipped)
    gzipped.close()
    assert closed == [True]


@pytest.fixture
async def reader(lab, bearer) -> Reader:
    return Reader(lab, bearer(await lab.recipient("analyst", "lab")))


@pytest.mark.parametrize("how", ["query", "changes"])
async def test_answers_of_many_lines_are_told_by_gzip_to_who_asks(reader: Reader, how: str):
    asked = {"startingVersion": 0} if how == "changes" else {}
    told = {}
    for encoding in ("identity", "gzip"):
        answer = (await getattr(reader.also(**{"accept-encoding": encoding}), how)(**asked)).answer
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.headers.get("content-encoding", "identity") == encoding
        told[encoding] = answer.text
    assert told["gzip"] == told["identity"]


async def test_little_is_told_as_it_is(reader: Reader):
    taking = reader.also(**{"accept-encoding": "gzip"})
    little = [await taking.get("/metadata"), (await taking.query(limitHint=0)).answer]
    little += [(await taking.query(limitHint=0)).answer for _ in range(3)]
    little.append((await taking.query(startingVersion=5)).answer)
    for answer in little:
        assert len(answer.content) < 1024
        assert "content-encoding" not in answer.headers
        assert answer.headers["vary"] == "accept-encoding"
