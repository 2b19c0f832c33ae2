from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.data.attribution import Attribution, customer_shares
from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
from ltvforecast.data.summary import customer_table, summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import SummaryError
from ltvforecast.transaction_types import Account, AccountLine, CustomerSummary, Transactions

EPOCH = pd.Timestamp("1970-01-01")


def days_since_epoch(text: str) -> int:
    return int((pd.Timestamp(text) - EPOCH).days)


def transactions(rows: list[tuple[str, str, int, float]]) -> Transactions:
    """Validated transactions of (customer, partner, day, amount), made without any reader."""
    frame = pd.DataFrame(rows, columns=["customer_id", "partner_id", "day", "amount"])
    micros = (frame["amount"] * 1e6).round().astype("int64").to_numpy()
    frame = pd.DataFrame(
        {
            "row": np.arange(1, len(frame) + 1, dtype=np.int64),
            "partner_id": frame["partner_id"].astype(str),
            "customer_id": frame["customer_id"].astype(str),
            "day": frame["day"].astype("int64"),
            "amount_micros": micros,
            "refunded_micros": np.zeros(len(frame), dtype=np.int64),
            "transaction_id": pd.Series([None] * len(frame), dtype="str"),
        }
    )
    line = AccountLine(
        disposition="kept",
        reason="ok",
        explanation="kept as they are",
        rows=len(frame),
        money_in_micros=int(micros.sum()),
        money_out_micros=int(micros.sum()),
    )
    account = Account(source="made in a test", rows_read=len(frame), columns={}, lines=(line,))
    return Transactions(frame=frame, rejects=pd.DataFrame(), quality=account)


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    frame = load_cdnow_sample()
    return frame.assign(day=(frame["date"] - EPOCH).dt.days)[["customer_id", "day", "amount"]]


def test_cdnow_39_weeks_has_the_published_statistics(cdnow: pd.DataFrame) -> None:
    # Fader, Hardie & Lee (2005), section 4: 2,357 customers, 946 repeat buyers and 2,457 repeat
    # transactions in weeks 1-39; customer 0001 has x = 2, t_x = 30.43, T = 38.86 weeks.
    table = customer_table(cdnow, as_of_day=days_since_epoch("1997-09-30"))
    assert len(table) == 2_357
    assert (table["frequency"] > 0).sum() == 946
    assert table["frequency"].sum() == 2_457
    one = table.iloc[0]
    assert one["customer_id"] == "0001"
    assert one["frequency"] == 2
    assert one["recency"] / 7 == pytest.approx(30.43, abs=0.005)
    assert one["T"] / 7 == pytest.approx(38.86, abs=0.005)
    assert one["monetary_value"] == pytest.approx((29.73 + 14.96) / 2)
    repeaters = table[table["frequency"] > 0]
    # Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value": mean of the 946 customers'
    # mean repeat transaction is 35.08 dollars.
    assert repeaters["monetary_value"].mean() == pytest.approx(35.08, abs=0.005)


ENGINES: dict[str, Callable[[pa.Table], object]] = {
    "pandas": lambda table: table.to_pandas(),
    "pandas with arrow types": lambda table: table.to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.from_arrow,
    "polars lazy": lambda table: pl.DataFrame(table).lazy(),
    "pyarrow": lambda table: table,
    "duckdb": duckdb.from_arrow,
}


@pytest.fixture(scope="module")
def expected(cdnow: pd.DataFrame) -> pd.DataFrame:
    return by_plain_loop(cdnow, days_since_epoch("1998-01-31"))


@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree(cdnow: pd.DataFrame, expected: pd.DataFrame, engine: str) -> None:
    native = ENGINES[engine](pa.Table.from_pandas(cdnow, preserve_index=False))
    found = customer_table(native, as_of_day=days_since_epoch("1998-01-31"))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-12)


