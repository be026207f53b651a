"""Two years and a half of an invented retailer: its customers, its sales, and what became of them."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from deltalake import DeltaTable

from lakeshare.demo import delta
from lakeshare.demo.people import COUNTRIES, Country

Integers = npt.NDArray[np.int64]

FIRST_DAY, LAST_DAY = date(2023, 1, 1), date(2025, 6, 30)
SALES_A_CUSTOMER = 40
CLOSED_ACCOUNTS_EVERY = 97
SEASON = (8, 7, 8, 8, 9, 9, 8, 7, 9, 10, 15, 17)  # how busy each month is
_EPOCH = date(1970, 1, 1)
_CHANGED_SINCE = date(2025, 4, 1)  # files of earlier sales stay as they were written
_RECENT = f"transaction_date >= '{_CHANGED_SINCE}'"


@dataclass(frozen=True, slots=True)
class Segment:
    """`share`: its part of the customers in percent. `activity`: how often one of them buys, relative to others."""

    name: str
    share: int
    activity: int
    most_pieces: int


SEGMENTS = (
    Segment("Consumer", share=56, activity=2, most_pieces=3),
    Segment("Small Business", share=26, activity=3, most_pieces=6),
    Segment("Mid-Market", share=13, activity=5, most_pieces=10),
    Segment("Enterprise", share=5, activity=8, most_pieces=24),
)

PRODUCTS = (  # list prices in cents
    ("Laptop 14 inch", 119_900),
    ("Laptop 16 inch", 189_900),
    ("Tablet", 49_900),
    ("Monitor 27 inch", 32_900),
    ("Docking Station", 18_950),
    ("Mechanical Keyboard", 11_999),
    ("Wireless Mouse", 3_995),
    ("Headset", 8_949),
    ("Webcam", 7_450),
    ("Desk Lamp", 4_590),
    ("Standing Desk", 54_900),
    ("Office Chair", 28_900),
    ("Espresso Machine", 39_900),
    ("Café au Lait Cups (Set of 6)", 3_490),
    ("Notebook A5", 899),
    ("Fountain Pen", 2_750),
    ("Backpack", 7_990),
    ("USB-C Cable 2 m", 1_499),
    ("External SSD 2 TB", 15_990),
    ("Wi-Fi Router", 12_990),
)


def steps(customers: Path, sales: Path, seed: int, rows: int) -> list[delta.Step]:
    """The commits that make the two tables at these places: appends, an update, a merge and a delete each."""
    draws = Draws(seed)
    people = _customers(draws, max(300, rows // SALES_A_CUSTOMER))
    sold = _sales(draws, people, rows)
    known = people.select("customer_id", "customer_name", "email", "country", "signup_date", "customer_segment")
    early = pl.col("signup_date") < date(2024, 1, 1)
    first, *later = sold.partition_by("quarter", include_key=False, maintain_order=True)
    return [
        ("customers", partial(_create_customers, customers, known.filter(early))),
        ("customers of 2024 and 2025", partial(delta.append, customers, known.filter(~early))),
        ("customers that grew", partial(_promote, customers)),
        ("customers' new addresses", partial(_correct_emails, customers, known)),
        ("closed accounts", partial(_delete, customers, f"customer_id % {CLOSED_ACCOUNTS_EVERY} = 0")),
        ("sales of quarter 1", partial(_create_sales, sales, first)),
        *(
            (f"sales of quarter {number}", partial(delta.append, sales, quarter))
            for number, quarter in enumerate(later, 2)
        ),
        ("a checkpoint", lambda: DeltaTable(sales).create_checkpoint()),
        ("a corrected price", partial(_correct_price, sales)),
        ("returned pieces", partial(_return_pieces, sales, sold)),
        ("cancelled sales", partial(_delete, sales, f"{_RECENT} AND transaction_id % 17 = 0")),
    ]


class Draws:
    """Random whole numbers. Only raw PCG64 output is used: numpy promises that it stays the same, and promises it of
    nothing that is built upon it."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.PCG64(seed)

    def below(self, limit: int | Integers, size: int) -> Integers:
        """Evenly from 0 to `limit` - 1."""
        raw: npt.NDArray[np.uint64] = self._generator.random_raw(size)
        return (raw >> np.uint64(11)).astype(np.int64) % limit

    def weighted(self, weights: Sequence[int] | Integers, size: int) -> Integers:
        """Indexes of `weights`, each as often as its weight says."""
        bounds = np.cumsum(np.asarray(weights, dtype=np.int64))
        return np.searchsorted(bounds, self.below(int(bounds[-1]), size), side="right").astype(np.int64)


