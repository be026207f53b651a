"""Where a deletion vector is (delta-io/delta, PROTOCOL.md, "Deletion Vector Descriptor Schema")."""

from collections.abc import Sequence
from uuid import UUID

import polars as pl

from lakeshare.datafiles.z85 import decode_z85
from lakeshare.errors import TableUnreadable
from lakeshare.storage.locations import normalise_log_path, require_inside


def deletion_vector_key(storage_type: str, path_or_inline_dv: str, root: str) -> str | None:
    """The key of the file that holds it: relative to `root` where it lies under it, else a whole location.

    None where it is inline. Raises TableUnreadable where the descriptor names no file. Whether the key is inside the
    table's roots was checked when the table was read.
    """
    if storage_type == "i":
        return None
    if storage_type == "p":
        return normalise_log_path(path_or_inline_dv, root)
    if storage_type != "u":
        raise TableUnreadable("its log has a deletion vector of unknown storage", detail=f"storage {storage_type!r}")
    prefix, encoded = path_or_inline_dv[:-_UUID_LENGTH], path_or_inline_dv[-_UUID_LENGTH:]
    if prefix in (".", "..") or set(prefix) & _NOT_IN_PREFIX or len(encoded) < _UUID_LENGTH:
        raise _malformed(path_or_inline_dv)
    try:
        name = f"deletion_vector_{UUID(bytes=decode_z85(encoded))}.bin"
    except ValueError as error:
        raise _malformed(path_or_inline_dv) from error
    return f"{prefix}/{name}" if prefix else name


def require_vectors_inside(files: pl.DataFrame, root: str, also: Sequence[str]) -> None:
    """Raises TableUnreadable where a row's deletion vector lies under neither the root nor one of `also`.

    Only what a pattern does not clear, which is next to nothing in a healthy log, costs Python time.
    """
    if files["deletion_vector_id"].null_count() == files.height:
        return
    vector = pl.col("deletion_vector").struct
    kind, place = vector.field("storage_type"), vector.field("path_or_inline_dv")
    plain = (kind == "i") | ((kind == "u") & place.str.contains(_SURE))
    odd = files.filter(pl.col("deletion_vector_id").is_not_null() & ~plain.fill_null(value=False))
    for storage_type, path in odd.select(kind, place).unique().iter_rows():
        key = deletion_vector_key(storage_type, path, root)
        if key is not None:
            require_inside(key, also)


_UUID_LENGTH = 20
_NOT_IN_PREFIX = frozenset("/\\%\x00")
"""A prefix is the name of one directory."""
_SURE = r"^[A-Za-z0-9_-]*(?:[0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@-][0-9a-zA-Z.:+=^!/*?&<>()\[\]{}@%$#-]{4}){4}$"
"""A prefix that is a plain name, and a UUID none of whose words can overflow: 82 * 85^4 < 2^32."""


def _malformed(text: str) -> TableUnreadable:
    return TableUnreadable("its log has a malformed deletion vector", detail=f"descriptor {text!r}")
