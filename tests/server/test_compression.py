import gzip
import zlib

import pytest
from hypothesis import given, strategies as st

from lakeshare.server.compression import GzippedChunks, accepts_gzip, compress
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


@given(st.lists(st.binary()))
def test_chunks_come_out_as_they_went_in_and_each_at_once(chunks):
    gzipped = GzippedChunks(iter(chunks))
    inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
    assert [inflate.decompress(next(gzipped)) for _ in chunks] == chunks
    assert inflate.decompress(b"".join(gzipped)) == b""
    assert inflate.eof
    assert list(gzipped) == []


@given(st.binary())
def test_a_whole_body_comes_out_as_it_went_in(body):
    assert gzip.decompress(compress(body)) == body


def test_what_breaks_off_ends_with_its_last_line():
    gzipped = GzippedChunks(iter([b"a\n", b"b\n"]))
    assert gzip.decompress(next(gzipped) + gzipped.end_with(b"end\n")) == b"a\nend\n"
    assert list(gzipped) == []


def test_closing_closes_the_chunks():
    closed = []

    def chunks():
        try:
            yield b"a"
            yield b"b"
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
    answer = await reader.also(**{"accept-encoding": "gzip"}).get("/metadata")
    assert len(answer.content) < 1024
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "accept-encoding"
