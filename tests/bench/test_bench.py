"""What of the benchmarks can be wrong without anyone noticing: the tables they measure, and what they report."""

import shutil
import sys
from pathlib import Path

import pytest
from deltalake import DeltaTable

BENCH = Path(__file__).parent.parent.parent / "bench"
FILES, COMMITS = 1_000, 3


@pytest.fixture(scope="module", autouse=True)
def scripts():
    """The scripts import each other by their bare names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCH)
        yield
    for name in ("figures", "report", "sample_log"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from sample_log import write_log

    path = tmp_path_factory.mktemp("sample") / "table"
    write_log(path, FILES, commits=COMMITS)
    return path


def test_another_reader_finds_the_files_of_a_sample_table(table: Path):
    from sample_log import COLUMN_TYPES, active_files

    read = DeltaTable(str(table))
    assert read.version() == COMMITS
    assert len(set(read.file_uris())) == active_files(FILES, COMMITS)
    stats = read.get_add_actions(flatten=True).column_names
    assert all(f"min.{name}" in stats and f"max.{name}" in stats for name in COLUMN_TYPES)


def test_another_reader_takes_a_sample_commit_in(table: Path, tmp_path: Path):
    from sample_log import ADDED, REMOVED, commit_text

    table = shutil.copytree(table, tmp_path / "table")
    read = DeltaTable(str(table))
    before = set(read.file_uris())
    (table / "_delta_log" / f"{COMMITS + 1:020}.json").write_text(commit_text(COMMITS + 1, FILES))
    read.update_incremental()
    after = set(read.file_uris())
    assert (len(after - before), len(before - after)) == (ADDED, REMOVED)


def test_a_sample_table_is_the_same_every_time(table: Path, tmp_path: Path):
    from sample_log import write_log

    write_log(tmp_path / "again", FILES, commits=1)
    for name in (f"{0:020}.checkpoint.parquet", f"{1:020}.json"):
        again = (tmp_path / "again" / "_delta_log" / name).read_bytes()
        assert again == (table / "_delta_log" / name).read_bytes()


@pytest.mark.parametrize("hint", ["partition", "stats"])
def test_the_hints_leave_one_file_in_a_hundred(hint: str, tmp_path: Path):
    from sample_log import LONGS, partition_hint, stats_hint, write_log

    write_log(tmp_path / "table", FILES, commits=0)
    text = partition_hint(3) if hint == "partition" else stats_hint(LONGS[2], leaves=FILES // 100, after=40)
    adds = DeltaTable(str(tmp_path / "table")).get_add_actions(flatten=True)
    rows = [dict(zip(adds.column_names, row, strict=True)) for row in zip(*map(list, adds.columns), strict=True)]
    if hint == "partition":
        left = [row for row in rows if f"day = '{row['partition.day'].as_py()}'" == text]
    else:
        low, high = (int(part.rpartition(" ")[2]) for part in text.split(" AND "))
        name = LONGS[2]
        left = [row for row in rows if row[f"max.{name}"].as_py() >= low and row[f"min.{name}"].as_py() < high]
    assert len(left) == FILES // 100


def test_a_report_sets_each_figure_beside_its_target():
    from figures import Figure
    from report import as_json, markdown

    results = {
        "Speed": [
            Figure("quick", "ms", (1.0, 9.0, 2.0), at_most=5),
            Figure("slow", "requests/s", (10.0,), at_least=5_000),
            Figure("plain", "MB", (7.0,)),
        ]
    }
    page = markdown(results, {"cores": "2"})
    for line in (
        "| cores | 2 |",
        "| **Speed** | | | | |",
        "| quick | 2 ms | 1..9 | ≤ 5 | met |",
        "| slow | 10 requests/s |  | ≥ 5,000 | missed |",
        "| plain | 7 MB |  |  |  |",
    ):
        assert line in page.splitlines()
    verdicts = [figure["verdict"] for figure in as_json(results, {"cores": "2"})["cases"]["Speed"]]
    assert verdicts == ["met", "missed", ""]


def test_a_plot_is_the_same_for_the_same_figures(tmp_path: Path):
    from figures import Figure
    from report import plot

    results = {"Growth": [Figure("limit: more files cost", "x", (3.0,), points=((10, 1.0), (100, 2.0), (1000, 3.0)))]}
    for name in ("one.svg", "two.svg"):
        plot(results, tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert "<!-- limit -->" in drawn
