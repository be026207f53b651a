from hypothesis import given, strategies as st

from lakeshare.cli.output import format_size, format_time, print_table, printable


def test_sizes_are_told_in_powers_of_ten():
    sizes = [0, 999, 1000, 1234, 999_949, 999_950, 5_300_000_000, 10**18]
    told = ["0 B", "999 B", "1.0 kB", "1.2 kB", "999.9 kB", "1.0 MB", "5.3 GB", "1,000.0 PB"]
    assert [format_size(size) for size in sizes] == told


def test_times_are_utc():
    assert format_time(1_762_173_296_789) == "2025-11-03 12:34:56 UTC"


@given(st.text())
def test_what_is_printed_can_be_printed(text):
    assert printable(text).isprintable()


def test_a_pipe_gets_whole_lines(capsys):
    print_table(["Name", "Location"], [["a", "x" * 500]])
    assert "x" * 500 in capsys.readouterr().out
