"""From any source to validated rows, with an account that adds up."""

from __future__ import annotations

import datetime as dt
import importlib.resources
import os
from pathlib import Path
from typing import Any, cast

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ltvforecast.data.account import account_lines
from ltvforecast.data.transactions import read_transactions, write_rejects
from ltvforecast.errors import ConfigError, OutputExistsError, TransactionError
from ltvforecast.transaction_types import Account, Transactions

TODAY = dt.date(2025, 6, 30)
HOSTILE = ["=cmd|' /C calc'!A0", "+1", "-1", "@x", "\tx", "<b>&", 'q"q', "a\nb", "\u202e", "NULL"]


def orders(**columns: list[Any]) -> pd.DataFrame:
    size = len(next(iter(columns.values()))) if columns else 3
    plain: dict[str, list[Any]] = {
        "partner_id": ["p"] * size,
        "customer_id": [f"c{i}" for i in range(size)],
        "date": ["2025-01-01"] * size,
        "amount": [10.0 * (i + 1) for i in range(size)],
    }
    return pd.DataFrame({**plain, **columns})


def read(source: Any, **options: Any) -> Transactions:
    return read_transactions(source, **{"today": TODAY, **options})


def refused(source: Any, **options: Any) -> TransactionError:
    with pytest.raises(TransactionError) as caught:
        read(source, **options)
    return caught.value


def reasons(account: Account) -> dict[str, tuple[int, float]]:
    return {line.reason: (line.rows, line.money_in_micros / 1e6) for line in account.lines}


def check_sums(account: Account) -> None:
    assert sum(line.rows for line in account.lines) == account.rows_read
    assert len(
        {(line.disposition, line.reason, line.explanation) for line in account.lines}
    ) == len(account.lines)


# --- the plain case ----------------------------------------------------------------------------


def test_plain_rows() -> None:
    found = read(orders())
    assert found.frame.drop(columns="transaction_id").to_dict("list") == {
        "row": [1, 2, 3],
        "partner_id": ["p"] * 3,
        "customer_id": ["c0", "c1", "c2"],
        "day": [20089] * 3,
        "amount_micros": [10_000_000, 20_000_000, 30_000_000],
        "refunded_micros": [0, 0, 0],
    }
    assert found.frame["transaction_id"].isna().all()
    assert {str(kind) for kind in found.frame.dtypes} == {"int64", "str"}
    assert reasons(found.quality) == {"sale": (3, 60.0)}
    assert found.rejects.empty
    assert found.quality.columns == {
        name: name for name in ("partner_id", "customer_id", "date", "amount")
    }


def test_every_kind_of_source_reads_the_same(tmp_path: Path) -> None:
    frame = orders(amount=[12.5, 0.0, -3.25], transaction_id=["a", "b", "a"]).assign(
        customer_id=["00007", "c", "00007"], date=pd.to_datetime("2025-01-01")
    )
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_excel(tmp_path / "a.xlsx", index=False)
    table = pa.Table.from_pandas(frame)
    expected = read(frame).frame.drop(columns="row")
    for source in (
        tmp_path / "a.csv", str(tmp_path / "a.tsv"), tmp_path / "a.parquet", tmp_path / "a.xlsx",
        pl.from_pandas(frame), pl.from_pandas(frame).lazy(), table, duckdb.from_arrow(table),
    ):  # fmt: skip
        found = read(source)
        pd.testing.assert_frame_equal(found.frame.drop(columns="row"), expected)
        check_sums(found.quality)


def test_options_are_checked() -> None:
    for option in ("amount_unit", "decimal", "refunds", "pending", "duplicates", "on_bad_rows"):
        with pytest.raises(ConfigError, match=option):
            read(orders(), **{option: "nonsense"})


# --- money and dates ---------------------------------------------------------------------------


def test_cents_must_be_declared() -> None:
    frame = orders().rename(columns={"amount": "sale_amount_cents"})
    error = refused(frame)
    assert "'sale_amount_cents' seems to be in cents" in error.found
    assert "--amount-unit cents" in error.remedy
    assert "--amount-unit units" in error.remedy
    assert read(frame, amount_unit="cents").frame["amount_micros"].tolist() == [
        100_000, 200_000, 300_000,
    ]  # fmt: skip
    assert read(frame, amount_unit="units").frame["amount_micros"].sum() == 60_000_000
    both = orders(refund_amount_cents=[100, None, 0])
    assert "'refund_amount_cents'" in refused(both).found


