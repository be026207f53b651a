import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lakeshare.audit.events import AuditEvent, Response, UserIdentity
from lakeshare.audit.spool import AuditSpool


def test_every_change_is_audited_once_in_order(run, shared, tmp_path):
    run("share", "remove", "retail", "retail.sales")
    run("revoke", "retail", "--from", "partner_co")
    run("recipient", "rotate", "partner_co")
    run("recipient", "delete", "partner_co")
    run("share", "delete", "retail")
    run("table", "delete", "acme.retail.sales")
    events = [json.loads(line) for line in run("audit", "--json").stdout.splitlines()]
    assert [event["action_name"] for event in events] == [
        "createTable",
        "createShare",
        "updateShare",
        "createRecipient",
        "updateSharePermissions",
        "updateShare",
        "updateSharePermissions",
        "rotateRecipientToken",
        "deleteRecipient",
        "deleteShare",
        "deleteTable",
    ]
    assert all(event["user_identity"]["email"] for event in events)
    assert json.loads(events[4]["request_params"]["changes"]) == [{"principal": "partner_co", "add": ["SELECT"]}]


def test_what_was_refused_or_changed_nothing_is_no_change(run, shared):
    before = run("audit", "--json").stdout
    run("grant", "retail", "--to", "partner_co")
    run("share", "create", "retail", expect=1)
    run("share", "list")
    assert run("audit", "--json").stdout == before


def test_a_table_for_people_shows_time_who_action_what_and_outcome(run, shared):
    shown = run("audit").stdout
    assert all(heading in shown for heading in ("Time", "Who", "Action", "What", "Outcome"))
    assert "createShare" in shown
    assert "acme.retail.sales" in shown


def test_the_last_fifty_are_shown(run, home: Path):
    spool = AuditSpool(home / "audit", "worker-0")
    for number in range(60):
        spool.record(_read(number))
    spool.close()
    shown = [json.loads(line)["event_id"] for line in run("audit", "--json").stdout.splitlines()]
    assert shown == [f"event {number}" for number in range(10, 60)]


def test_a_client_cannot_rewrite_the_terminal_through_the_audit(run, home: Path):
    spool = AuditSpool(home / "audit", "worker-0")
    spool.record(_read(1, table="\x1b[2Jcleared"))
    spool.close()
    shown = run("audit").stdout
    assert "\x1b" not in shown
    assert "cleared" in shown


def test_an_empty_audit_says_so(run):
    assert "Nothing happened yet" in run("audit").stdout
    assert run("audit", "--json").stdout == ""


@pytest.mark.parametrize("form", [["--json"], []])
def test_follow_goes_on_until_it_is_interrupted(run, home: Path, form):
    run("share", "create", "first")
    command = [sys.executable, "-c", "from lakeshare.cli import main; main()", "audit", "--follow", *form]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as follower:
        before = follower.stdout.readline()
        run("share", "create", "second")
        after = follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        rest, errors = follower.communicate(timeout=30)
    assert "createShare" in before
    assert "first" in before
    assert "second" in after
    assert rest == ""
    assert "Traceback" not in errors
    assert follower.returncode == 130


def _read(number: int, table: str = "acme.retail.sales") -> AuditEvent:
    return AuditEvent(
        event_id=f"event {number}",
        event_time=1_762_173_296_000 + number,
        action_name="deltaSharingQueriedTable",
        user_identity=UserIdentity(email="partner_co"),
        response=Response(status_code=200),
        request_params={"share_name": "retail", "table_full_name": table},
    )
