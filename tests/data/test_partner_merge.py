from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest

import ltvforecast as ltv
from ltvforecast.data.partner_merge import known_partners, merge_partners
from ltvforecast.data.partner_table import OTHER, PartnerTable, read_partners
from ltvforecast.data.summary import summarize
from ltvforecast.errors import SummaryError
from ltvforecast.evaluate import hindcast, replay
from ltvforecast.transaction_types import CustomerSummary

FRAME = pd.DataFrame(
    {
        "partner_id": ["p", "p", "q", "r"],
        "customer_id": ["a", "a", "b", "c"],
        "date": ["2025-01-01", "2025-01-09", "2025-01-03", "2025-02-01"],
        "amount": [1.0, 2.0, 3.0, 4.0],
    }
)
TABLE = read_partners(
    pd.DataFrame(
        {
            "partner_id": ["p", "r", "new"],
            "segment": ["reseller", "affiliate", "reseller"],
            "certified": ["yes", "no", "yes"],
            "size": [1.0, 2.5, 3.5],
            "joined_on": ["2024-01-01", "2024-02-01", "2025-06-01"],
        }
    )
)


def test_partners_of_both_sides_are_kept_and_told() -> None:
    summary = summarize(FRAME, partners=TABLE)
    table = summary.partner_table
    assert table is not None
    assert table["partner_id"].tolist() == ["new", "p", "q", "r"]
    assert table["segment"].tolist() == ["reseller", "reseller", OTHER, "affiliate"]
    assert table.loc[2, ["certified", "size", "joined_on"]].isna().all()
    pd.testing.assert_series_equal(table.dtypes, TABLE.frame.dtypes)
    assert any(
        "1 of 3 partners with transactions are not in the partner table" in warning
        and "'q'" in warning
        for warning in summary.warnings
    )
    assert any("without any transaction yet: 1 ('new')" in note for note in summary.account.notes)
    assert summary.partner_ids == ("p", "q", "r")


def test_a_table_that_knows_everyone_warns_of_nothing() -> None:
    merged = merge_partners(TABLE, ["new", "p", "r"])
    assert merged.warnings == ()
    pd.testing.assert_frame_equal(merged.frame, TABLE.frame)


def test_strangers_are_refused_and_near_misses_pointed_out() -> None:
    with pytest.raises(SummaryError, match=r"none of the 3 partners .*'new', 'p', 'r'.*'x'"):
        merge_partners(TABLE, ["x"])
    told = merge_partners(TABLE, ["p", "New", " r"]).warnings[0]
    assert "2 of them are nearly there (' r' there is 'r' here, 'New' there is 'new' here)" in told


def test_the_fingerprint_knows_the_table() -> None:
    plain, told = summarize(FRAME), summarize(FRAME, partners=TABLE)
    assert plain.partner_table is None
    assert plain.fingerprint != told.fingerprint
    other = PartnerTable(frame=TABLE.frame.assign(segment="x"))
    assert summarize(FRAME, partners=other).fingerprint != told.fingerprint
    shuffled = PartnerTable(frame=TABLE.frame.iloc[::-1])
    assert summarize(FRAME, partners=shuffled).fingerprint == told.fingerprint
    # the numbers of customers do not depend on it
    pd.testing.assert_frame_equal(plain.customers, told.customers)


def test_a_dataframe_is_read_first() -> None:
    frame = pd.DataFrame({"Partner ID": ["p", "q", "r"], "segment": ["x", "y", "y"]})
    table = summarize(FRAME, partners=frame).partner_table
    assert table is not None
    assert table["segment"].tolist() == ["x", "y", "y"]


def test_at_a_past_date_later_partners_are_unknown() -> None:
    then = known_partners(TABLE, {"p", "q"})
    assert then.frame["partner_id"].tolist() == ["p"]
    assert len(known_partners(TABLE, {"q"})) == 0
    merged = merge_partners(known_partners(TABLE, {"q"}), ["q"])
    assert merged.frame["segment"].tolist() == [OTHER]


def test_hindcasts_and_backtests_hand_the_table_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = ltv.simulate_programme(partners=4, customers=250, seed=3)
    transactions = ltv.read_transactions(made_up.transactions)
    first = transactions.frame.groupby("partner_id")["day"].min()
    table = read_partners(
        pd.DataFrame({"partner_id": [*first.index, "later"], "segment": ["x", "y"] * 2 + ["x"]})
    )
    seen: list[dt.date] = []

    def spy(known: object, **options: object) -> CustomerSummary:
        made = summarize(known, **options)  # type: ignore[arg-type]
        assert made.partner_table is not None
        assert tuple(made.partner_table["partner_id"]) == made.partner_ids
        assert set(made.partner_table["segment"]) <= {"x", "y"}
        seen.append(made.as_of)
        raise SummaryError("seen", expected="", remedy="")

    monkeypatch.setattr(hindcast, "summarize", spy)
    monkeypatch.setattr(replay, "summarize", spy)
    with pytest.raises(SummaryError, match="seen"):
        ltv.backtest(transactions, horizon="90d", origins=1, partners=table, workers=1)
    assert len(seen) == 1
    model = SimpleNamespace(summary=summarize(transactions, partners=table), settings=None)
    _, refused = hindcast.past_forecasts(model, transactions, workers=1)  # type: ignore[arg-type]
    assert refused == len(seen) - 1 > 2


def test_a_backtest_refuses_a_table_of_strangers() -> None:
    with pytest.raises(SummaryError, match="none of the 1 partners"):
        ltv.backtest(
            FRAME,
            horizon="7d",
            origins=1,
            partners=read_partners(pd.DataFrame({"partner_id": ["x"]})),
        )
