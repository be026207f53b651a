from pathlib import Path

import pytest

from lakeshare.client import TableName, load_profile, parse_table_name, parse_table_url
from lakeshare.errors import InvalidValue
from lakeshare.protocol.profile import Profile, encode_profile


def test_a_table_url_is_a_profile_and_a_table() -> None:
    assert parse_table_url("dir/config.share#retail.eu.sales") == (
        Path("dir/config.share"),
        TableName("retail", "eu", "sales"),
    )


def test_the_last_mark_ends_the_profile_and_a_share_may_hold_periods() -> None:
    path, name = parse_table_url("my #1 profile#acme.com.retail.sales")
    assert (path, name) == (Path("my #1 profile"), TableName("acme.com", "retail", "sales"))
    assert str(name) == "acme.com.retail.sales"


def test_a_tilde_is_the_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_table_url("~/config.share#a.b.c")[0] == tmp_path / "config.share"


@pytest.mark.parametrize("url", ["", "#", "config.share", "#a.b.c", "config.share#", "config.share#a.b", "p#a..c"])
def test_a_url_that_names_no_table_says_how_to_write_one(url: str) -> None:
    with pytest.raises(InvalidValue, match=r"share\.schema\.table"):
        parse_table_url(url)


def test_a_name_with_an_empty_part_is_refused_by_name() -> None:
    with pytest.raises(InvalidValue, match=r"'a\.\.c' does not name"):
        parse_table_name("a..c")


def test_a_profile_is_read_from_its_file(tmp_path: Path) -> None:
    profile = Profile(1, "https://server/delta-sharing", "token")
    (tmp_path / "config.share").write_bytes(encode_profile(profile))
    assert load_profile(tmp_path / "config.share") == profile


def test_a_profile_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.share").write_text("{}")
    for path, said in [
        (tmp_path / "absent", "No such file"),
        (tmp_path, "Is a directory"),
        (tmp_path / "bad.share", "shareCredentialsVersion"),
    ]:
        with pytest.raises(InvalidValue) as raised:
            load_profile(path)
        assert said in str(raised.value)
        assert str(path) in str(raised.value)
