import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Engine, create_engine, select
from structlog.testing import capture_logs

from lakeshare.audit import replay as replay_module, spool as spool_module
from lakeshare.audit.database import audit_events, audit_spool
from lakeshare.audit.events import AuditEvent, Response, UserIdentity
from lakeshare.audit.replay import replay
from lakeshare.audit.spool import AuditSpool
from lakeshare.errors import Unavailable


def stored(engine: Engine) -> list[AuditEvent]:
    with engine.connect() as connection:
        rows = connection.execute(select(audit_events.c.event).order_by(audit_events.c.sequence)).scalars()
        return [msgspec.json.decode(event, type=AuditEvent) for event in rows]


def spooled(directory: Path, name: str, events: list[AuditEvent]) -> AuditSpool:
    spool = AuditSpool(directory, name)
    for event in events:
        spool.record(event)
    return spool


def event_line(**changes: object) -> bytes:
    event = AuditEvent("e", 1, "a", UserIdentity("partner_co"), Response(200))
    return msgspec.json.encode(msgspec.to_builtins(event) | changes)


def test_events_of_every_spool_are_copied_once(engine, directory, make_event):
    admin, worker = [[make_event() for _ in range(5)] for _ in range(2)]
    spooled(directory, "admin", admin)
    spool = spooled(directory, "worker-0", worker)
    assert replay(engine, directory) == 10
    assert replay(engine, directory) == 0
    later = make_event()
    spool.record(later)
    assert replay(engine, directory) == 1
    assert stored(engine) == [*admin, *worker, later]


def test_columns_repeat_what_people_search_for(engine, directory, make_event):
    event = make_event(event_time=1_700_000_000_123, email="partner_co")
    spooled(directory, "worker-0", [event])
    replay(engine, directory)
    with engine.connect() as connection:
        [row] = connection.execute(select(audit_events)).mappings().all()
    line = (directory / "worker-0.jsonl").read_text().rstrip("\n")
    assert dict(row) == {
        "sequence": 1,
        "event_id": event.event_id,
        "event_time": 1_700_000_000_123,
        "action_name": "deltaSharingQueriedTable",
        "user_email": "partner_co",
        "status_code": 200,
        "event": line,
    }


def test_more_events_than_a_batch_are_all_copied(engine, directory, make_event, monkeypatch):
    monkeypatch.setattr(replay_module, "BATCH_LINES", 7)
    events = [make_event() for _ in range(50)]
    spooled(directory, "worker-0", events)
    assert replay(engine, directory) == 50
    assert stored(engine) == events


def test_forgotten_positions_copy_nothing_twice(engine, directory, make_event):
    events = [make_event() for _ in range(5)]
    spooled(directory, "worker-0", events)
    replay(engine, directory)
    with engine.begin() as connection:
        connection.execute(audit_spool.delete())
    assert replay(engine, directory) == 0
    assert stored(engine) == events


def test_a_half_written_last_line_waits_for_its_end(engine, directory, make_event):
    first, second = make_event(), make_event()
    spooled(directory, "worker-0", [first]).close()
    line = msgspec.json.encode(second) + b"\n"
    with (directory / "worker-0.jsonl").open("ab") as file:
        for piece in (line[:40], line[40:-1], line[-1:]):
            assert replay(engine, directory) == (1 if piece == line[:40] else 0)
            file.write(piece)
            file.flush()
    assert replay(engine, directory) == 1
    assert stored(engine) == [first, second]
    assert not list(directory.glob("*.rejected"))


@pytest.mark.parametrize(
    "corrupt",
    [
        b"not json",
        b'{"event_id":"torn',
        b'{"event_id":"half an event"}',
        b"\xff\xfe\x00",
        event_line(event_time=10**19),
        event_line(response={"status_code": 10**10}),
        event_line(unknown="?").replace(b"?", b"\xff"),
    ],
)
def test_a_corrupt_line_is_kept_aside_and_told(engine, directory, make_event, corrupt):
    before, after = make_event(), make_event()
    spooled(directory, "worker-0", [before])
    with (directory / "worker-0.jsonl").open("ab") as file:
        file.write(corrupt + b"\n")
    spooled(directory, "worker-0", [after])
    with capture_logs() as logs:
        assert replay(engine, directory) == 2
    assert stored(engine) == [before, after]
    assert (directory / "worker-0.rejected").read_bytes() == corrupt + b"\n"
    assert [(log["log_level"], log["lines"]) for log in logs] == [("warning", 1)]
    assert replay(engine, directory) == 0
    assert (directory / "worker-0.rejected").read_bytes() == corrupt + b"\n"


def test_a_name_with_a_nul_does_not_stop_the_copy(engine, directory, make_event):
    event = make_event(email="a\0b")
    spooled(directory, "worker-0", [event])
    assert replay(engine, directory) == 1
    assert stored(engine) == [event]
    with engine.connect() as connection:
        assert connection.execute(select(audit_events.c.user_email)).scalar() == "a\\u0000b"


def test_rotated_files_are_deleted_when_they_are_copied(engine, directory, make_event, monkeypatch):
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 1000)
    events = [make_event() for _ in range(20)]
    spool = spooled(directory, "worker-0", events)
    assert len(list(directory.glob("worker-0-*.jsonl"))) > 2
    assert replay(engine, directory) == 20
    assert list(directory.glob("*.jsonl")) == [directory / "worker-0.jsonl"]
    assert stored(engine) == events
    with engine.connect() as connection:
        assert len(connection.execute(select(audit_spool)).all()) == 1
    last = make_event()
    spool.record(last)
    assert replay(engine, directory) == 1