def by_plain_loop(frame: pd.DataFrame, as_of_day: int) -> pd.DataFrame:
    """Do the same the slow way, customer by customer."""
    rows = []
    for customer, own in frame[frame["day"] <= as_of_day].groupby("customer_id"):
        daily = own.groupby("day")["amount"].sum()
        paid = daily[daily > 0]
        rows.append(
            {
                "customer_id": str(customer),
                "frequency": len(daily) - 1,
                "recency": float(daily.index.max() - daily.index.min()),
                "T": float(as_of_day - daily.index.min()),
                "monetary_value": float(daily.iloc[1:].mean()) if len(daily) > 1 else 0.0,
                "first_value": float(daily.iloc[0]),
                "spend_n": len(paid),
                "spend_sum": float(paid.sum()),
                "spend_log_sum": float(np.log(paid).sum()),
                "revenue_to_date": float(daily.sum()),
            }
        )
    return pd.DataFrame(rows).astype({"customer_id": "str"})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("broken", ["missing amount", "negative amount", "missing customer"])
def test_unusable_values_are_refused_by_every_engine(engine: str, broken: str) -> None:
    amounts = {"missing amount": [1.0, None], "negative amount": [1.0, -1.0]}
    customers = ["c", None] if broken == "missing customer" else ["c", "d"]
    table = pa.table(
        {"customer_id": customers, "day": [1, 2], "amount": amounts.get(broken, [1.0, 2.0])}
    )
    with pytest.raises(SummaryError, match="missing, or an amount is negative"):
        customer_table(ENGINES[engine](table), as_of_day=9)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SummaryError, match="no column day, amount"):
        customer_table(pd.DataFrame({"customer_id": ["c"]}), as_of_day=9)


def test_free_purchases_count_but_have_no_logarithm() -> None:
    frame = pd.DataFrame(
        {"customer_id": ["c", "c", "c", "d"], "day": [0, 5, 9, 4], "amount": [0.0, 8.0, 0.0, 0.0]}
    )
    table = customer_table(frame, as_of_day=10).set_index("customer_id")
    assert table.loc["c", ["frequency", "spend_n"]].tolist() == [2, 1]
    assert table.loc["c", "monetary_value"] == 4.0
    assert table.loc["c", "spend_log_sum"] == pytest.approx(np.log(8.0))
    assert (
        table.loc["d", ["frequency", "spend_n", "spend_sum", "spend_log_sum"]].tolist() == [0] * 4
    )
    assert not table.isna().to_numpy().any()


# ------------------------------------------------------------------ summarize

ROWS = [
    ("ann", "shop", 100, 10.0),
    ("ann", "shop", 100, 5.0),
    ("ann", "web", 130, 45.0),
    ("bob", "web", 110, 7.5),
    ("Änne", "shop", 120, 2.5),
]


def test_summary_by_hand() -> None:
    found = summarize(transactions(ROWS), as_of=dt.date(1970, 5, 21))
    assert found.as_of == dt.date(1970, 5, 21)
    assert found.customers["customer_id"].tolist() == ["ann", "bob", "Änne"]
    assert found.customers["partner_id"].tolist() == ["web", "web", "shop"]
    assert found.customers["frequency"].tolist() == [1, 0, 0]
    assert found.customers["recency"].tolist() == [30.0, 0.0, 0.0]
    assert found.customers["T"].tolist() == [40.0, 30.0, 20.0]
    assert found.customers["monetary_value"].tolist() == [45.0, 0.0, 0.0]
    assert found.customers["first_value"].tolist() == [15.0, 7.5, 2.5]
    assert found.partner_ids == ("shop", "web")
    assert found.share_start.tolist() == [0, 2, 3, 4]
    assert found.share_partner.tolist() == [0, 1, 1, 0]
    assert found.share_weight.tolist() == [0.25, 0.75, 1.0, 1.0]
    assert found.programme_share.tolist() == [0.25, 0.75]
    assert found.partner_customers.tolist() == [2, 2]
    assert found.history.to_dict("list") == {
        "partner_id": ["shop", "shop", "web", "web"],
        "day": [100, 120, 110, 130],
        "revenue": [15.0, 2.5, 7.5, 45.0],
        "purchases": [2, 1, 1, 1],
    }
    assert "assumed" in found.allocation.how
    assert any(text.startswith("few repeat customers") for text in found.warnings)
    assert found.account.money_kept_micros == 70_000_000
    assert len(found) == 3


