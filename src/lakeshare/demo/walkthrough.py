"""The seeded walk-through: a sample lakehouse, a server, a recipient who reads it, and a chart."""
