"""A program: the server with S3's URLs in place of its own, `s3_urls.py HOME PORT`.

Local tables are listed as if their files lay in a bucket; the keys are made up, for nobody fetches the files. SIGUSR1
moves the clock by an hour, into another signing window.
"""

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from lakeshare.bootstrap import now_ms, server_config
from lakeshare.catalog.model import Table
from lakeshare.settings import load_settings
from lakeshare.storage.base import SigningWindow, UrlSigner
from lakeshare.storage.sigv4 import S3Credentials, S3Location, SigV4UrlSigner

CREDENTIALS = S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
HOUR_MS = 3_600_000


def s3_url_signer(table: Table, window: SigningWindow) -> UrlSigner:
    return SigV4UrlSigner(S3Location("lakehouse", f"warehouse/{table.id}/", "eu-central-1"), CREDENTIALS, window)


def main() -> None:
    home, port = Path(sys.argv[1]), int(sys.argv[2])
    hours = 0

    def move_clock(*_: object) -> None:
        nonlocal hours
        hours += 1

    signal.signal(signal.SIGUSR1, move_clock)
    config = server_config(load_settings(home), "127.0.0.1", port)
    app = config.app
    assert isinstance(app, Starlette)
    wired = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with wired(app):
            app.state.services = replace(
                app.state.services, url_signer=s3_url_signer, clock=lambda: now_ms() + hours * HOUR_MS
            )
            yield

    app.router.lifespan_context = lifespan
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