@pytest.mark.parametrize(("unit", "days"), [("day", 1.0), ("week", 7.0), ("month", 365.25 / 12)])
def test_time_units_only_divide(unit: str, days: float) -> None:
    found = summarize(transactions(ROWS), time_unit=unit)
    assert found.customers["T"].to_numpy() * days == pytest.approx([30.0, 20.0, 10.0])
    assert found.customers["recency"].to_numpy() * days == pytest.approx([30.0, 0.0, 0.0])


def test_as_of_is_the_last_day_in_the_data_unless_given() -> None:
    assert summarize(transactions(ROWS)).as_of == dt.date(1970, 5, 11)
    assert summarize(transactions(ROWS), as_of="1970-05-01").as_of == dt.date(1970, 5, 1)
    noon = dt.datetime(1970, 5, 1, 12, tzinfo=dt.UTC)
    assert summarize(transactions(ROWS), as_of=noon).as_of == dt.date(1970, 5, 1)


def test_nothing_after_the_as_of_date_is_known() -> None:
    early = summarize(transactions(ROWS), as_of="1970-04-30")
    alone = summarize(transactions([row for row in ROWS if row[2] <= 119]), as_of="1970-04-30")
    assert early.fingerprint == alone.fingerprint
    assert early.customers["customer_id"].tolist() == ["ann", "bob"]


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        ("1970-04-10", r"before the first transaction \(1970-04-11\)"),
        ("soon", "as-of date 'soon'"),
        ("31/12/2025", "as-of date '31/12/2025'"),
    ],
)
def test_as_of_dates_that_mean_nothing_are_refused(as_of: str, message: str) -> None:
    with pytest.raises(SummaryError, match=message) as raised:
        summarize(transactions(ROWS), as_of=as_of)
    assert raised.value.remedy


def test_no_transactions_and_wrong_units_are_refused() -> None:
    with pytest.raises(SummaryError, match="no transactions"):
        summarize(transactions([]))
    with pytest.raises(SummaryError, match="day, week or month"):
        summarize(transactions(ROWS), time_unit="year")


def test_wholly_refunded_data_are_refused() -> None:
    rows = transactions([("c", "p", 10, 5.0), ("c", "p", 12, -5.0)])
    with pytest.raises(SummaryError, match="no purchase is left up to 1970-01-13"):
        summarize(rows)


def test_customers_are_whole_whatever_their_partners() -> None:
    many = summarize(transactions(ROWS))
    one = summarize(transactions([(c, "all", day, amount) for c, _, day, amount in ROWS]))
    columns = ["frequency", "recency", "T", "monetary_value", "spend_sum"]
    pd.testing.assert_frame_equal(many.customers[columns], one.customers[columns])
    with pytest.raises(SummaryError, match="1 of 3 customers"):
        summarize(transactions(ROWS), attribution="error")
    assert summarize(transactions(ROWS), attribution="first").share_weight.tolist() == [1.0] * 3


some_rows = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", "ä", "z"]),
        st.sampled_from(["p1", "p2", "p3"]),
        st.integers(0, 200),
        st.sampled_from([0.0, 0.01, 0.1, 0.2, 33.33, 1e5]),
    ),
    min_size=1,
    max_size=25,
)


def contents(summary: CustomerSummary) -> tuple[object, ...]:
    return (summary.fingerprint, summary.warnings, summary.allocation, summary.programme_share[0])


@given(some_rows, st.randoms(use_true_random=False))
@settings(max_examples=25)
def test_row_order_changes_nothing(rows: list[tuple[str, str, int, float]], rnd) -> None:
    shuffled = rows.copy()
    rnd.shuffle(shuffled)
    assert contents(summarize(transactions(rows))) == contents(summarize(transactions(shuffled)))


