"""Delta Lake tables: our own replay of the transaction log (delta-io/delta, PROTOCOL.md)."""

from lakeshare.tables.formats.delta.table import detect, open_table

__all__ = ["detect", "open_table"]
