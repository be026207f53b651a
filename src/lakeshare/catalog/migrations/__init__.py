"""Brings a database to the schema that this Lakeshare knows."""

from lakeshare.catalog.migrations.upgrade import migrate

__all__ = ["migrate"]
