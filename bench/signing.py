"""A program: prints how many S3 URLs a second one thread signs, and does nothing else."""

import time

from lakeshare.storage.base import SigningWindow
from lakeshare.storage.sigv4 import S3Location, SigV4UrlSigner
from s3_urls import CREDENTIALS

URLS, BATCH = 200_000, 1_000


def main() -> None:
    keys = [f"day=2026-01-{row % 28 + 1:02}/region=region-{row % 10}/part-{row}-c000.parquet" for row in range(BATCH)]
    now = int(time.time())
    location = S3Location("lakehouse", "warehouse/6f0c9d52-3f1e-4d0b-9c57-0b1a2c3d4e5f/", "eu-central-1")
    sign = SigV4UrlSigner(location, CREDENTIALS, SigningWindow(now, now + 900, now + 300))
    start = time.perf_counter()
    for _ in range(URLS // BATCH):
        sign(keys)
    print(URLS / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
