"""The whole application in this process, over a real home with real Delta tables."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import polars as pl
import pytest

from lakeshare.bootstrap import server_app
from lakeshare.settings import load_settings
from provider import Provider, orders
from reader import FORMATS, Reader, write_history


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    settings = load_settings(tmp_path / "home", environment={})
    app = server_app(settings, "http://testserver")
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield Provider(settings, app, tmp_path / "lake", client)


@pytest.fixture
def bearer() -> Callable[[str], dict[str, str]]:
    return lambda token: {"authorization": f"Bearer {token}"}


@pytest.fixture
async def sales(provider: Provider) -> Provider:
    """Share `sales` with `retail.orders` (partitioned by region, four files) and `retail.customers`."""
    for start in (0, 50):
        orders()[start : start + 50].write_delta(
            provider.lake / "orders", mode="append", delta_write_options={"partition_by": ["region"]}
        )
    pl.DataFrame({"customer_id": [1, 2, 3]}).write_delta(provider.lake / "customers")
    await provider.share("sales", "retail.orders", provider.lake / "orders")
    await provider.share("sales", "retail.customers", provider.lake / "customers")
    return provider


@pytest.fixture
async def lab(provider: Provider) -> Provider:
    """Share `lab` with the tables of `write_history`: `data.numbers` with its history, `data.newest` without, and
    `data.late` from version 2 on."""
    for name, options in (
        ("numbers", {"history": True}),
        ("newest", {}),
        ("late", {"history": True, "start_version": 2}),
    ):
        place = provider.lake / name
        if name == "numbers":
            write_history(place)
        else:
            shutil.copytree(provider.lake / "numbers", place)
        await provider.share("lab", f"data.{name}", place, **options)
    return provider


@pytest.fixture
async def reader(lab: Provider, bearer) -> Reader:
    """Reads `lab` in parquet format."""
    return Reader(lab, bearer(await lab.recipient("analyst", "lab")))


@pytest.fixture(params=FORMATS)
async def any_reader(reader: Reader, request: pytest.FixtureRequest) -> Reader:
    """Reads `lab` in either format."""
    return reader.understanding(f"responseformat={request.param}")
