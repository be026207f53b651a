"""The credential file that an administrator hands over."""

import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lakeshare.errors import AlreadyExists, InvalidValue, Unavailable


class NewProfileFile:
    """A file that is reserved before the credential is made, and is gone again where none was.

    Raises AlreadyExists where the file is there: a credential is never overwritten. Raises InvalidValue where it
    cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False

    def __enter__(self) -> Self:
        try:
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            raise AlreadyExists(
                f"The file {str(self._path)!r} is there already, and is not overwritten.", hint="Name another file."
            ) from None
        except OSError as error:
            raise InvalidValue(
                f"The file {str(self._path)!r} cannot be made: {error.strerror}.", hint="Name another file."
            ) from error
        return self

    def write(self, data: bytes) -> None:
        """Raises Unavailable where the disk does not take it: then the token in it is lost."""
        try:
            with os.fdopen(os.dup(self._descriptor), "wb") as file:
                file.write(data)
        except OSError as error:
            raise Unavailable(
                f"The recipient was made, but {str(self._path)!r} cannot be written: {error.strerror}.",
                hint="Make a new token: lakeshare recipient rotate RECIPIENT",
            ) from error
        self._written = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        if not self._written:
            with suppress(FileNotFoundError):
                self._path.unlink()
