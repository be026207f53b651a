import json
import shutil
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake


def test_a_table_that_exists_is_registered_and_listed(run, sales):
    created = run("table", "create", "acme.retail.sales", "--location", str(sales))
    assert "Registered acme.retail.sales (delta)" in created.stdout
    assert "lakeshare share add SHARE acme.retail.sales" in created.stdout
    listed = run("table", "list")
    assert "acme.retail.sales" in listed.stdout
    assert str(sales) in listed.stdout


def test_a_list_without_tables_says_the_next_command(run):
    assert "lakeshare table create" in run("table", "list").stdout
    assert run("table", "list", "--json").document() == {"tables": []}


def test_tables_are_listed_as_json_in_name_order(run, sales, tmp_path):
    run("table", "create", "acme.retail.sales", "--location", str(sales), "--also", f"file://{tmp_path}/archive")
    run("table", "create", "acme.hr.people", "--location", str(sales))
    tables = run("table", "list", "--json").document()["tables"]
    assert [table["name"] for table in tables] == ["acme.hr.people", "acme.retail.sales"]
    assert tables[1]["location"] == f"file://{sales}"
    assert tables[1]["also"] == [f"file://{tmp_path}/archive"]
    assert tables[0]["id"] != tables[1]["id"]


def test_show_tells_what_the_newest_version_holds(run, sales):
    run("table", "create", "acme.retail.sales", "--location", str(sales))
    shown = run("table", "show", "acme.retail.sales")
    assert f"file://{sales}" in shown.stdout
    assert "2 files" in shown.stdout
    assert "reader 1, writer 2" in shown.stdout
    document = run("table", "show", "acme.retail.sales", "--json").document()
    assert document["version"] == 0
    assert document["num_files"] == 2
    assert document["size_bytes"] == sum(file.stat().st_size for file in sales.rglob("*.parquet"))
    assert document["partition_columns"] == ["region"]
    assert document["columns"][0] == {"name": "id", "type": "long", "nullable": True}


def test_show_sees_a_version_that_was_written_since(run, tmp_path):
    path = tmp_path / "events"
    write_deltalake(str(path), pa.table({"n": [1]}))
    run("table", "create", "acme.web.events", "--location", str(path))
    write_deltalake(str(path), pa.table({"n": [2]}), mode="append")
    assert run("table", "show", "acme.web.events", "--json").document()["version"] == 1


def test_show_writes_nested_types_as_sql_does(run, tmp_path):
    path = tmp_path / "nested"
    nested = pa.struct([("tags", pa.list_(pa.string())), ("counts", pa.map_(pa.string(), pa.int32()))])
    write_deltalake(str(path), pa.table({"info": pa.array([None], nested)}))
    run("table", "create", "acme.web.nested", "--location", str(path))
    columns = run("table", "show", "acme.web.nested", "--json").document()["columns"]
    assert columns[0]["type"] == "struct<tags: array<string>, counts: map<string, integer>>"


def test_show_of_a_table_whose_log_is_gone_names_the_place(run, tmp_path):
    path = tmp_path / "gone"
    write_deltalake(str(path), pa.table({"n": [1]}))
    run("table", "create", "acme.web.gone", "--location", str(path))
    shutil.rmtree(path / "_delta_log")
    refused = run("table", "show", "acme.web.gone", expect=1)
    assert "Error: The table 'acme.web.gone' cannot be read" in refused.stderr
    assert str(path) in refused.stderr
    assert refused.stdout == ""


def test_delete_leaves_the_files(run, sales):
    run("table", "create", "acme.retail.sales", "--location", str(sales))
    assert "untouched" in run("table", "delete", "acme.retail.sales").stdout
    assert list(sales.rglob("*.parquet"))
    assert run("table", "list", "--json").document() == {"tables": []}


def test_a_table_in_a_share_is_not_deleted(run, shared):
    assert "retail" in run("table", "delete", "acme.retail.sales", expect=1).stderr
    assert len(run("table", "list", "--json").document()["tables"]) == 1


def test_a_location_without_a_table_is_refused(run, tmp_path):
    refused = run("table", "create", "acme.retail.sales", "--location", str(tmp_path), expect=1)
    assert refused.stderr.startswith("Error: ")
    assert run("table", "list", "--json").document() == {"tables": []}


@pytest.mark.parametrize("name", ["sales", "retail.sales", "a.b.c.d", "a..c", "acme.retail.my sales", "acme.re/tail.x"])
def test_a_name_that_cannot_be_used_is_refused(run, sales, name):
    refused = run("table", "create", name, "--location", str(sales), expect=1)
    assert refused.stderr.startswith("Error: ")
    assert len(refused.stderr.splitlines()) <= 2


def test_a_name_that_is_taken_is_refused_whatever_its_case(run, sales):
    run("table", "create", "acme.retail.sales", "--location", str(sales))
    refused = run("table", "create", "ACME.Retail.SALES", "--location", str(sales), expect=1)
    assert "sales" in refused.stderr.casefold()


def test_a_scheme_without_a_backend_is_refused_by_name(run, sales):
    assert "'ftp'" in run("table", "create", "a.b.c", "--location", "ftp://host/x", expect=1).stderr
    also = ["--also", "ftp://host/x"]
    assert "'ftp'" in run("table", "create", "a.b.c", "--location", str(sales), *also, expect=1).stderr


@pytest.mark.parametrize("command", ["show", "delete"])
def test_an_absent_table_is_refused_by_name(run, command):
    assert "acme.retail.none" in run("table", command, "acme.retail.none", expect=1).stderr


def test_a_relative_location_is_kept_absolute(run, sales, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(sales.parent)
    run("table", "create", "acme.retail.sales", "--location", sales.name)
    assert run("table", "list", "--json").document()["tables"][0]["location"] == f"file://{sales}"


def test_a_table_that_covers_the_state_is_refused(run, home: Path, sales: Path):
    run("table", "list")
    shutil.copytree(sales / "_delta_log", home / "_delta_log")
    refused = run("table", "create", "acme.retail.state", "--location", str(home), expect=1)
    assert "LAKESHARE_HOME" in refused.stderr


def test_the_log_of_a_table_is_not_changed_by_showing_it(run, sales):
    before = sorted(path.name for path in sales.rglob("*"))
    run("table", "create", "acme.retail.sales", "--location", str(sales))
    run("table", "show", "acme.retail.sales")
    assert sorted(path.name for path in sales.rglob("*")) == before


def test_json_is_one_document_of_utf_8(run, tmp_path):
    path = tmp_path / "Léman"
    write_deltalake(str(path), pa.table({"n": [1]}))
    run("table", "create", "acme.eaux.léman", "--location", str(path))
    listed = run("table", "list", "--json").stdout
    assert "léman" in listed
    assert json.loads(listed)["tables"][0]["location"].endswith("/Léman")


def test_text_that_is_no_unicode_is_refused_in_words(run, sales):
    for words in (
        ["table", "create", "a.b.\udcff", "--location", str(sales)],
        ["table", "create", "a.b.c", "--location", "/\udcff"],
        ["share", "create", "s", "--comment", "\udcff"],
        ["share", "show", "\udcff"],
    ):
        assert run(*words, expect=1).stderr.startswith("Error: ")
