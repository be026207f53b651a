"""The whole application in this process, over a real home with real Delta tables."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import polars as pl
import pytest

from lakeshare.bootstrap import server_app
from lakeshare.settings import load_settings
from provider import Provider, orders


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
