"""A disk cache whose disk refuses."""

from pathlib import Path

from lakeshare.tables.disk_cache import DiskCache

NO_DISK = DiskCache(Path("/dev/null/cache"), 0, bytes(32))
