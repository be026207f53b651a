import re


def test_a_share_is_made_filled_shown_and_listed(run, shared):
    shown = run("share", "show", "retail").stdout
    assert "For partners" in shown
    assert "partner_co" in shown
    assert re.search(r"retail\.sales\s+acme\.retail\.sales\s+delta\s+no", shown)
    assert re.search(r"retail\s+1\s+partner_co", run("share", "list").stdout)


def test_share_documents_hold_tables_and_recipients(run, shared):
    document = run("share", "show", "retail", "--json").document()
    assert document["comment"] == "For partners"
    assert document["recipients"] == ["partner_co"]
    (table,) = document["tables"]
    assert (table["shared_as"], table["table"], table["history"]) == ("retail.sales", "acme.retail.sales", False)
    assert run("share", "list", "--json").document() == {"shares": [document]}


def test_lists_without_shares_say_the_next_command(run):
    assert "lakeshare share create NAME" in run("share", "list").stdout
    assert run("share", "list", "--json").document() == {"shares": []}
    run("share", "create", "empty")
    shown = run("share", "show", "empty").stdout
    assert "lakeshare share add empty CATALOG.SCHEMA.TABLE" in shown
    assert "lakeshare grant empty --to RECIPIENT" in shown


def test_a_table_is_shared_under_another_name_and_with_history(run, shared):
    run("share", "create", "emea")
    added = run("share", "add", "emea", "acme.retail.sales", "--as", "north.orders", "--history")
    assert "as north.orders, with its history" in added.stdout
    (table,) = run("share", "show", "emea", "--json").document()["tables"]
    assert (table["shared_as"], table["table"], table["history"]) == ("north.orders", "acme.retail.sales", True)


def test_history_is_off_unless_asked_for(run, shared):
    run("share", "create", "emea")
    run("share", "add", "emea", "acme.retail.sales", "--no-history")
    for share in ("emea", "retail"):
        assert not run("share", "show", share, "--json").document()["tables"][0]["history"]


def test_history_can_begin_at_a_version(run, shared):
    run("share", "create", "emea")
    added = run("share", "add", "emea", "acme.retail.sales", "--start-version", "3")
    assert "with its history from version 3 on." in added.stdout
    assert re.search(
        r"retail\.sales\s+acme\.retail\.sales\s+delta\s+from version 3", run("share", "show", "emea").stdout
    )
    (table,) = run("share", "show", "emea", "--json").document()["tables"]
    assert (table["history"], table["start_version"]) == (True, 3)


def test_a_start_version_of_0_is_the_whole_history(run, shared):
    run("share", "create", "emea")
    added = run("share", "add", "emea", "acme.retail.sales", "--start-version", "0")
    assert "as retail.sales, with its history." in added.stdout
    (table,) = run("share", "show", "emea", "--json").document()["tables"]
    assert (table["history"], table["start_version"]) == (True, 0)


def test_a_start_version_without_history_or_below_0_is_refused(run, shared):
    run("share", "create", "emea")
    for number in ("0", "3"):
        refused = run("share", "add", "emea", "acme.retail.sales", "--no-history", "--start-version", number, expect=1)
        assert f"The start version {number} needs history" in refused.stderr
    assert "-1" in run("share", "add", "emea", "acme.retail.sales", "--start-version", "-1", expect=1).stderr
    assert (
        str(2**63) in run("share", "add", "emea", "acme.retail.sales", "--start-version", str(2**63), expect=1).stderr
    )
    assert run("share", "show", "emea", "--json").document()["tables"] == []


def test_a_share_takes_a_table_once(run, shared):
    assert "retail.sales" in run("share", "add", "retail", "acme.retail.sales", expect=1).stderr
    assert "retail.sales" in run("share", "add", "retail", "acme.retail.sales", "--as", "a.b", expect=1).stderr


def test_a_share_takes_a_name_once(run, shared, sales):
    run("table", "create", "acme.retail.other", "--location", str(sales))
    refused = run("share", "add", "retail", "acme.retail.other", "--as", "RETAIL.Sales", expect=1)
    assert "retail.sales" in refused.stderr.casefold()


def test_an_alias_of_other_than_two_parts_is_refused(run, shared):
    assert "SCHEMA.NAME" in run("share", "add", "retail", "acme.retail.sales", "--as", "orders", expect=1).stderr


def test_a_removed_table_is_gone_and_the_command_says_when_urls_end(run, shared):
    removed = run("share", "remove", "retail", "retail.sales").stdout
    assert "Removed retail.sales from share retail." in removed
    assert "Issued URLs stop working by" in removed
    assert run("share", "show", "retail", "--json").document()["tables"] == []
    assert "retail.sales" in run("share", "remove", "retail", "retail.sales", expect=1).stderr


def test_a_deleted_share_is_gone_and_its_table_stays(run, shared):
    assert "Issued URLs stop working by" in run("share", "delete", "retail").stdout
    assert run("share", "list", "--json").document() == {"shares": []}
    assert len(run("table", "list", "--json").document()["tables"]) == 1
    assert run("recipient", "show", "partner_co", "--json").document()["shares"] == []


def test_absent_shares_and_tables_are_refused_by_name(run, shared):
    for words in (
        ["share", "show", "nowhere"],
        ["share", "delete", "nowhere"],
        ["share", "add", "nowhere", "acme.retail.sales"],
        ["share", "remove", "nowhere", "retail.sales"],
    ):
        assert "nowhere" in run(*words, expect=1).stderr
    assert "acme.retail.none" in run("share", "add", "retail", "acme.retail.none", expect=1).stderr


def test_names_that_cannot_be_used_or_are_taken_are_refused(run, shared):
    assert "a space" in run("share", "create", "my share", expect=1).stderr
    assert "retail" in run("share", "create", "RETAIL", expect=1).stderr.casefold()
    assert "empty" in run("share", "create", "", expect=1).stderr


def test_a_comment_cannot_rewrite_the_terminal(run):
    run("share", "create", "odd", "--comment", "\x1b[2Jgone [red]x")
    for shown in (run("share", "list").stdout, run("share", "show", "odd").stdout):
        assert "\x1b" not in shown
        assert "\\x1b[2Jgone [red]x" in shown
    assert run("share", "show", "odd", "--json").document()["comment"] == "\x1b[2Jgone [red]x"
