from __future__ import annotations

from pathlib import Path

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ltvforecast as ltv
from ltvforecast.data.partner_table import OTHER, read_partners
from ltvforecast.data.transactions import read_transactions
from ltvforecast.economics_types import TERM_COLUMNS, Economics
from ltvforecast.errors import ConfigError, SummaryError
from ltvforecast.forecast.terms import resolve_terms

CSV = """\
Partner ID,segment,commission_rate,support_cost_per_month,acquisition_cost,region,certified,\
joined_on
p2,reseller,0.15,100,2500.50,north,yes,2024-03-01
p1,,,0,,south,no,
p3,affiliate,0.2,,0,,,2023-01-15
"""


def table_of(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(cells, dtype=object) for name, cells in columns.items()})


def test_a_file_is_read_and_typed(tmp_path: Path) -> None:
    file = tmp_path / "partners.csv"
    file.write_text(CSV, encoding="utf-8")
    table = read_partners(file)
    frame = table.frame
    assert len(table) == 3
    assert frame["partner_id"].tolist() == ["p1", "p2", "p3"]
    assert frame["segment"].tolist() == [OTHER, "reseller", "affiliate"]
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "partner_id": "str",
        "segment": "str",
        "commission_rate": "float64",
        "support_cost_per_month": "float64",
        "acquisition_cost": "float64",
        "region": "str",
        "certified": "boolean",
        "joined_on": "datetime64[us]",
    }
    assert frame["commission_rate"].isna().tolist() == [True, False, False]
    assert frame["acquisition_cost"].tolist()[1:] == [2500.5, 0.0]
    assert any("1 of 3 partners have no segment" in note for note in table.notes)


def test_files_and_dataframes_of_any_kind_give_the_same(tmp_path: Path) -> None:
    file = tmp_path / "partners.csv"
    file.write_text(CSV, encoding="utf-8")
    wanted = read_partners(file).frame
    excel, parquet = tmp_path / "partners.xlsx", tmp_path / "partners.parquet"
    typed = pd.read_csv(file)
    typed.to_excel(excel, index=False)
    typed.to_parquet(parquet)
    for source in (typed, pl.read_csv(file), excel, parquet):
        pd.testing.assert_frame_equal(read_partners(source).frame, wanted)


def test_without_segments_all_are_other_and_it_is_said() -> None:
    table = read_partners(table_of(partner=["a", "b"]))
    assert table.frame["segment"].tolist() == [OTHER, OTHER]
    assert "no column for the segment" in table.notes[0]


def test_columns_can_be_named_or_said_not_to_be_there() -> None:
    frame = table_of(Key=["a"], segment=["x"], kind=["y"])
    table = read_partners(frame, columns={"partner_id": "Key"})
    assert list(table.frame) == ["partner_id", "segment", "kind"]
    with pytest.raises(ConfigError, match="unknown column role 'tier'"):
        read_partners(frame, columns={"tier": "Key"})
    with pytest.raises(SummaryError, match="'Kee', said to be the partner_id, is not there"):
        read_partners(frame, columns={"partner_id": "Kee"})
    with pytest.raises(SummaryError, match="has the name of another column"):
        read_partners(frame, columns={"partner_id": "Key", "segment": "kind"})


def test_all_that_is_wrong_is_told_at_once_with_rows_and_remedies() -> None:
    frame = table_of(
        partner_id=["a", "a", None, "b", "c"],
        segment=["x", "=A1", "x", "x", "x"],
        commission_rate=["15%", "1.5", "-0.1", "", "0.1"],
        acquisition_cost=[1.0, 2.0, 3.0, float("inf"), -5.0],
        tier=["1", "2", "#REF!", "1", "2"],
    )
    with pytest.raises(SummaryError) as refused:
        read_partners(frame)
    found = refused.value.found
    assert found.startswith("9 problem(s)")
    for told in (
        "no partner id: 1 of 5 rows (20.00%), data row 3",
        "'a' (data row 1 and 2)",
        "the segment is a formula, or an error of one: 1 of 5 rows (20.00%), data row 2: '=A1'",
        "commission_rate is not a finite number: 1 of 5 rows (20.00%), data row 1: '15%'",
        "commission_rate is negative: 1 of 5 rows (20.00%), data row 3",
        "commission_rate is above 1, which is all revenue: 1 of 5 rows (20.00%), data row 2",
        "0.15 for 15 %",
        "acquisition_cost is not a finite number: 1 of 5 rows (20.00%), data row 4",
        "acquisition_cost is negative: 1 of 5 rows (20.00%), data row 5",
        "'tier' holds a formula, an error of one, or an infinite number",
    ):
        assert told in found


