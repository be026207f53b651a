import pytest
from sqlalchemy import create_engine

from lakeshare.audit.history import events_after, recent_events
from lakeshare.audit.replay import replay
from lakeshare.audit.spool import AuditSpool
from lakeshare.errors import Unavailable


def test_the_newest_events_come_last(engine, directory, make_event):
    events = [make_event(event_time=time) for time in (50, 10, 40, 20, 30)]
    spool = AuditSpool(directory, "worker-0")
    for event in events:
        spool.record(event)
    replay(engine, directory)
    assert [event.event_time for event in recent_events(engine, 3).events] == [20, 30, 40]
    assert [event.event_time for event in recent_events(engine, 100).events] == [10, 20, 30, 40, 50]


def test_a_follower_misses_none_and_repeats_none_though_spools_arrive_out_of_order(engine, directory, make_event):
    spools = [AuditSpool(directory, f"worker-{number}") for number in range(3)]
    page = recent_events(engine, 10)
    seen, written = list(page.events), []
    for round_number in range(10):
        for number, spool in enumerate(spools):
            event = make_event(event_time=1000 * round_number - 700 * number)
            spool.record(event)
            written.append(event)
        replay(engine, directory)
        while (page := events_after(engine, page.position, limit=2)).events:
            seen += page.events
    assert len(seen) == len(written)
    assert {event.event_id for event in seen} == {event.event_id for event in written}


def test_a_follower_goes_on_from_the_recent_events(engine, directory, make_event):
    spool = AuditSpool(directory, "worker-0")
    spool.record(make_event())
    replay(engine, directory)
    page = recent_events(engine, 1)
    assert events_after(engine, page.position, limit=10).events == ()
    later = make_event()
    spool.record(later)
    replay(engine, directory)
    assert events_after(engine, page.position, limit=10).events == (later,)


def test_a_database_without_audit_tables_is_unavailable(tmp_path):
    empty = create_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Unavailable):
        recent_events(empty, 10)
    empty.dispose()
