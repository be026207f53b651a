import hashlib
import json
from datetime import date
from decimal import Decimal
from urllib.parse import unquote

import polars as pl
import pytest
from deltalake import DeltaTable

from lakeshare.demo import flights, retail
from lakeshare.demo.lakehouse import Lakehouse, sample_lakehouse, write_lakehouse
from lakeshare.demo.report import differences, read_written
from lakeshare.errors import AlreadyExists


@pytest.fixture(scope="module")
def lakehouse(tmp_path_factory) -> Lakehouse:
    return write_lakehouse(tmp_path_factory.mktemp("demo") / "lakehouse")


@pytest.fixture(scope="module")
def customers(lakehouse) -> pl.DataFrame:
    return read_written(lakehouse.table("customers").location)


@pytest.fixture(scope="module")
def sales(lakehouse) -> pl.DataFrame:
    return read_written(lakehouse.table("sales_transactions").location)


def test_tables_have_their_names_in_order(lakehouse):
    assert [(table.full_name, table.share, table.shared_as) for table in lakehouse.tables] == [
        ("acme_corp.retail.customers", "external_retail", "retail.customers"),
        ("acme_corp.retail.sales_transactions", "external_retail", "retail.sales_transactions"),
        ("open_data.nycflights13.airlines", "open_flights", "nycflights13.airlines"),
        ("open_data.nycflights13.airports", "open_flights", "nycflights13.airports"),
        ("open_data.nycflights13.flights", "open_flights", "nycflights13.flights"),
    ]


def test_what_was_written_can_be_named_again(lakehouse):
    assert sample_lakehouse(lakehouse.directory) == lakehouse


def test_customers_have_the_columns_of_the_tutorials(customers):
    assert dict(customers.schema) == {
        "customer_id": pl.Int32,
        "customer_name": pl.String,
        "email": pl.String,
        "country": pl.String,
        "signup_date": pl.Date,
        "customer_segment": pl.String,
    }


def test_sales_have_the_columns_of_the_tutorials(sales):
    assert dict(sales.schema) == {
        "transaction_id": pl.Int32,
        "customer_id": pl.Int32,
        "product_name": pl.String,
        "quantity": pl.Int32,
        "unit_price": pl.Decimal(10, 2),
        "total_amount": pl.Decimal(10, 2),
        "transaction_date": pl.Date,
        "region": pl.String,
    }


def test_there_are_sales_enough_after_the_deletes(sales):
    assert 200_000 <= sales.height < 250_000


def test_keys_are_unique_and_never_null(customers, sales):
    assert customers["customer_id"].is_unique().all()
    assert sales["transaction_id"].is_unique().all()
    assert customers["customer_id"].null_count() == sales.null_count().sum_horizontal()[0] == 0


def test_some_customers_have_no_email_and_no_country(customers):
    assert 0 < customers["email"].null_count() < customers.height // 10
    assert 0 < customers["country"].null_count() < customers.height // 10


def test_names_go_beyond_ascii(customers):
    foreign = customers.filter(pl.col("customer_name").str.contains(r"[^\x00-\x7f]"))
    assert foreign.height > customers.height // 20
    assert customers["customer_name"].str.contains("[一-鿿]").any()


def test_every_sale_is_of_a_customer_who_had_signed_up(customers, sales):
    joined = sales.join(customers, on="customer_id")
    assert joined.height == sales.height
    assert (joined["transaction_date"] >= joined["signup_date"]).all()


def test_a_total_is_exactly_the_price_times_the_quantity(sales):
    for quantity, price, total in sales.select("quantity", "unit_price", "total_amount").iter_rows():
        assert quantity >= 1
        assert price * quantity == total


def test_regions_test_how_paths_are_encoded(lakehouse, sales):
    assert {"Asia Pacific", "América Latina"} < set(sales["region"])
    paths = _added_paths(lakehouse, "sales_transactions")
    assert any(path.startswith("region=Am%25C3%25A9rica%2520Latina/") for path in paths)
    root = lakehouse.table("sales_transactions").location
    assert all((root / unquote(path)).is_file() for path in paths)