def test_decimal_comma() -> None:
    frame = orders(amount=["1.234,50", "12,5", "7"])
    error = refused(frame)
    assert "amount is not a number: 2 of 3 rows (66.67%), data rows 1, 2: '1.234,50', '12,5'" in (
        error.found
    )
    assert "--decimal comma" in error.remedy
    micros = read(frame, decimal="comma").frame["amount_micros"].tolist()
    assert micros == [1_234_500_000, 12_500_000, 7_000_000]


def test_ambiguous_dates() -> None:
    frame = orders(date=["03/04/2025", "2025-01-01", "2025-01-02"])
    error = refused(frame)
    assert "--date-format %d/%m/%Y" in error.remedy
    assert "--date-format %m/%d/%Y" in error.remedy
    assert "data row 1: '03/04/2025'" in error.found
    declared = read(orders(date=["03/04/2025"] * 3), date_format="%d/%m/%Y")
    assert declared.frame["day"].tolist() == [20181] * 3
    wrong = refused(frame, date_format="%d/%m/%Y")
    assert "declared format %d/%m/%Y" in wrong.found


def test_bare_numbers_as_dates() -> None:
    error = refused(orders(date=[20250101] * 3), on_bad_rows="reject")
    assert "--date-format %Y%m%d" in error.remedy
    assert read(orders(date=[20250101] * 3), date_format="%Y%m%d").frame["day"].tolist()[0] == 20089
    assert "--date-format %Y%m%d" in refused(orders(date=["20250101"] * 3)).remedy


def test_zones() -> None:
    frame = orders(date=["2025-01-01T23:30:00-05:00"] * 3)
    found = read(frame)
    assert found.frame["day"].tolist() == [20090] * 3
    assert found.quality.timezone == "UTC"
    assert any("converted to UTC" in note for note in found.quality.notes)
    home = read(frame, timezone="America/New_York")
    assert home.frame["day"].tolist() == [20089] * 3
    assert home.quality.timezone == "America/New_York"
    assert read(orders()).quality.timezone is None
    mixed = orders(date=["2025-01-01T23:30:00Z", "2025-01-01T23:30:00", "2025-01-01T10:00Z"])
    error = refused(mixed, on_bad_rows="reject")
    assert "2 dates have a time zone or offset and 1 have none" in error.found
    assert "data row 2: '2025-01-01T23:30:00'" in error.found


def test_future_dates_are_rejected() -> None:
    found = read(orders(date=["2025-06-30", "2025-07-01", "2125-01-01"]))
    assert reasons(found.quality) == {"sale": (1, 10.0), "future_date": (2, 50.0)}
    tomorrow = (dt.date.today() + dt.timedelta(days=1)).isoformat()  # noqa: DTZ011 (the reader's own day)
    by_default = read_transactions(orders(date=["2025-01-01", "2025-01-01", tomorrow]))
    assert reasons(by_default.quality)["future_date"] == (1, 30.0)


def test_too_much_money_is_refused() -> None:
    assert "beyond nine million million" in refused(orders(amount=[1.0, 2.0, 1e15])).found
    error = refused(orders(amount=[5e12, 5e12, 1.0]))
    assert "add up to more than" in error.found


# --- rejected rows -----------------------------------------------------------------------------


def test_missing_values_are_rejected_by_name() -> None:
    frame = pd.DataFrame(
        {
            "partner_id": [None, "p", "p", "p", "p", " "],
            "customer_id": ["c", "", "c", "c", "c", "c"],
            "date": ["2025-01-01", "2025-01-01", None, "2025-01-01", "2025-01-01", ""],
            "amount": [1.0, 2.0, 3.0, float("nan"), 5.0, 6.0],
        }
    )
    found = read(frame)
    assert reasons(found.quality) == {
        "sale": (1, 5.0),
        "missing_partner_id": (2, 7.0),
        "missing_customer_id": (1, 2.0),
        "missing_date": (1, 3.0),
        "missing_amount": (1, 0.0),
    }
    check_sums(found.quality)
    assert found.rejects["row"].tolist() == [1, 2, 3, 4, 6]
    assert found.quality.money_read_micros == 17_000_000
    assert found.quality.money_kept_micros == 5_000_000


