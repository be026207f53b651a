"""One module a table format, each with `detect(store)` and `open_table(source, store)`."""
