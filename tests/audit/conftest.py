import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine

from lakeshare.audit.database import metadata
from lakeshare.audit.events import AuditEvent, Response, UserIdentity


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "audit"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'lakeshare.db'}")
    metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def make_event() -> Callable[..., AuditEvent]:
    def make(user_agent: str = "", event_time: int = 1_700_000_000_000, email: str = "partner_co") -> AuditEvent:
        return AuditEvent(
            event_id=str(uuid.uuid4()),
            event_time=event_time,
            action_name="deltaSharingQueriedTable",
            user_identity=UserIdentity(email=email),
            response=Response(status_code=200, result={"files": 3, "limited": True, "filter": None}),
            request_params={"share": "external_retail"},
            user_agent=user_agent,
        )

    return make
