"""Files of every kind, drawn for properties, and how they are told."""

from urllib.parse import quote

import polars as pl
from hypothesis import strategies as st

from lakeshare.operations.file_parts import LineStyle
from lakeshare.storage.base import UrlSigner
from lakeshare.tables.base import CHANGE_COLUMNS, FILE_COLUMNS
from lakeshare.tables.history import CommitTime

ROOT = "file:///lake/t"
EXPIRES = 1_700_000_000_000
STAMP = CommitTime(7, 1_650_000_000_123)

TEXT = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("\u2028\u2029\u0085\"\\\n\r'%{}é")))
PATHS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
COUNTS = st.integers(0, 2**62)
VECTORS = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "storage_type": st.just("i"),
            "path_or_inline_dv": TEXT,
            "offset": st.none(),
            "size_in_bytes": st.integers(1, 2**31 - 1),
            "cardinality": COUNTS,
        }
    ),
    st.fixed_dictionaries(
        {
            "storage_type": st.just("u"),
            "path_or_inline_dv": st.sampled_from(["", "ab", "dv=1"]).map("{}^-aqEH.-t@S}}K{{vb[*k^".format),
            "offset": st.integers(0, 2**31 - 1),
            "size_in_bytes": st.integers(1, 2**31 - 1),
            "cardinality": COUNTS,
        }
    ),
    st.fixed_dictionaries(
        {
            "storage_type": st.just("p"),
            "path_or_inline_dv": st.sampled_from(
                ["file:///lake/t/a%20b.bin", "file:///lake/other/x.bin", "/lake/t/y.bin"]
            ),
            "offset": st.one_of(st.none(), st.integers(0, 100)),
            "size_in_bytes": st.integers(1, 2**31 - 1),
            "cardinality": COUNTS,
        }
    ),
)
VECTOR_KEYS = {
    "file:///lake/t/a%20b.bin": "a b.bin",
    "file:///lake/other/x.bin": "file:///lake/other/x.bin",
    "/lake/t/y.bin": "y.bin",
    "^-aqEH.-t@S}K{vb[*k^": "deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
    "ab^-aqEH.-t@S}K{vb[*k^": "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
    "dv=1^-aqEH.-t@S}K{vb[*k^": "dv=1/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin",
}


class FakeSigner(UrlSigner):
    """Signs nothing. `signed` tells what it was asked for."""

    place = "https://x"
    issue = "?s=1"

    def __init__(self) -> None:
        self.signed: list[list[str]] = []

    def bases(self, keys):
        return [f"https://x/{quote(key, safe='/')}" for key in keys]

    def endings(self, keys):
        self.signed.append(list(keys))
        return ["?s=1"] * len(keys)


sign = FakeSigner()


def style(response_format, stamp=None, signer=sign) -> LineStyle:
    return LineStyle(response_format, signer, EXPIRES, ROOT, stamp)


@st.composite
def frames(draw, *, vectors=VECTORS, changes=False):
    partitions = draw(st.lists(TEXT.filter(bool), unique=True, max_size=2))
    row = {
        "path": PATHS,
        "size": st.none() | COUNTS if changes else COUNTS,
        "modification_time": COUNTS,
        "stats": st.none() | TEXT,
        "deletion_vector": vectors,
        "base_row_id": st.none() | COUNTS,
        "default_row_commit_version": st.none() | COUNTS,
    }
    if changes:
        row |= {"action": st.sampled_from(["add", "remove", "cdc"]), "data_change": st.booleans()}
    rows = draw(st.lists(st.fixed_dictionaries(row), max_size=4))
    for number, drawn in enumerate(rows):
        if drawn.get("action") == "cdc":
            drawn["deletion_vector"] = None
        drawn["deletion_vector_id"] = None if drawn["deletion_vector"] is None else f"u{number}"
    frame = pl.DataFrame(rows, schema=CHANGE_COLUMNS if changes else FILE_COLUMNS)
    if not partitions:
        return frame
    values = [draw(st.fixed_dictionaries({name: st.none() | TEXT for name in partitions})) for _ in rows]
    schema = pl.Struct(dict.fromkeys(partitions, pl.String))
    return frame.with_columns(pl.Series("partition_values", values, dtype=schema))