def test_all_problems_are_told_at_once_and_the_account_comes_along() -> None:
    frame = orders(
        amount=["1", "x", "n/a", "4", "", "6"],
        date=["2025-01-01", "2025-01-01", "4.3.25", "soon", "2025-01-01", "2025-01-01"],
        customer_id=["a", "b", "c", "d", "e", "a "],
    )
    error = refused(frame)
    assert error.found.startswith("3 problems in the pandas DataFrame (6 rows):")
    assert "amount is not a number: 2 of 6 rows (33.33%), data rows 2, 3: 'x', 'n/a'" in error.found
    assert "2 of 6 rows (33.33%), data rows 3, 4: '4.3.25', 'soon'" in error.found
    assert "customer_id differs from another one only by spaces: 2 of 6 rows" in error.found
    assert "--trim-ids" in error.found
    assert "--on-bad-rows reject" in error.remedy
    assert reasons(error.account) == {
        "sale": (2, 7.0),
        "amount_not_a_number": (2, 0.0),
        "date_unreadable": (1, 4.0),
        "missing_amount": (1, 0.0),
    }
    check_sums(error.account)
    assert error.rejects["reason"].tolist() == [
        "amount_not_a_number", "amount_not_a_number", "date_unreadable", "missing_amount",
    ]  # fmt: skip
    assert any("rejected, date_unreadable" in line for line in account_lines(error.account))


def test_bad_rows_can_be_rejected(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "partner_id,customer_id,date,amount\np,a,2025-01-01,1\np,b,2025-01-01\np,c,2025-01-01,x\n"
        "p,d,1/2/25,4\n\np,e,2025-01-01,5,extra\n"
    )
    error = refused(path)
    assert "3 problems" in error.found
    assert "malformed line (3 fields, the header has 4): 2 of 5 rows (40.00%), lines 3, 7" in (
        error.found
    )
    found = read(path, on_bad_rows="reject")
    assert found.frame["row"].tolist() == [2]
    assert reasons(found.quality) == {
        "sale": (1, 1.0),
        "amount_not_a_number": (1, 0.0),
        "date_unreadable": (1, 4.0),
        "malformed_line": (2, 0.0),
    }
    assert found.quality.rows_read == 5
    check_sums(found.quality)
    assert found.rejects["row"].tolist() == [3, 4, 5, 7]
    assert "3 fields instead of 4: p,b,2025-01-01" in found.rejects["detail"].tolist()
    assert any("1 blank lines" in note for note in found.quality.notes)
    assert any("header being line 1" in note for note in found.quality.notes)


def test_a_file_of_malformed_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("partner_id,customer_id,date,amount\np,a\n")
    assert "malformed line" in refused(path).found
    error = refused(path, on_bad_rows="reject")
    assert "none of the 1 rows" in error.found


def test_trimmed_ids_are_noted() -> None:
    frame = orders(customer_id=["a", " a", "a  b"], partner_id=["P", "P", "p"])
    found = read(frame, trim_ids=True)
    assert found.frame["customer_id"].tolist() == ["a", "a", "a b"]
    assert any("2 rows had their customer_id trimmed" in note for note in found.quality.notes)
    assert any("differ from another one only by case" in note for note in found.quality.notes)


def test_nothing_left_is_an_error_with_its_account() -> None:
    error = refused(orders(amount=[None, None, None]))
    assert "none of the 3 rows" in error.found
    assert reasons(error.account) == {"missing_amount": (3, 0.0)}
    assert len(error.rejects) == 3


def test_hostile_ids_pass_through(tmp_path: Path) -> None:
    frame = orders(customer_id=HOSTILE).assign(partner_id=HOSTILE[::-1], amount="5")
    frame.to_csv(tmp_path / "a.csv", index=False)
    for source in (frame, tmp_path / "a.csv"):
        found = read(source, trim_ids=False)
        assert found.frame["customer_id"].tolist() == HOSTILE
        assert found.frame["partner_id"].tolist() == HOSTILE[::-1]


