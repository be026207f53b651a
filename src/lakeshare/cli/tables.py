"""lakeshare table: register the tables that exist."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lakeshare.cli.options import Home, Json
from lakeshare.cli.output import count, format_size, format_time, print_facts, print_heading, print_json, print_table
from lakeshare.cli.session import administrator, run

if TYPE_CHECKING:
    from lakeshare.catalog.model import Table
    from lakeshare.operations.describe_table import TableDescription
    from lakeshare.tables.base import TableProtocol

app = typer.Typer(no_args_is_help=True, help="Register the tables that exist.")

Name = Annotated[str, typer.Argument(metavar="CATALOG.SCHEMA.TABLE", help="The table's name in the catalog.")]


@app.command(epilog="Example: lakeshare table create acme_corp.retail.sales --location /data/lakehouse/sales")
def create(
    name: Name,
    location: Annotated[str, typer.Option(metavar="PATH_OR_URI", help="Where the table is.")],
    also: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="Another directory that the table's log may name files in; may be repeated."),
    ] = None,
    home: Home = None,
) -> None:
    """Register a table. A missing catalog and schema are made, and the format is detected."""
    from lakeshare.operations.create_table import create_table

    table = run(home, lambda services: create_table(services, administrator(), name, location, also or ()))
    typer.echo(f"Registered {table.full_name} ({table.format}) at {table.location}.")
    typer.echo(f"Next: lakeshare share add SHARE {table.full_name}")


@app.command("list", epilog="Example: lakeshare table list --json")
def list_(home: Home = None, as_json: Json = False) -> None:
    """List the registered tables."""
    from lakeshare.operations.describe_table import list_tables

    tables = run(home, list_tables)
    if as_json:
        print_json({"tables": [_table_document(table) for table in tables]})
    elif tables:
        print_table(
            ["Table", "Format", "Location", "Registered"],
            [[table.full_name, table.format, table.location, format_time(table.created_at)] for table in tables],
        )
    else:
        typer.echo("No tables yet. Register one: lakeshare table create CATALOG.SCHEMA.TABLE --location PATH_OR_URI")


@app.command(epilog="Example: lakeshare table show acme_corp.retail.sales")
def show(name: Name, home: Home = None, as_json: Json = False) -> None:
    """Show where a table is and what its newest version holds."""
    from lakeshare.operations.describe_table import describe_table

    described = run(home, lambda services: describe_table(services, name))
    columns = json.loads(described.snapshot.metadata.schema_string)["fields"]
    if as_json:
        print_json(_table_document(described.table) | _snapshot_document(described, columns))
        return
    table, snapshot = described.table, described.snapshot
    print_facts(
        [
            ("Table", table.full_name),
            ("Location", table.location),
            *(("Also", root) for root in table.also),
            ("Format", table.format),
            ("Version", f"{snapshot.version}, written {format_time(snapshot.timestamp)}"),
            ("Data", f"{count(snapshot.num_files, 'file')}, {format_size(snapshot.size_bytes)}"),
            (
                "Protocol",
                f"reader {snapshot.protocol.min_reader_version}, writer {snapshot.protocol.min_writer_version}",
            ),
            ("Features", ", ".join(_features(snapshot.protocol)) or "none"),
            ("Registered", format_time(table.created_at)),
            ("Id", table.id),
        ]
    )
    print_heading("Columns")
    partitions = set(snapshot.metadata.partition_columns)
    print_table(
        ["Column", "Type", "Nullable", "Partition"],
        [
            [
                column["name"],
                _type_name(column["type"]),
                "yes" if column["nullable"] else "no",
                "yes" if column["name"] in partitions else "",
            ]
            for column in columns
        ],
    )


@app.command(epilog="Example: lakeshare table delete acme_corp.retail.sales")
def delete(name: Name, home: Home = None) -> None:
    """Take a table out of the catalog. Its files stay where they are."""
    from lakeshare.operations.delete_table import delete_table

    table = run(home, lambda services: delete_table(services, administrator(), name))
    typer.echo(f"Deleted {table.full_name} from the catalog. Its files at {table.location} are untouched.")


def _table_document(table: "Table") -> dict[str, Any]:
    return {
        "name": table.full_name,
        "id": table.id,
        "location": table.location,
        "also": table.also,
        "format": table.format,
        "created_at": table.created_at,
    }


def _snapshot_document(described: "TableDescription", columns: list[dict[str, Any]]) -> dict[str, Any]:
    snapshot = described.snapshot
    return {
        "version": snapshot.version,
        "timestamp": snapshot.timestamp,
        "num_files": snapshot.num_files,
        "size_bytes": snapshot.size_bytes,
        "min_reader_version": snapshot.protocol.min_reader_version,
        "min_writer_version": snapshot.protocol.min_writer_version,
        "features": _features(snapshot.protocol),
        "partition_columns": snapshot.metadata.partition_columns,
        "columns": [
            {"name": column["name"], "type": _type_name(column["type"]), "nullable": column["nullable"]}
            for column in columns
        ],
    }


def _features(protocol: "TableProtocol") -> list[str]:
    return sorted({*(protocol.reader_features or ()), *(protocol.writer_features or ())})


def _type_name(spark_type: Any) -> str:
    """A type of Spark's JSON schema as SQL writes it: `array<struct<a: long>>`."""
    if isinstance(spark_type, str):
        return spark_type
    kind = spark_type["type"]
    if kind == "array":
        return f"array<{_type_name(spark_type['elementType'])}>"
    if kind == "map":
        return f"map<{_type_name(spark_type['keyType'])}, {_type_name(spark_type['valueType'])}>"
    fields = ", ".join(f"{field['name']}: {_type_name(field['type'])}" for field in spark_type["fields"])
    return f"struct<{fields}>"