@pytest.mark.parametrize("name", TERM_COLUMNS)
def test_every_money_term_is_read_as_a_number(name: str) -> None:
    frame = read_partners(table_of(partner_id=["a", "b"], **{name: ["0.5", ""]})).frame
    assert frame[name].tolist()[0] == 0.5
    assert frame[name].isna().tolist() == [False, True]
    assert resolve_terms(Economics(), ["a", "b"], partner_table=frame).partners.partner_ids


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [
        ("margin", 1.5, "above 1, which is all revenue"),
        ("clawback_share", 1.5, "above 1, which is all commission"),
        ("bounty", -1.0, "bounty is negative"),
        ("commission_months", 0.0, "not above 0"),
        ("commission_cap", -1.0, "is negative"),
        ("discount_rate", -1.0, "no rate a year"),
        ("discount_rate", 11.0, "no rate a year"),
    ],
)
def test_money_terms_outside_their_range_are_refused(name: str, cell: float, told: str) -> None:
    with pytest.raises(SummaryError, match=told):
        read_partners(table_of(partner_id=["a"], **{name: [cell]}))


def test_no_partner_id_no_rows_and_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SummaryError, match="no column for the partner_id"):
        read_partners(table_of(name=["a"]))
    with pytest.raises(SummaryError, match=r"the partner table: .*no rows"):
        read_partners(table_of(partner_id=[]))
    with pytest.raises(ConfigError, match="there is no file"):
        read_partners(tmp_path / "none.csv")
    bad = tmp_path / "bad.csv"
    bad.write_text("partner_id,segment\na,x\nb,y,z\n", encoding="utf-8")
    with pytest.raises(SummaryError, match="not as many fields as the header: line 3"):
        read_partners(bad)


def test_ids_that_differ_by_spaces_need_trimming() -> None:
    with pytest.raises(SummaryError, match="differ only by spaces"):
        read_partners(table_of(partner_id=["a", " a"]))
    with pytest.raises(
        SummaryError, match=r"several rows of one partner: 'a' \(data row 1 and 2\)"
    ):
        read_partners(table_of(partner_id=["a", " a"]), trim_ids=True)
    assert read_partners(table_of(partner_id=[" a  b "]), trim_ids=True).frame[
        "partner_id"
    ].tolist() == ["a b"]


@pytest.mark.parametrize("told", [[1, 2], [1.0, 2.0], ["1", "2"], [1, 2.0]])
@pytest.mark.parametrize("bought", [[1, 2], [1.0, 2.0], ["1", "2"]])
def test_numeric_ids_meet_as_the_transactions_ids_do(
    told: list[object], bought: list[object]
) -> None:
    transactions = read_transactions(
        pd.DataFrame(
            {
                "partner_id": bought,
                "customer_id": ["c", "d"],
                "date": "2025-01-01",
                "amount": 1.0,
            }
        )
    )
    ids = read_partners(table_of(partner_id=told)).frame["partner_id"]
    assert ids.tolist() == transactions.frame["partner_id"].tolist() == ["1", "2"]


@settings(max_examples=20)
@given(st.permutations(range(6)))
def test_the_order_of_rows_changes_nothing(order: list[int]) -> None:
    frame = table_of(
        partner_id=list("abcdef"),
        segment=["x", "y", None, "x", "y", "z"],
        commission_rate=[0.1, 0.2, None, 0.0, 1.0, 0.5],
        region=["n", None, "s", "n", "s", "n"],
    )
    one, other = read_partners(frame), read_partners(frame.iloc[order])
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.notes == other.notes


def test_it_is_public() -> None:
    assert ltv.read_partners is read_partners