def test_rejects_keep_the_source_and_are_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    frame = orders(customer_id=HOSTILE, amount=[None] * 9 + [1.0])
    frame["row"] = HOSTILE
    frame["=bad"] = "=1+1"
    frame["nested"] = [[1, 2]] * 10
    found = read(frame)
    assert list(found.rejects.columns) == [
        "row", "reason", "detail", "partner_id", "customer_id", "date", "amount", "source row",
        "=bad", "nested",
    ]  # fmt: skip
    assert found.rejects["source row"].tolist() == HOSTILE[:9]
    path = tmp_path / "deep" / "rejected.csv"
    write_rejects(found.rejects, path)
    back = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert "'=bad" in back.columns
    assert back["customer_id"].tolist()[:5] == [f"'{name}" for name in HOSTILE[:5]]
    assert back["customer_id"].tolist()[5:] == HOSTILE[5:9]
    assert back["'=bad"].tolist() == ["'=1+1"] * 9
    assert back["row"].tolist() == [str(i) for i in range(1, 10)]
    with pytest.raises(OutputExistsError):
        write_rejects(found.rejects, path)
    write_rejects(found.rejects.head(0), path, overwrite=True)
    assert len(pd.read_csv(path)) == 0


# --- currencies --------------------------------------------------------------------------------


def test_several_currencies_need_a_choice() -> None:
    frame = orders(currency=["usd", "EUR", "USD "])
    error = refused(frame, on_bad_rows="reject")
    assert "rows: USD 2, EUR 1" in error.found
    assert "--currency USD" in error.remedy
    found = read(frame, currency="usd")
    assert found.quality.currency == "USD"
    assert reasons(found.quality) == {"sale": (2, 40.0), "other_currency": (1, 20.0)}
    assert "in EUR, not in USD" in found.rejects["detail"][0]
    assert read(frame, columns={"currency": ""}).quality.currency is None
    assert "no row is in 'GBP'" in refused(frame, currency="GBP").found


def test_one_currency_and_rows_without_one() -> None:
    found = read(orders(currency=["EUR", "EUR", None]))
    assert found.quality.currency == "EUR"
    assert reasons(found.quality)["missing_currency"] == (1, 30.0)
    empty = read(orders(currency=[None, "", None]), currency="EUR")
    assert len(empty.frame) == 3
    assert any("taken as EUR" in note for note in empty.quality.notes)


# --- duplicates and lines of orders ------------------------------------------------------------


def test_duplicates() -> None:
    frame = orders(
        customer_id=["a", "a", "a", "b"], amount=[1.0, 1.0, 1.0, 5.0],
        transaction_id=["x", "x", "x", None],
    )  # fmt: skip
    found = read(frame)
    assert found.frame["row"].tolist() == [1, 4]
    assert reasons(found.quality) == {"sale": (2, 6.0), "duplicate": (2, 2.0)}
    assert len(read(frame, duplicates="keep").frame) == 4
    error = refused(frame, duplicates="error")
    assert "2 of 4 rows (50.00%), data rows 2, 3: 'x', 'x'" in error.found
    assert len(read(frame.drop(columns="transaction_id")).frame) == 4


@pytest.mark.parametrize(
    "difference",
    [
        {"amount": [1.0, 2.0]},
        {"customer_id": ["a", "b"]},
        {"partner_id": ["p", "q"]},
        {"date": ["2025-01-01", "2025-01-02"]},
        {"revenue_stream": ["bikes", "helmets"]},
        {"revenue_stream": ["bikes", None]},
        {"status": ["paid", "approved"]},
        {"transaction_id": [None, None]},
    ],
    ids=lambda difference: next(iter(difference)),
)
def test_lines_of_an_order_are_no_duplicates(difference: dict[str, list[Any]]) -> None:
    same: dict[str, list[Any]] = {
        "customer_id": ["a", "a"], "amount": [1.0, 1.0], "transaction_id": ["x", "x"],
    }  # fmt: skip
    assert len(read(orders(**{**same, **difference})).frame) == 2


def test_duplicates_that_differ_elsewhere_are_noted() -> None:
    frame = orders(
        customer_id=["a", "a"], amount=[1.0, 1.0], order_id=["x", "x"], product=["tea", "mug"]
    )
    notes = read(frame).quality.notes
    assert any("differ in 'product'" in note and "--duplicates keep" in note for note in notes)


def test_of_duplicates_the_one_that_tells_of_the_refund_stays() -> None:
    frame = orders(
        customer_id=["a", "a"], amount=[9.0, 9.0], order_id=["x", "x"], refunded_amount=[0.0, 4.0]
    )
    assert read(frame).frame["refunded_micros"].tolist() == [4_000_000]


def test_a_transaction_of_several_customers_is_noted() -> None:
    found = read(orders(transaction_id=["x", "x", "y"]))
    assert len(found.frame) == 3
    assert any("1 transaction ids stand for several customers" in n for n in found.quality.notes)


# --- refunds -----------------------------------------------------------------------------------