@given(some_rows, st.sampled_from(["share", "first", "last", "linear", "position"]))
@settings(max_examples=25)
def test_money_adds_up_and_nothing_is_missing(
    rows: list[tuple[str, str, int, float]], attribution
) -> None:
    found = summarize(transactions(rows), attribution=attribution)
    total = round(sum(round(row[3] * 100) for row in rows) / 100, 2)
    assert round(found.customers["revenue_to_date"].sum(), 2) == total
    assert round(found.history["revenue"].sum(), 2) == total
    if attribution == "share":  # else a purchase counts at several partners
        assert found.history["purchases"].sum() == len(rows)
    assert np.abs(np.add.reduceat(found.share_weight, found.share_start[:-1]) - 1).max() < 1e-12
    assert not found.customers.isna().to_numpy().any()
    ids = customer_shares(transactions(rows).frame, found.allocation, as_of_day=200).customer_ids
    assert tuple(found.customers["customer_id"]) == ids


def test_fingerprint_tells_summaries_apart() -> None:
    others = [
        summarize(transactions(ROWS)),
        summarize(transactions(ROWS), as_of="1970-06-01"),
        summarize(transactions(ROWS), time_unit="week"),
        summarize(transactions(ROWS), attribution="first"),
        summarize(transactions([*ROWS[:-1], ("Änne", "shop", 120, 2.51)])),
        summarize(transactions([*ROWS[:-1], ("Anne", "shop", 120, 2.5)])),
    ]
    assert len({summary.fingerprint for summary in others}) == len(others)
    assert all(len(summary.fingerprint) == 64 for summary in others)


# ------------------------------------------------------------------ end to end


@pytest.mark.parametrize("convert", [lambda x: x, pl.from_pandas, pa.Table.from_pandas])
def test_dataframes_are_read_first(convert: Callable[[pd.DataFrame], object]) -> None:
    frame = load_cdnow_sample()
    found = summarize(convert(frame), as_of="1997-09-30", time_unit="week")
    assert len(found) == 2_357
    assert found.customers["frequency"].sum() == 2_457
    assert found.account.rows_read == 6_919
    assert found.account.money_kept_micros == round(found.history["revenue"].sum() * 1e6)


def test_complete_journey_end_to_end() -> None:
    frame = load_complete_journey()
    found = summarize(read_transactions(frame), as_of="2017-07-02")
    known = frame[frame["date"] <= "2017-07-02"]
    assert len(found) == known["customer_id"].nunique()
    assert len(found.partner_ids) == known["partner_id"].nunique()
    assert found.history["revenue"].sum() == pytest.approx(known["amount"].sum(), rel=1e-12)
    assert found.customers["revenue_to_date"].sum() == pytest.approx(known["amount"].sum())
    days = known.drop_duplicates(["customer_id", "date"]).groupby("customer_id").size()
    assert found.customers["frequency"].to_numpy().tolist() == (days.sort_index() - 1).tolist()
    assert found.allocation.half_life_days == pytest.approx(66, abs=5)
    assert [text.split(":")[0] for text in found.warnings] == ["left-truncated history"]


@pytest.mark.parametrize("rule", ["share", "first", "last", "linear", "position"])
def test_history_follows_the_rule_and_adds_up(rule: Attribution) -> None:
    frame = pd.DataFrame(
        {
            "partner_id": ["p", "q", "q", "p"],
            "customer_id": ["c", "c", "c", "d"],
            "date": ["2025-01-01", "2025-01-11", "2025-01-21", "2025-01-05"],
            "amount": [10.0, 30.0, 50.0, 7.0],
        }
    )
    history = summarize(frame, as_of="2025-01-31", attribution=rule).history
    told = history.groupby("partner_id")["revenue"].sum().to_dict()
    c_at_p = {"share": 10.0, "first": 90.0, "last": 0.0, "linear": 30.0, "position": 36.0}[rule]
    assert told["p"] == pytest.approx(c_at_p + 7.0, abs=1e-9)
    assert sum(told.values()) == pytest.approx(97.0, abs=1e-9)
