"""One file a backend, each with its `SCHEMES` and its `open_backend(root) -> ObjectStore`."""

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType

from lakeshare.errors import InvalidValue
from lakeshare.storage.base import ObjectStore
from lakeshare.storage.locations import scheme_of


def open_store(root: str) -> ObjectStore:
    """The store that reads below `root`. Raises InvalidValue where no backend knows the scheme."""
    backends = _backends_by_scheme()
    backend = backends.get(scheme_of(root))
    if backend is None:
        known = ", ".join(sorted(backends))
        raise InvalidValue(f"No storage backend serves {scheme_of(root)!r} locations.", hint=f"Available: {known}.")
    store: ObjectStore = backend.open_backend(root)
    return store


@cache
def _backends_by_scheme() -> dict[str, ModuleType]:
    modules = [import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {scheme: module for module in modules for scheme in module.SCHEMES}