def test_typed_refunds_mean_minus_whatever_their_sign() -> None:
    frame = orders(amount=[10.0, 4.0, -3.0, 0.0], type=["Sale", "refund", "Charge-back", "return"])
    found = read(frame)
    assert found.frame["amount_micros"].tolist() == [10_000_000, -4_000_000, -3_000_000]
    assert reasons(found.quality) == {
        "sale": (1, 10.0), "refund": (2, -7.0), "refund_of_nothing": (1, 0.0),
    }  # fmt: skip
    notes = " ".join(found.quality.notes)
    assert "1 rows worth 3.00 are chargebacks" in notes
    assert "1 refund rows had positive amounts" in notes


def test_a_refund_may_tell_its_money_in_the_refund_column() -> None:
    frame = orders(
        amount=[10.0, 0.0, None], type=["sale", "refund", "refund"], refunded_amount=[0, 4, 3]
    )
    assert read(frame).frame["amount_micros"].tolist() == [10_000_000, -4_000_000, -3_000_000]


def test_state_flips_refund_their_own_sale_or_an_older_one() -> None:
    frame = orders(
        customer_id=["a", "a", "b", "c", "d"],
        amount=[10.0, 10.0, 20.0, 30.0, 0.0],
        date=["2025-01-01", "2025-01-09", "2025-01-01", "2025-01-01", "2025-01-01"],
        transaction_id=["x", "x", "y", "z", "w"],
        state=["APPROVED", "REVERSED", "Refunded", "pending", "Cancelled"],
    )
    found = read(frame)
    assert found.frame["amount_micros"].tolist() == [
        10_000_000,
        -10_000_000,
        20_000_000,
        30_000_000,
    ]
    assert found.frame["refunded_micros"].tolist() == [0, 0, 20_000_000, 0]
    assert reasons(found.quality)["reversed_without_money"] == (1, 0.0)
    notes = " ".join(found.quality.notes)
    assert "1 rows with a status of refund reverse another row" in notes
    assert "have no date" in notes
    assert "1 pending rows were kept" in notes
    dropped = read(frame, pending="drop")
    assert reasons(dropped.quality)["pending"] == (1, 30.0)


def test_a_refund_that_never_took_place() -> None:
    frame = orders(amount=[10.0, 4.0, 3.0], type=["sale", "refund", "refund"],
                   status=["paid", "failed", "refunded"])  # fmt: skip
    found = read(frame)
    assert found.frame["amount_micros"].tolist() == [10_000_000, -3_000_000]
    assert reasons(found.quality)["refund_not_made"] == (1, -4.0)


def test_refunded_money_in_a_column() -> None:
    frame = orders(refund_amount_cents=[500, None, 9900], amount=[1000, 2000, 3000])
    found = read(frame, amount_unit="cents")
    assert found.frame["refunded_micros"].tolist() == [5_000_000, 0, 30_000_000]
    assert any("more money refunded than they brought, by 69.00" in n for n in found.quality.notes)
    bad = refused(orders(refunded_amount=["x", "1", ""]))
    assert "refunded amount is not a number" in bad.found
    negative = read(orders(refunded_amount=[-1.0, 0.0, 0.0]))
    assert negative.frame["refunded_micros"].tolist() == [1_000_000, 0, 0]


def test_a_refund_told_twice_counts_once() -> None:
    frame = orders(
        customer_id=["a", "a"], amount=[10.0, -4.0], transaction_id=["x", "x"],
        date=["2025-01-01", "2025-01-05"], refunded_amount=[4.0, 4.0],
    )  # fmt: skip
    found = read(frame)
    assert found.frame["refunded_micros"].tolist() == [0, 0]
    assert any("counted once" in note for note in found.quality.notes)


def test_unknown_words_among_known_ones_are_refused() -> None:
    frame = orders(status=["paid", "storniert", "storniert"], type=["sale", "fee", "payout"])
    error = refused(frame, on_bad_rows="reject")
    assert "1 unknown word in the status column 'status'" in error.found
    assert "'storniert'" in error.found
    assert "2 unknown words in the type column" in error.found
    assert "'fee', 'payout'" in error.found
    assert "--column status=" in error.found
    assert len(read(frame, columns={"status": "", "type": ""}).frame) == 3


def test_a_column_without_known_words_is_no_signal() -> None:
    found = read(orders(state=["CA", "NY", "CA"], type=["vip", "normal", "vip"]))
    assert len(found.frame) == 3
    assert sum("holds no known word" in note for note in found.quality.notes) == 2


