"""Refunds go to the purchases they belong to, and the account stays exact."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.data.refunds import NettedPurchases, net_refunds
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import TransactionError
from ltvforecast.transaction_types import Transactions

LATE = dt.date(2025, 12, 31)


def ledger(*rows: tuple[Any, ...]) -> pd.DataFrame:
    """Rows are day of January, amount, transaction, and then optionally customer, partner."""
    full = [(*row, *(None, "c", "p")[len(row) - 2 :]) for row in rows]
    frame = pd.DataFrame(full, columns=["day", "amount", "order_id", "customer_id", "partner_id"])
    frame["date"] = [f"2025-01-{day:02d}" for day in frame.pop("day")]
    return frame


def net(frame: pd.DataFrame, as_of: dt.date = LATE, **options: Any) -> NettedPurchases:
    return net_refunds(read_transactions(frame, today=LATE, **options), as_of=as_of)


def purchases(netted: NettedPurchases) -> dict[int, float]:
    frame = netted.frame
    return dict(zip(frame["row"].tolist(), (frame["amount_micros"] / 1e6).tolist(), strict=True))


def lines(netted: NettedPurchases) -> dict[str, tuple[str, int, float, float]]:
    return {
        line.reason: (
            line.disposition, line.rows, line.money_in_micros / 1e6, line.money_out_micros / 1e6,
        )
        for line in netted.account.lines
    }  # fmt: skip


def check_sums(netted: NettedPurchases, transactions: Transactions) -> None:
    account = netted.account
    assert sum(line.rows for line in account.lines) == account.rows_read
    assert account.money_read_micros == transactions.quality.money_read_micros
    assert account.money_kept_micros == int(netted.frame["amount_micros"].sum())
    assert (netted.frame["amount_micros"] >= 0).all()
    kept = [line for line in account.lines if line.reason in ("purchase", "partly_refunded")]
    assert sum(line.rows for line in kept) == len(netted.frame)


def test_no_refunds() -> None:
    netted = net(ledger((1, 10.0), (2, 0.0)))
    assert purchases(netted) == {1: 10.0, 2: 0.0}
    assert lines(netted) == {"purchase": ("kept", 2, 10.0, 10.0)}
    assert list(netted.frame.columns) == [
        "row", "partner_id", "customer_id", "day", "amount_micros",
    ]  # fmt: skip


def test_partial_refund_of_its_order() -> None:
    netted = net(ledger((1, 10.0, "x"), (2, 20.0, "y"), (3, -4.0, "x")))
    assert purchases(netted) == {1: 6.0, 2: 20.0}
    assert lines(netted) == {
        "purchase": ("kept", 1, 20.0, 20.0),
        "partly_refunded": ("adjusted", 1, 10.0, 6.0),
        "refund_netted": ("adjusted", 1, -4.0, 0.0),
    }


def test_full_refund_is_no_purchase_and_takes_the_free_lines_along() -> None:
    frame = ledger((1, 10.0, "x"), (1, 0.0, "x"), (2, 0.0, "y"), (3, -10.0, "x"))
    netted = net(frame)
    assert purchases(netted) == {3: 0.0}
    assert lines(netted)["fully_refunded"] == ("adjusted", 2, 10.0, 0.0)


def test_an_order_is_not_refunded_beyond_its_money() -> None:
    netted = net(ledger((1, 50.0, "y"), (2, 10.0, "x"), (3, -25.0, "x")))
    assert purchases(netted) == {1: 50.0}
    assert lines(netted)["refund_netted"] == ("adjusted", 1, -10.0, 0.0)
    assert lines(netted)["refund_without_purchase"] == ("rejected", 0, -15.0, 0.0)
    line = next(x for x in netted.account.lines if x.reason == "refund_without_purchase")
    assert line.first_rows == (3,)
    assert "rest of 1 of the rows" in line.explanation


def test_refunds_without_an_order_take_the_nearest_earlier_purchases() -> None:
    netted = net(ledger((1, 30.0), (5, 20.0), (9, 7.0), (7, -25.0)))
    assert purchases(netted) == {1: 25.0, 3: 7.0}


def test_a_refund_takes_the_purchase_of_its_own_day_first_and_the_largest() -> None:
    netted = net(ledger((1, 30.0), (5, 20.0), (5, 8.0), (5, -5.0)))
    assert purchases(netted) == {1: 30.0, 2: 15.0, 3: 8.0}


def test_later_refunds_take_what_earlier_ones_left() -> None:
    netted = net(ledger((1, 30.0), (5, 20.0), (6, -15.0), (7, -15.0), (8, -30.0)))
    assert purchases(netted) == {}
    assert lines(netted)["refund_netted"] == ("adjusted", 3, -50.0, 0.0)
    assert lines(netted)["refund_without_purchase"] == ("rejected", 0, -10.0, 0.0)


def test_a_refund_of_an_unknown_order_falls_back_to_the_customer() -> None:
    netted = net(ledger((1, 30.0, "x"), (5, -10.0, "re_1")))
    assert purchases(netted) == {1: 20.0}


def test_a_refund_of_an_other_customer_s_order_is_not_taken_off_it() -> None:
    netted = net(ledger((1, 30.0, "x", "a"), (5, -10.0, "x", "b")))
    assert purchases(netted) == {1: 30.0}
    assert lines(netted)["refund_without_purchase"] == ("rejected", 1, -10.0, 0.0)


def test_refund_before_any_purchase() -> None:
    netted = net(ledger((5, 30.0), (1, -10.0)))
    assert purchases(netted) == {1: 30.0}
    assert lines(netted)["refund_without_purchase"] == ("rejected", 1, -10.0, 0.0)


def test_refund_dated_before_its_own_order_still_belongs_to_it() -> None:
    assert purchases(net(ledger((5, 30.0, "x"), (1, -10.0, "x")))) == {1: 20.0}


def test_of_one_id_used_again_and_again_the_nearest_earlier_sale_is_refunded() -> None:
    frame = ledger((1, 10.0, "sub"), (8, 11.0, "sub"), (15, 12.0, "sub"), (9, -11.0, "sub"))
    assert purchases(net(frame)) == {1: 10.0, 3: 12.0}


def test_the_money_leaves_the_partner_of_the_purchase() -> None:
    netted = net(ledger((1, 30.0, "x", "c", "p"), (5, -10.0, "x", "c", "q")))
    assert netted.frame[["partner_id", "amount_micros"]].to_numpy().tolist() == [["p", 20_000_000]]


def test_lines_of_the_same_stream_come_first() -> None:
    frame = ledger((1, 10.0, "x"), (1, 30.0, "x"), (2, -15.0, "x")).assign(
        revenue_stream=["bikes", "helmets", "bikes"]
    )
    netted = net(frame)
    assert purchases(netted) == {2: 25.0}
    assert netted.frame["revenue_stream"].tolist() == ["helmets"]


def test_only_what_is_known_counts() -> None:
    frame = ledger((1, 10.0, "x"), (20, 5.0, "y"), (25, -10.0, "x"))
    early = net(frame, as_of=dt.date(2025, 1, 19))
    assert purchases(early) == {1: 10.0}
    assert lines(early)["after_as_of"] == ("rejected", 2, -5.0, 0.0)
    assert purchases(net(frame, as_of=dt.date(2025, 1, 24))) == {1: 10.0, 2: 5.0}
    assert purchases(net(frame, as_of=dt.date(2025, 1, 25))) == {2: 5.0}
    nothing = net(frame, as_of=dt.date(2024, 1, 1))
    assert nothing.frame.empty
    assert lines(nothing) == {"after_as_of": ("rejected", 3, 5.0, 0.0)}


def test_refunds_told_on_the_sale() -> None:
    frame = ledger((1, 10.0), (2, 20.0), (3, 30.0), (4, 0.0)).assign(
        status=["paid", "refunded", "paid", "cancelled"], refunded_amount=[4.0, 0.0, 0.0, 0.0]
    )
    netted = net(frame)
    assert purchases(netted) == {1: 6.0, 3: 30.0}
    assert lines(netted) == {
        "purchase": ("kept", 1, 30.0, 30.0),
        "partly_refunded": ("adjusted", 1, 10.0, 6.0),
        "fully_refunded": ("adjusted", 1, 20.0, 0.0),
        "reversed_without_money": ("rejected", 1, 0.0, 0.0),
    }


def test_reversal_rows_wait_for_their_date() -> None:
    frame = ledger((1, 10.0, "x"), (20, 10.0, "x")).assign(state=["APPROVED", "REVERSED"])
    assert purchases(net(frame, as_of=dt.date(2025, 1, 10))) == {1: 10.0}
    assert purchases(net(frame)) == {}


def test_dropped_refunds_leave_sales_gross_and_are_counted() -> None:
    frame = ledger((1, 10.0, "x"), (2, 20.0), (3, -10.0, "x"), (4, 0.0)).assign(
        refunded_amount=[0.0, 5.0, 0.0, 0.0], status=["paid", "paid", "paid", "voided"]
    )
    netted = net(frame, refunds="drop")
    assert purchases(netted) == {1: 10.0, 2: 20.0, 4: 0.0}
    assert lines(netted) == {
        "purchase": ("kept", 3, 30.0, 30.0),
        "refund_ignored": ("rejected", 1, -10.0, 0.0),
    }
    assert any("1 sales tell of refunds" in note for note in netted.account.notes)


def test_rejected_rows_of_the_reading_stay_in_the_account() -> None:
    frame = ledger((1, 10.0), (2, None), (3, -4.0), (4, 9.0))
    frame.loc[3, "partner_id"] = None
    netted = net(frame)
    assert lines(netted)["missing_amount"] == ("rejected", 1, 0.0, 0.0)
    assert lines(netted)["missing_partner_id"] == ("rejected", 1, 9.0, 0.0)
    assert netted.account.money_read_micros == 15_000_000
    assert netted.account.money_kept_micros == 6_000_000


# --- laws --------------------------------------------------------------------------------------

DAYS = [f"2025-01-{day:02d}" for day in range(1, 29, 5)]  # few, so that ties happen
TABLES = st.lists(
    st.fixed_dictionaries({
        "partner_id": st.sampled_from(["p", "q", "=p()", None, ""]),
        "customer_id": st.sampled_from(["a", "b", "c", None]),
        "date": st.sampled_from([*DAYS, None, "2031-01-01"]),
        "amount": st.one_of(
            st.sampled_from([None, 0.0, 10.0, -10.0, 5.0, 20.0]),
            st.integers(-2_000, 5_000).map(lambda cents: cents / 100),
        ),
        "transaction_id": st.sampled_from([None, "x", "y", "z", "w"]),
        "revenue_stream": st.sampled_from(["one", "two", None]),
        "type": st.sampled_from(["sale", "sale", "sale", "refund", "chargeback", None]),
        "status": st.sampled_from(["paid", "paid", "refunded", "pending", "voided", None]),
        "refunded_amount": st.sampled_from([0.0, 0.0, 2.5, 30.0, None]),
    }),
    min_size=1,
    max_size=40,
)  # fmt: skip
AS_OF = st.sampled_from([dt.date(2025, 1, 1), dt.date(2025, 1, 14), LATE])
SIGNALS = ["type", "status", "refunded_amount", "revenue_stream", "transaction_id"]


LAW = settings(max_examples=30)  # a reading takes some 50 ms, mostly of pandas


def read_or_none(frame: pd.DataFrame, **options: Any) -> Transactions | None:
    typed = frame.astype({name: "str" for name in frame if not str(name).endswith("amount")})
    typed = typed.astype({name: "float64" for name in frame if str(name).endswith("amount")})
    try:
        return read_transactions(typed, today=LATE, **options)
    except TransactionError as error:
        refused = error
    # nothing usable; even then every row is accounted for
    assert "none of the" in refused.found
    assert sum(line.rows for line in refused.account.lines) == len(frame)
    return None


OPTIONS = st.fixed_dictionaries({
    "refunds": st.sampled_from(["net", "drop"]),
    "duplicates": st.sampled_from(["drop", "keep"]),
    "pending": st.sampled_from(["drop", "keep"]),
})  # fmt: skip


@LAW
@given(TABLES, AS_OF, OPTIONS, st.sets(st.sampled_from(SIGNALS)))
def test_rows_and_money_add_up_and_nothing_is_negative(
    table: list[dict[str, Any]], as_of: dt.date, options: dict[str, Any], without: set[str]
) -> None:
    frame = pd.DataFrame(table).drop(columns=list(without))
    read = read_or_none(frame, **options)
    if read is None:
        return
    assert sum(line.rows for line in read.quality.lines) == len(frame)
    assert len(read.frame) + len(read.rejects) == len(frame)
    assert sorted([*read.frame["row"], *read.rejects["row"]]) == list(range(1, len(frame) + 1))
    assert int(read.frame["amount_micros"].sum()) == read.quality.money_kept_micros
    sale = read.frame["amount_micros"] >= 0
    assert read.frame["refunded_micros"].between(0, read.frame["amount_micros"].clip(lower=0)).all()
    netted = net_refunds(read, as_of=as_of)
    check_sums(netted, read)
    assert netted.frame["row"].isin(read.frame.loc[sale, "row"]).all()
    # each customer keeps what was bought less what was refunded, as far as there was something
    known = read.frame[read.frame["day"] <= (as_of - dt.date(1970, 1, 1)).days]
    bought = known[known["amount_micros"] >= 0].groupby("customer_id")["amount_micros"].sum()
    kept = netted.frame.groupby("customer_id")["amount_micros"].sum()
    assert (kept <= bought.reindex(kept.index)).all()
    if options["refunds"] == "drop":
        assert kept.sum() == bought.sum()


def canonical(netted: NettedPurchases) -> list[tuple[Any, ...]]:
    frame = netted.frame.drop(columns="row").fillna("-")
    return sorted(frame.itertuples(index=False, name=None))


@LAW
@given(TABLES, AS_OF, st.randoms(use_true_random=False), st.sets(st.sampled_from(SIGNALS)))
def test_the_order_of_rows_changes_nothing_but_their_numbers(
    table: list[dict[str, Any]], as_of: dt.date, random: Any, without: set[str]
) -> None:
    frame = pd.DataFrame(table).drop(columns=list(without))
    order = list(range(len(frame)))
    random.shuffle(order)
    mixed = frame.iloc[order].reset_index(drop=True)
    one, two = read_or_none(frame), read_or_none(mixed)
    assert (one is None) == (two is None)
    if one is None or two is None:
        return
    first, second = net_refunds(one, as_of=as_of), net_refunds(two, as_of=as_of)
    assert canonical(first) == canonical(second)
    for a, b in zip(first.account.lines, second.account.lines, strict=True):
        assert (a.disposition, a.reason, a.explanation, a.rows) == (
            b.disposition, b.reason, b.explanation, b.rows,
        )  # fmt: skip
        assert (a.money_in_micros, a.money_out_micros) == (b.money_in_micros, b.money_out_micros)
    assert sorted(one.rejects["reason"]) == sorted(two.rejects["reason"])


@LAW
@given(TABLES, AS_OF)
def test_refunds_known_later_change_nothing_before(
    table: list[dict[str, Any]], as_of: dt.date
) -> None:
    frame = pd.DataFrame(table).drop(columns=["status", "refunded_amount"])
    known = frame[frame["date"].isna() | (frame["date"].fillna("") <= as_of.isoformat())]
    if known.empty:
        return
    everything, then = read_or_none(frame), read_or_none(known)
    if everything is None or then is None:
        return
    assert canonical(net_refunds(everything, as_of=as_of)) == canonical(
        net_refunds(then, as_of=as_of)
    )


def test_many_refunds_of_one_customer_take_linear_time() -> None:
    n = 100_000
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({
        "partner_id": "p", "customer_id": "c", "amount": np.where(rng.random(n) < 0.4, -5.0, 4.0),
        "date": np.datetime64("2020-01-01") + (np.arange(n) // 60).astype("timedelta64[D]"),
    })  # fmt: skip
    read = read_transactions(frame, today=LATE)
    started = dt.datetime.now(tz=dt.UTC)
    netted = net_refunds(read, as_of=LATE)
    # takes about 0.3 s; were it quadratic, minutes
    assert (dt.datetime.now(tz=dt.UTC) - started).total_seconds() < 20
    check_sums(netted, read)


@pytest.mark.parametrize("options", [{}, {"refunds": "drop"}])
def test_the_source_frame_is_left_alone(options: dict[str, Any]) -> None:
    read = read_transactions(ledger((1, 10.0, "x"), (3, -4.0, "x")), today=LATE, **options)
    before = read.frame.copy()
    net_refunds(read, as_of=LATE)
    pd.testing.assert_frame_equal(read.frame, before)
