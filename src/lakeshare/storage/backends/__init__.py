"""One file a backend, each with its `SCHEMES` and its `open_backend(root) -> ObjectStore`."""

import pkgutil
from importlib import import_module

from lakeshare.errors import InvalidValue
from lakeshare.storage.base import ObjectStore
from lakeshare.storage.locations import scheme_of


def open_store(root: str) -> ObjectStore:
    """The store that reads below `root`. Raises InvalidValue where no backend knows the scheme."""
    known: list[str] = []
    for found in pkgutil.iter_modules(__path__):
        backend = import_module(f"{__name__}.{found.name}")
        if scheme_of(root) in backend.SCHEMES:
            store: ObjectStore = backend.open_backend(root)
            return store
        known.extend(backend.SCHEMES)
    raise InvalidValue(
        f"No storage backend serves {scheme_of(root)!r} locations.", hint=f"Available: {', '.join(sorted(known))}."
    )