def _customers(draws: Draws, count: int) -> pl.DataFrame:
    """The table's columns, and `segment` and `region` as the sales need them."""
    ids = np.arange(1, count + 1)
    countries = [COUNTRIES[index] for index in draws.weighted([country.weight for country in COUNTRIES], count)]
    given, family = draws.below(2**40, count), draws.below(2**40, count)
    names = [_name(*person) for person in zip(countries, given.tolist(), family.tolist(), strict=True)]
    domains = [("example.com", "example.org", "example.net")[index] for index in draws.below(3, count)]
    emails = [f"{_mailbox(name)}{i}@{domain}" for name, i, domain in zip(names, ids, domains, strict=True)]
    segments = draws.weighted([segment.share for segment in SEGMENTS], count)
    first, last = _day(date(2019, 1, 1)), _day(LAST_DAY)
    signup = np.sort(first + draws.below(last - first, count))
    no_email, no_country = draws.below(25, count) == 0, draws.below(80, count) == 0
    return pl.DataFrame(
        {
            "customer_id": pl.Series(ids, dtype=pl.Int32),
            "customer_name": names,
            "email": [None if absent else email for email, absent in zip(emails, no_email, strict=True)],
            "country": [
                None if absent else country.name for country, absent in zip(countries, no_country, strict=True)
            ],
            "signup_date": pl.Series(signup.astype(np.int32)).cast(pl.Date),
            "customer_segment": [SEGMENTS[index].name for index in segments],
            "segment": segments,
            "region": [country.region for country in countries],
        }
    )


def _sales(draws: Draws, customers: pl.DataFrame, count: int) -> pl.DataFrame:
    """The table's columns in the order of their dates, and `quarter`, the first day of theirs."""
    segments = customers["segment"].to_numpy()
    activity = np.array([segment.activity for segment in SEGMENTS])[segments] * (1 + draws.below(5, len(segments)))
    activity[customers["customer_id"].to_numpy() % CLOSED_ACCOUNTS_EVERY == 0] = 0  # they leave, and leave no sales
    buyer = draws.weighted(activity, count)
    signup = customers["signup_date"].cast(pl.Int32).to_numpy()[buyer]
    day = np.maximum(_sale_days(draws, count), signup)
    order = np.argsort(day, kind="stable")
    buyer, day = buyer[order], day[order]
    product = draws.below(len(PRODUCTS), count)
    most_pieces = np.array([segment.most_pieces for segment in SEGMENTS])[segments[buyer]]
    quantity = 1 + draws.below(most_pieces, count)
    list_price = np.array([price for _, price in PRODUCTS])[product]
    unit_price = list_price * (88 + draws.below(15, count)) // 100
    names = pl.Series([name for name, _ in PRODUCTS])
    return pl.DataFrame(
        {
            "transaction_id": pl.Series(np.arange(1, count + 1), dtype=pl.Int32),
            "customer_id": customers["customer_id"].gather(buyer),
            "product_name": names.gather(product),
            "quantity": pl.Series(quantity, dtype=pl.Int32),
            "unit_price": _money(unit_price),
            "total_amount": _money(unit_price * quantity),
            "transaction_date": pl.Series(day.astype(np.int32)).cast(pl.Date),
            "region": customers["region"].gather(buyer),
        }
    ).with_columns(quarter=pl.col("transaction_date").dt.truncate("1q"))


