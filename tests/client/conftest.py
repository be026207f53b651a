from collections.abc import Iterator

import pytest

from lakeshare.client import Retries, SharingClient

from .standin import Standin, running

QUICK = Retries(total_seconds=5, first_delay_seconds=0.001, longest_delay_seconds=0.01)


@pytest.fixture
def standin() -> Iterator[Standin]:
    with running() as server:
        yield server


@pytest.fixture
def client(standin: Standin) -> Iterator[SharingClient]:
    with SharingClient(standin.profile, retries=QUICK) as client:
        yield client
