"""One module a table format, each with `detect(store)` and `open_table(source, store)`; its name is the format's."""

import pkgutil
from functools import lru_cache
from importlib import import_module
from types import ModuleType

from lakeshare.errors import InvalidValue
from lakeshare.storage.backends import open_store
from lakeshare.storage.base import ObjectStore
from lakeshare.tables.base import TableReader, TableSource


async def detect_format(store: ObjectStore, location: str) -> str:
    """The format of the table at the store's root. `location` is how an error names it.

    Raises InvalidValue where no format finds a table there, or Unavailable.
    """
    for name in _available():
        if await _module(name).detect(store):
            return name
    raise InvalidValue(f"There is no table at {location!r}.", hint=f"Available formats: {', '.join(_available())}.")


@lru_cache(maxsize=4096)
def open_table(source: TableSource) -> TableReader:
    """The reader of a table, one for all who ask; touches no storage.

    Raises InvalidValue where the format or the scheme is unknown.
    """
    if source.format not in _available():
        raise InvalidValue(f"Unknown table format {source.format!r}.", hint=f"Available: {', '.join(_available())}.")
    reader: TableReader = _module(source.format).open_table(source, open_store(source.root))
    return reader


def _available() -> list[str]:
    return sorted(found.name for found in pkgutil.iter_modules(__path__))


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")
