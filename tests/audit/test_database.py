from sqlalchemy import inspect

from lakeshare.audit import database
from lakeshare.audit.history import recent_events
from lakeshare.audit.replay import replay
from lakeshare.audit.spool import AuditSpool
from lakeshare.catalog.engine import open_engine
from lakeshare.catalog.migrations import migrate


def test_the_migrations_make_the_tables_that_the_audit_works_with(tmp_path, directory, make_event):
    engine = open_engine(f"sqlite:///{tmp_path / 'migrated.db'}")
    migrate(engine, tmp_path)
    for table in database.metadata.sorted_tables:
        made = {column["name"]: column["nullable"] for column in inspect(engine).get_columns(table.name)}
        assert made == {column.name: column.nullable for column in table.columns}
    event = make_event()
    AuditSpool(directory, "worker-0").record(event)
    assert [replay(engine, directory), replay(engine, directory)] == [1, 0]
    assert recent_events(engine, 10).events == (event,)
    engine.dispose()
