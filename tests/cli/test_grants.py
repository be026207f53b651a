import re
from datetime import UTC, datetime, timedelta


def test_a_grant_twice_is_no_error_and_says_so(run, shared):
    assert "already" in run("grant", "retail", "--to", "PARTNER_CO").stdout
    assert run("share", "show", "retail", "--json").document()["recipients"] == ["partner_co"]


def test_revoke_says_when_the_last_issued_url_ends(run, shared):
    before = datetime.now(UTC)
    revoked = run("revoke", "retail", "--from", "partner_co").stdout
    after = datetime.now(UTC)
    assert "partner_co may no longer read retail." in revoked
    told = re.search(r"Issued URLs stop working by (\d\d:\d\d:\d\d) UTC \(in 15 minutes\)\.", revoked)[1]
    window = int((after - before).total_seconds()) + 1
    possible = {f"{before + timedelta(minutes=15, seconds=second):%H:%M:%S}" for second in range(window + 1)}
    assert told in possible
    assert run("share", "show", "retail", "--json").document()["recipients"] == []


def test_revoke_follows_the_url_life_that_is_set(run, shared, monkeypatch):
    monkeypatch.setenv("LAKESHARE_URL_SECONDS", "90")
    assert "(in 90 seconds)" in run("revoke", "retail", "--from", "partner_co").stdout


def test_revoke_of_what_was_not_granted_is_no_error_and_says_so(run, shared):
    run("recipient", "create", "other")
    revoked = run("revoke", "retail", "--from", "other").stdout
    assert "nothing changed" in revoked
    assert "Issued URLs" not in revoked


def test_absent_shares_and_recipients_are_refused_by_name(run, shared):
    assert "nowhere" in run("grant", "nowhere", "--to", "partner_co", expect=1).stderr
    assert "nobody" in run("grant", "retail", "--to", "nobody", expect=1).stderr
    assert "nowhere" in run("revoke", "nowhere", "--from", "partner_co", expect=1).stderr
    assert "nobody" in run("revoke", "retail", "--from", "nobody", expect=1).stderr


def test_a_grant_without_a_recipient_is_a_usage_error(run, shared):
    assert "--to" in run("grant", "retail", expect=2).stderr
    assert "--from" in run("revoke", "retail", expect=2).stderr
