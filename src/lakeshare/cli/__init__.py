"""The command line: thin commands over the operations."""

from lakeshare.cli.app import app, main

__all__ = ["app", "main"]