def _sale_days(draws: Draws, count: int) -> Integers:
    """Days since 1970: business follows the seasons, and grows by half over the time."""
    days = np.arange(_day(FIRST_DAY), _day(LAST_DAY) + 1)
    months = pl.Series(days.astype(np.int32)).cast(pl.Date).dt.month().to_numpy()
    growth = 2 * len(days) + np.arange(len(days))
    return days[draws.weighted(np.array(SEASON)[months - 1] * growth, count)]


def _create_customers(location: Path, rows: pl.DataFrame) -> None:
    delta.create(location, rows, "Everyone who has an account", configuration=delta.CHANGE_DATA_FEED)


def _create_sales(location: Path, rows: pl.DataFrame) -> None:
    description = "Every sale since 2023, one line each"
    delta.create(location, rows, description, partition_by="region", configuration=delta.CHANGE_DATA_FEED)


def _promote(location: Path) -> None:
    DeltaTable(location).update(
        predicate="customer_segment = 'Small Business' AND customer_id % 19 = 0",
        updates={"customer_segment": "'Mid-Market'"},
    )


def _correct_emails(location: Path, customers: pl.DataFrame) -> None:
    """Some get an address of their own, and as many customers sign up at the till."""
    corrected = customers.filter(pl.col("customer_id") % 41 == 0).with_columns(
        email=pl.format("customer{}@example.com", "customer_id")
    )
    last = customers["customer_id"].max()
    walked_in = corrected.with_columns(
        customer_id=(pl.int_range(1, pl.len() + 1) + last).cast(pl.Int32),
        email=None,
        signup_date=pl.lit(LAST_DAY),
        customer_segment=pl.lit("Consumer"),
    )
    _merge(
        location, pl.concat([corrected, walked_in.cast(corrected.schema)]), "target.customer_id = source.customer_id"
    )


def _correct_price(location: Path) -> None:
    DeltaTable(location).update(
        predicate=f"product_name = 'Webcam' AND {_RECENT}",
        updates={"unit_price": "69.50", "total_amount": "CAST(69.50 * quantity AS DECIMAL(10, 2))"},
    )


def _return_pieces(location: Path, sales: pl.DataFrame) -> None:
    """One piece of some larger sales came back."""
    recent = (pl.col("transaction_date") >= _CHANGED_SINCE) & (pl.col("product_name") != "Webcam")
    larger = (pl.col("quantity") > 1) & (pl.col("transaction_id") % 13 == 0)
    returned = (
        sales.drop("quarter")
        .filter(recent & larger)
        .with_columns(
            quantity=pl.col("quantity") - 1,
            total_amount=(pl.col("total_amount") - pl.col("unit_price")).cast(pl.Decimal(10, 2)),
        )
    )
    _merge(location, returned, f"target.transaction_id = source.transaction_id AND target.{_RECENT}")


def _merge(location: Path, rows: pl.DataFrame, predicate: str) -> None:
    """Rows that the predicate finds replace what was there, the others are added."""
    merger = DeltaTable(location).merge(rows, predicate, source_alias="source", target_alias="target")
    merger.when_matched_update_all().when_not_matched_insert_all().execute()


def _delete(location: Path, predicate: str) -> None:
    DeltaTable(location).delete(predicate)


def _name(country: Country, given: int, family: int) -> str:
    givens, families = country.given_names, country.family_names
    return f"{givens[given % len(givens)]} {families[family % len(families)]}"


def _mailbox(name: str) -> str:
    """What ASCII keeps of a name: "Zoë O'Brien" gives "zoe.obrien."."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = ("".join(filter(str.isalpha, word)) for word in ascii_name.split())
    return "".join(f"{word}." for word in words if word)


def _money(cents: Integers) -> pl.Series:
    return (pl.Series(cents).cast(pl.Decimal(12, 2)) * Decimal("0.01")).cast(pl.Decimal(10, 2))


def _day(day: date) -> int:
    return (day - _EPOCH).days
