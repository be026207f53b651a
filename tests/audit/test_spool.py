import errno
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, strategies as st

from lakeshare.audit import spool as spool_module
from lakeshare.audit.events import AuditEvent, Response, UserIdentity
from lakeshare.audit.spool import AuditSpool
from lakeshare.errors import Unavailable


def events_in(*paths: Path) -> list[AuditEvent]:
    lines = [line for path in paths for line in path.read_bytes().split(b"\n") if line]
    return [msgspec.json.decode(line, type=AuditEvent) for line in lines]


def test_an_event_is_in_the_file_when_record_returns(directory, make_event):
    spool = AuditSpool(directory, "worker-0")
    event = make_event()
    spool.record(event)
    assert events_in(directory / "worker-0.jsonl") == [event]


def test_the_file_is_for_its_owner_alone(directory):
    AuditSpool(directory, "admin")
    assert stat.S_IMODE((directory / "admin.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_new_spool_continues_the_file_of_the_last_one(directory, make_event):
    events = [make_event(), make_event()]
    for event in events:
        spool = AuditSpool(directory, "admin")
        spool.record(event)
        spool.close()
    assert events_in(directory / "admin.jsonl") == events


TEXT = st.text(st.characters(codec=None) | st.sampled_from('\u2028\u2029\x85\x00\n\r"\\\ud800\udc80é😀'))


@given(user_agent=TEXT, email=TEXT, params=st.dictionaries(TEXT, TEXT, max_size=3))
def test_any_text_takes_one_line_and_comes_back(tmp_path_factory, user_agent, email, params):
    spool = AuditSpool(tmp_path_factory.mktemp("audit"), "worker-0")
    spool.record(
        AuditEvent(
            event_id="e",
            event_time=1,
            action_name="a",
            user_identity=UserIdentity(email),
            response=Response(200, error_message=user_agent),
            request_params=params,
            user_agent=user_agent,
        )
    )
    spool.close()
    [event] = events_in(spool._path)
    assert event.user_agent == event.response.error_message == with_visible_surrogates(user_agent)
    assert event.user_identity.email == with_visible_surrogates(email)
    expected = {with_visible_surrogates(key): with_visible_surrogates(value) for key, value in params.items()}
    assert event.request_params == expected


def with_visible_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", text)


@pytest.mark.parametrize("fsync", [False, True])
def test_threads_lose_and_mix_nothing(directory, make_event, fsync):
    spool = AuditSpool(directory, "worker-0", fsync)
    events = [[make_event(user_agent="x" * 3000) for _ in range(40)] for _ in range(8)]
    threads = [threading.Thread(target=lambda mine=mine: [spool.record(event) for event in mine]) for mine in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    written = {event.event_id for event in events_in(directory / "worker-0.jsonl")}
    assert written == {event.event_id for mine in events for event in mine}


def test_a_closed_spool_refuses_events(directory, make_event):
    spool = AuditSpool(directory, "worker-0")
    spool.close()
    with pytest.raises(Unavailable):
        spool.record(make_event())


def test_events_are_refused_while_the_directory_is_gone_and_taken_when_it_is_back(directory, make_event):
    spool = AuditSpool(directory, "worker-0")
    spool.record(make_event())
    shutil.rmtree(directory)
    with pytest.raises(Unavailable) as refusal:
        spool.record(make_event())
    assert str(directory) in refusal.value.detail
    assert str(directory) not in str(refusal.value)
    directory.mkdir()
    event = make_event()
    spool.record(event)
    assert events_in(directory / "worker-0.jsonl") == [event]


def test_a_deleted_file_is_begun_anew(directory, make_event):
    spool = AuditSpool(directory, "worker-0")
    spool.record(make_event())
    (directory / "worker-0.jsonl").unlink()
    event = make_event()
    spool.record(event)
    assert events_in(directory / "worker-0.jsonl") == [event]


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable):
        AuditSpool(tmp_path / "file" / "audit", "worker-0")


def test_the_half_line_of_a_dead_process_does_not_swallow_the_next_event(directory, make_event):
    directory.mkdir()
    (directory / "worker-0.jsonl").write_bytes(b'{"event_id":"torn')
    event = make_event()
    AuditSpool(directory, "worker-0").record(event)
    first, second, rest = (directory / "worker-0.jsonl").read_bytes().split(b"\n")
    assert first == b'{"event_id":"torn'
    assert msgspec.json.decode(second, type=AuditEvent) == event
    assert rest == b""


def test_the_half_line_of_another_process_does_not_swallow_the_next_event(directory, make_event):
    spool = AuditSpool(directory, "admin")
    spool.record(make_event())
    with (directory / "admin.jsonl").open("ab") as other:
        other.write(b'{"event_id":"torn')
    event = make_event()
    spool.record(event)
    assert msgspec.json.decode((directory / "admin.jsonl").read_bytes().split(b"\n")[2], type=AuditEvent) == event


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from lakeshare.audit.events import AuditEvent, Response, UserIdentity
    from lakeshare.audit.spool import AuditSpool
    from lakeshare.errors import Unavailable

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    spool = AuditSpool(Path(sys.argv[1]), "worker-0")

    def record(number):
        try:
            spool.record(AuditEvent(f"event-{number}", 1, "a", UserIdentity("x" * 100), Response(200)))
            print(f"event-{number}")
        except Unavailable:
            print("refused")

    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    for number in range(10):
        record(number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    for number in range(10, 13):
        record(number)
"""


def test_a_full_disk_refuses_events_and_spoils_none_that_come_after(directory):
    program = [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(directory)]
    answers = subprocess.run(program, check=True, capture_output=True, text=True).stdout.split()
    acknowledged = [answer for answer in answers if answer != "refused"]
    assert "refused" in answers[:10]
    assert acknowledged[-3:] == ["event-10", "event-11", "event-12"]
    assert whole_events(directory / "worker-0.jsonl") == acknowledged


def whole_events(path: Path) -> list[str]:
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            found.append(msgspec.json.decode(line, type=AuditEvent).event_id)
        except msgspec.DecodeError:
            continue
    return found


WRITER = """
    import itertools, os, sys
    from pathlib import Path
    from lakeshare.audit.events import AuditEvent, Response, UserIdentity
    from lakeshare.audit.spool import AuditSpool

    spool = AuditSpool(Path(sys.argv[1]), "worker-0")
    for number in itertools.count():
        spool.record(AuditEvent(f"event-{number}", 1, "a", UserIdentity("x" * 2000), Response(200)))
        os.write(1, f"event-{number}\\n".encode())
"""


@pytest.mark.parametrize("acknowledged_first", [1, 500, 4000])
def test_a_killed_process_loses_no_acknowledged_event(directory, acknowledged_first):
    program = [sys.executable, "-c", textwrap.dedent(WRITER), str(directory)]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as writer:
        acknowledged = [writer.stdout.readline() for _ in range(acknowledged_first)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += writer.stdout.readlines()
    kept = set(whole_events(directory / "worker-0.jsonl"))
    assert len(acknowledged) >= acknowledged_first
    assert {line.decode().strip() for line in acknowledged} <= kept


def test_a_large_file_is_given_a_final_name(directory, make_event, monkeypatch):
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 1000)
    spool = AuditSpool(directory, "worker-0")
    events = [make_event() for _ in range(20)]
    for event in events:
        spool.record(event)
    rotated = sorted(directory.glob("worker-0-*.jsonl"))
    assert len(rotated) >= 3
    assert all(re.fullmatch(r"worker-0-\d{8}T\d{12}Z\.jsonl", path.name) for path in rotated)
    assert events_in(*rotated, directory / "worker-0.jsonl") == events


def test_processes_that_share_a_spool_rotate_it_without_loss(directory, make_event, monkeypatch):
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 1000)
    spools = [AuditSpool(directory, "admin") for _ in range(3)]
    events = [make_event() for _ in range(30)]
    for number, event in enumerate(events):
        spools[number % 3].record(event)
    kept = events_in(*directory.glob("admin*.jsonl"))
    assert {event.event_id for event in kept} == {event.event_id for event in events}
    assert len(kept) == len(events)


@pytest.mark.skipif(shutil.which("tail") is None, reason="follows the spool by tail -F")
def test_tail_follows_a_spool_through_its_rotation(directory, make_event, monkeypatch):
    monkeypatch.setattr(spool_module, "ROTATE_BYTES", 1500)
    spool = AuditSpool(directory, "worker-0")
    program = ["tail", "-n", "+1", "-s", "0.05", "-F", str(directory / "worker-0.jsonl")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tail:
        seen = b""
        for _ in range(12):
            event = make_event()
            spool.record(event)
            seen = read_until(tail.stdout.fileno(), seen, event.event_id.encode())
        tail.terminate()
    assert len(list(directory.glob("worker-0-*.jsonl"))) >= 1


def read_until(descriptor: int, seen: bytes, wanted: bytes) -> bytes:
    deadline = time.monotonic() + 20
    while wanted not in seen:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, "tail did not show the event"
        seen += os.read(descriptor, 65536)
    return seen


def test_an_event_is_refused_when_fsync_fails(directory, make_event):
    """A pipe takes the write and refuses the fsync (EINVAL), as a dying disk would."""
    spool = AuditSpool(directory, "worker-0", fsync=True)
    reader, writer = os.pipe()
    os.dup2(writer, spool._descriptor)
    event = make_event()
    with pytest.raises(Unavailable, match="audit log") as refusal:
        spool.record(event)
    assert event.event_id.encode() in os.read(reader, 65536)
    assert os.strerror(errno.EINVAL) in refusal.value.detail
    os.close(reader)
    os.close(writer)