def test_a_file_rotated_after_its_replay_is_not_copied_again(engine, directory, make_event, monkeypatch):
    events = [make_event() for _ in range(10)]
    spool = spooled(directory, "worker-0", events)
    assert replay(engine, directory) == 10
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 1000)
    later = [make_event() for _ in range(30)]
    for event in later:
        spool.record(event)
    assert replay(engine, directory) == 30
    assert stored(engine) == [*events, *later]


def test_a_rotated_file_that_a_process_still_writes_is_kept(engine, directory, make_event, monkeypatch):
    other = spooled(directory, "admin", [make_event()])
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 100)
    spooled(directory, "admin", [make_event()])
    [rotated] = directory.glob("admin-*.jsonl")
    assert replay(engine, directory) == 2
    assert rotated.exists()
    other.close()
    assert replay(engine, directory) == 0
    assert not rotated.exists()


def test_the_half_line_that_ends_a_rotated_file_is_kept_aside(engine, directory, make_event):
    event = make_event()
    spooled(directory, "worker-0", [event]).close()
    rotated = directory / "worker-0-20260101T000000000000Z.jsonl"
    (directory / "worker-0.jsonl").rename(rotated)
    with rotated.open("ab") as file:
        file.write(b'{"event_id":"torn')
    assert replay(engine, directory) == 1
    assert not rotated.exists()
    assert (directory / "worker-0.rejected").read_bytes() == b'{"event_id":"torn\n'


def test_a_file_put_in_the_place_of_another_is_read_from_its_start(engine, directory, make_event):
    spooled(directory, "worker-0", [make_event() for _ in range(3)]).close()
    assert replay(engine, directory) == 3
    (directory / "worker-0.jsonl").write_bytes(b"")
    spooled(directory, "worker-0", [make_event() for _ in range(8)])
    assert replay(engine, directory) == 8


def test_a_directory_that_does_not_exist_has_no_events(engine, directory):
    assert replay(engine, directory) == 0


def test_a_database_that_fails_leaves_the_events_in_the_spool(engine, directory, make_event, tmp_path):
    events = [make_event()]
    spooled(directory, "worker-0", events)
    empty = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Unavailable) as failure:
        replay(empty, directory)
    empty.dispose()
    assert "no such table" in failure.value.detail
    assert replay(engine, directory) == 1
    assert stored(engine) == events


REPLAYER = """
    import sys
    from pathlib import Path
    from sqlalchemy import create_engine
    from lakeshare.audit.replay import replay

    engine = create_engine(f"sqlite:///{sys.argv[1]}")
    print("ready", flush=True)
    sys.stdin.readline()
    print(replay(engine, Path(sys.argv[2])))
"""


def test_replayers_that_start_at_once_copy_each_event_once(engine, directory, make_event, tmp_path):
    events = [make_event() for _ in range(2500)]
    spooled(directory, "worker-0", events)
    program = [sys.executable, "-c", textwrap.dedent(REPLAYER), str(tmp_path / "lakeshare.db"), str(directory)]
    pipe = subprocess.PIPE
    replayers = [subprocess.Popen(program, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(4)]
    for replayer in replayers:
        assert replayer.stdout.readline() == "ready\n"
    for replayer in replayers:
        replayer.stdin.write("go\n")
        replayer.stdin.flush()
    answers = [replayer.communicate(timeout=30) for replayer in replayers]
    assert [errors for _, errors in answers] == [""] * 4
    assert sum(int(copied) for copied, _ in answers) == 2500
    assert stored(engine) == events


def test_a_replay_beside_another_does_nothing(engine, directory, make_event):
    spooled(directory, "worker-0", [make_event()])
    with replay_module._sole_replayer(directory) as alone:
        assert alone
        assert replay(engine, directory) == 0
    assert replay(engine, directory) == 1


def test_replays_beside_a_busy_rotating_writer_lose_and_repeat_nothing(engine, directory, make_event, monkeypatch):
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 20_000)
    events = [make_event() for _ in range(3000)]
    writer = threading.Thread(target=spooled, args=(directory, "worker-0", events))
    writer.start()
    copied = 0
    while writer.is_alive():
        copied += replay(engine, directory)
    copied += replay(engine, directory)
    assert copied == 3000
    assert {event.event_id for event in stored(engine)} == {event.event_id for event in events}


DYING_REPLAYER = """
    import os, sys
    from pathlib import Path
    from sqlalchemy import create_engine, event
    from lakeshare.audit import replay as replay_module

    replay_module.BATCH_LINES = 10
    engine = create_engine(f"sqlite:///{sys.argv[1]}")
    positions = []

    @event.listens_for(engine, "after_cursor_execute")
    def die_before_the_second_commit(connection, cursor, statement, *_):
        positions.extend([statement] if "INTO audit_spool" in statement else [])
        if len(positions) == 2:
            os._exit(9)

    replay_module.replay(engine, Path(sys.argv[2]))
"""


def test_a_replay_killed_half_way_is_finished_by_the_next(engine, directory, make_event, tmp_path):
    events = [make_event() for _ in range(30)]
    spooled(directory, "worker-0", events)
    program = [sys.executable, "-c", textwrap.dedent(DYING_REPLAYER), str(tmp_path / "lakeshare.db"), str(directory)]
    assert subprocess.run(program, check=False).returncode == 9
    assert len(stored(engine)) == 10
    assert replay(engine, directory) == 20
    assert stored(engine) == events