def test_partly_refunded_needs_a_size() -> None:
    frame = orders(financial_status=["paid", "partially_refunded", "paid"])
    assert "nothing says how much" in refused(frame).found
    assert read(frame.assign(refunded_amount=[0, 5, 0])).frame["refunded_micros"].sum() == 5_000_000
    assert len(read(frame, columns={"status": ""}).frame) == 3
    with_rows = pd.concat([frame, orders(amount=[-5.0]).assign(customer_id="c1")])
    assert len(read(with_rows).frame) == 4


def test_refunds_can_be_an_error() -> None:
    for frame in (
        orders(amount=[1.0, -2.0, 3.0]),
        orders(type=["sale", "refund", "sale"]),
        orders(status=["paid", "refunded", "paid"]),
        orders(refunded_amount=[0, 1, 0]),
    ):
        error = refused(frame, refunds="error", on_bad_rows="reject")
        assert "refunds, which were to be an error: 1 of 3 rows" in error.found
        assert read(frame, refunds="drop").refunds == "drop"
    assert len(read(orders(), refunds="error").frame) == 3


# --- commission --------------------------------------------------------------------------------


def test_commission_chosen_as_the_amount_is_noted() -> None:
    frame = orders(commission=[1.0, 2.0, 3.0]).drop(columns="amount")
    assert "no column for the amount" in refused(frame).found
    found = read(frame, columns={"amount": "commission"})
    assert any("commission is not revenue" in note for note in found.quality.notes)


# --- real data ---------------------------------------------------------------------------------


def test_cdnow_sample() -> None:
    # Fader & Hardie's 1/10 sample of CDNOW as shipped in the lifetimes package: known checksum of
    # 6,919 rows, 2,357 customers, 244,091.94 dollars, 8 zero amounts, 6,696 customer-days
    path = importlib.resources.files("lifetimes") / "datasets" / "CDNOW_sample.txt"
    raw = pd.read_csv(
        cast("Any", path), sep=r"\s+", header=None, dtype=str,
        names=["master", "customer_id", "date", "units", "amount"],
    ).assign(partner_id="CDNOW")  # fmt: skip
    frame = read_transactions(raw, date_format="%Y%m%d", refunds="error").frame
    assert len(frame) == 6_919
    assert frame["customer_id"].nunique() == 2_357
    assert frame["amount_micros"].sum() == 244_091_940_000
    assert (frame["amount_micros"] == 0).sum() == 8
    assert len(frame.drop_duplicates(["customer_id", "day"])) == 6_696


def test_complete_journey() -> None:
    path = importlib.resources.files("ltvforecast") / "data" / "files" / "complete_journey.parquet"
    found = read_transactions(Path(str(path)))
    assert reasons(found.quality) == {"sale": (155_848, 4_596_039.58)}
    assert (found.frame["amount_micros"] == 0).sum() == 478
    assert found.quality.columns["transaction_id"] == "order_id"


@pytest.mark.skipif("LTVFORECAST_REAL_DATA" not in os.environ, reason="optional data not there")
@pytest.mark.parametrize(
    ("name", "rows", "money"),
    [
        ("cdnow", 69_659, 2_500_315_630_000),
        ("complete_journey_streams", 302_015, 4_596_039_580_000),
        ("adventureworks_reseller_streams", 9_524, 80_450_596_982_300),
    ],
)
def test_other_real_data_keep_every_row(name: str, rows: int, money: int) -> None:
    folder = Path(os.environ["LTVFORECAST_REAL_DATA"])
    account = read_transactions(folder / f"{name}.parquet").quality
    assert [(line.reason, line.rows) for line in account.lines] == [("sale", rows)]
    assert account.money_kept_micros == money


@pytest.mark.skipif("LTVFORECAST_REAL_DATA" not in os.environ, reason="optional data not there")
def test_adventureworks_has_five_currencies() -> None:
    path = Path(os.environ["LTVFORECAST_REAL_DATA"]) / "adventureworks_reseller.parquet"
    assert "rows: USD 2,628, CAD 692, GBP 188, EUR 163, AUD 125" in (refused(path).found)
    account = read(path, currency="USD").quality
    assert account.rows_with("kept") == 2_628
    assert account.rows_with("rejected") == 1_168
    assert account.money_read_micros == 80_450_596_982_300