def _added_paths(lakehouse: Lakehouse, name: str) -> list[str]:
    logs = sorted((lakehouse.table(name).location / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    return [action["add"]["path"] for action in actions if "add" in action]


@pytest.mark.parametrize(
    ("name", "changes"),
    [("customers", {"UPDATE", "MERGE", "DELETE"}), ("sales_transactions", {"UPDATE", "MERGE", "DELETE"})],
)
def test_retail_tables_have_a_history_with_change_data_feed(lakehouse, name, changes):
    table = DeltaTable(lakehouse.table(name).location)
    history = table.history()
    assert changes < {commit["operation"] for commit in history}
    for commit in history:
        metrics = commit["operationMetrics"]
        touched = [metrics.get(key, 1) for key in ("num_updated_rows", "num_deleted_rows", "num_target_rows_updated")]
        assert 0 not in touched, f"{commit['operation']} changed nothing"
    assert table.metadata().configuration["delta.enableChangeDataFeed"] == "true"
    assert list((lakehouse.table(name).location / "_change_data").rglob("*.parquet"))


def test_sales_are_read_from_a_checkpoint_and_the_commits_after_it(lakehouse):
    log = lakehouse.table("sales_transactions").location / "_delta_log"
    checkpoint = json.loads((log / "_last_checkpoint").read_text())
    assert 0 < checkpoint["version"] < DeltaTable(log.parent).version()


def test_sales_have_files_enough_to_prune(lakehouse):
    assert len(DeltaTable(lakehouse.table("sales_transactions").location).file_uris()) >= 50


def test_every_table_is_readable_in_parquet_format(lakehouse):
    for table in lakehouse.tables:
        assert DeltaTable(table.location).protocol().min_reader_version == 1


def test_flights_are_those_of_the_package(lakehouse):
    written = read_written(lakehouse.table("flights").location)
    assert written.height == 336_776
    assert differences(flights.read("flights"), written) == []
    assert written.schema["time_hour"] == pl.Datetime("us", "UTC")
    assert written["dep_time"].null_count() == 8_255
    assert written["tailnum"].null_count() == 2_512
    assert written["distance"].sum() == 350_217_607
    assert set(written["origin"]) == {"EWR", "JFK", "LGA"}


def test_airlines_and_airports_are_those_of_the_package(lakehouse):
    airports = read_written(lakehouse.table("airports").location)
    airlines = read_written(lakehouse.table("airlines").location)
    assert (airlines.height, airports.height) == (16, 1458)
    assert airports["tzone"].null_count() == 3
    assert airports.schema["alt"] == pl.Int32
    assert airlines.row(by_predicate=pl.col("carrier") == "UA") == ("UA", "United Air Lines Inc.")


def test_the_same_seed_gives_the_same_rows_on_every_machine(tmp_path):
    written = write_lakehouse(tmp_path / "lakehouse", seed=7, rows=3000)
    digests = [_digest(read_written(written.table(name).location)) for name in ("customers", "sales_transactions")]
    assert digests == ["fbcc494cafa491ca", "189c7e575cf4cd27"]


def test_another_seed_gives_other_rows():
    frames = [retail._sales(draws, retail._customers(draws, 300), 1000) for draws in map(retail.Draws, (1, 1, 2))]
    assert frames[0].equals(frames[1])
    assert not frames[0].equals(frames[2])


def _digest(rows: pl.DataFrame) -> str:
    return hashlib.sha256(rows.sort(rows.columns[0]).write_csv().encode()).hexdigest()[:16]


def test_progress_counts_to_the_end(tmp_path):
    told = []
    write_lakehouse(tmp_path / "lakehouse", rows=1000, progress=lambda *step: told.append(step))
    assert [done for _, done, _ in told] == list(range(len(told)))
    assert {steps for _, _, steps in told} == {len(told) - 1}
    assert told[-1][0] == "done"


def test_a_directory_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(AlreadyExists, match="is not empty"):
        write_lakehouse(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_an_interrupted_lakehouse_is_written_anew(tmp_path):
    def interrupt(_step: str, done: int, _steps: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_lakehouse(tmp_path / "lakehouse", rows=1000, progress=interrupt)
    assert not (tmp_path / "lakehouse").exists()
    write_lakehouse(tmp_path / "lakehouse", rows=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["lakehouse"]


def test_business_covers_two_years_and_a_half(sales):
    assert (sales["transaction_date"].min(), sales["transaction_date"].max()) == (date(2023, 1, 1), date(2025, 6, 30))
    assert sales["total_amount"].min() > Decimal(0)
