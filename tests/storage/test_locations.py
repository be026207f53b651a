import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, strategies as st

from lakeshare.errors import InvalidValue, TableUnreadable
from lakeshare.storage.locations import UNRESERVED, join, local_path, parse_location, quote_paths, resolve_log_path

ROOT = "file:///lake/sales"
ALSO = ("file:///lake/shared", "s3://bucket/base")


@pytest.mark.parametrize("spelling", ["{0}", "{0}/", "file://{0}", "file:{0}", "file://localhost{0}", "{0}/../{1}"])
def test_spellings_of_one_directory_give_one_location(tmp_path: Path, spelling: str):
    directory = tmp_path.resolve()
    assert parse_location(spelling.format(directory, directory.name)) == f"file://{directory}"


def test_a_local_root_is_the_directory_that_a_symlink_leads_to(tmp_path: Path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    assert local_path(parse_location(str(tmp_path / "link"))) == tmp_path.resolve() / "real"


def test_escapes_are_decoded_in_uris_and_kept_in_paths():
    assert parse_location("file:///lake/Lac%20L%C3%A9man") == "file:///lake/Lac Léman"
    assert parse_location("/lake/100%25") == "file:///lake/100%25"
    assert parse_location("s3://bucket/a%20b/") == "s3://bucket/a b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "s3://bucket/a/../b",
        "s3://bucket/%2e%2e/b",
        "file:///a/../b",
        "file://host/a",
        "file://a",
        "/a\x00b",
        "s3://b/%00",
    ],
)
def test_a_location_that_cannot_be_one_is_refused(text: str):
    with pytest.raises(InvalidValue):
        parse_location(text)


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("part-0.parquet", "part-0.parquet"),
        ("region=Lac%20L%C3%A9man/p.parquet", "region=Lac Léman/p.parquet"),
        ("day=2025-01-01%252000%253A00/p.parquet", "day=2025-01-01%2000%3A00/p.parquet"),
        ("./a//b/../c.parquet", "a/c.parquet"),
        ("..a/b", "..a/b"),
        ("/lake/sales/p.parquet", "p.parquet"),
        ("file:/lake/sales/p.parquet", "p.parquet"),
        ("file:///lake/sales/x/../p.parquet", "p.parquet"),
        ("file:///lake/shared/p.parquet", "file:///lake/shared/p.parquet"),
        ("s3://bucket/base/p.parquet", "s3://bucket/base/p.parquet"),
    ],
)
def test_a_path_of_a_log_becomes_a_key_under_a_root(path: str, key: str):
    assert resolve_log_path(path, ROOT, ALSO) == key


@pytest.mark.parametrize(
    "path",
    [
        "../other/p.parquet",
        "%2e%2e/other/p.parquet",
        "..%2Fother/p.parquet",
        "a/../../other",
        "..",
        ".",
        "",
        "a/..",
        "/etc/passwd",
        "//etc/passwd",
        "file:///etc/passwd",
        "file:///lake/sales/../other/p.parquet",
        "file:///lake/sales-2/p.parquet",
        "file:///lake/sales",
        "file://host/lake/sales/p.parquet",
        "s3://other/base/p.parquet",
        "s3://bucket/base-2/p",
        "a%00b",
        "bytes%FF.parquet",
        "bytes%FF-and-\U0001f600.parquet",
    ],
)
def test_a_path_that_leaves_every_root_is_refused_without_being_told(path: str):
    with pytest.raises(TableUnreadable) as refusal:
        resolve_log_path(path, ROOT, ALSO)
    assert not {"passwd", "lake", "bucket", "bytes", "%"} & set(re.findall(r"[\w%]+", str(refusal.value)))
    assert refusal.value.detail


def test_a_key_joins_its_root_unless_it_is_whole():
    assert join(ROOT, "a/b") == "file:///lake/sales/a/b"
    assert join(ROOT, "file:///lake/shared/b") == "file:///lake/shared/b"


def test_a_path_is_quoted_once():
    assert quote_paths(["day=a%20b/Lac Léman?#.parquet"]) == ["day=a%2520b/Lac%20L%C3%A9man%3F%23.parquet"]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))))
def test_paths_are_quoted_together_as_the_standard_library_quotes_one(paths: list[str]):
    assert quote_paths(paths) == [quote(path, safe="/-_.~=+,@!$&'()*;:") for path in paths]
    assert quote_paths(paths, UNRESERVED) == [quote(path, safe="") for path in paths]
