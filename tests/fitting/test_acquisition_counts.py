from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.errors import SummaryError
from ltvforecast.fitting.acquisition_counts import count_acquisitions

EPOCH = dt.date(1970, 1, 1)


def day(text: str) -> int:
    return (dt.date.fromisoformat(text) - EPOCH).days


def test_a_partner_first_seen_with_its_first_new_customer_is_counted_from_then_on() -> None:
    customers = pd.DataFrame(
        {
            "first_day": [day("2024-01-11"), day("2024-01-11"), day("2024-02-03")],
            "first_partner": ["p", "p", "p"],
        }
    )
    partners = pd.DataFrame({"partner_id": ["p"], "first_day": [day("2024-01-11")]})
    table = count_acquisitions(customers, partners, as_of=dt.date(2024, 3, 15), unit="month")
    assert table.counts.tolist() == [[1, 1, 0]]
    assert table.first_counts.tolist() == [1, 0, 0]
    assert table.total.tolist() == [2, 1, 0]
    np.testing.assert_allclose(table.exposure, [[21 / 31, 1.0, 15 / 31]])
    np.testing.assert_allclose(table.start, [10 / 31])
    np.testing.assert_allclose(table.age, [2 + 15 / 31 - 10 / 31])
    assert table.edges_day[-1] == day("2024-03-16")


def test_a_partner_that_served_before_loses_no_customer() -> None:
    customers = pd.DataFrame({"first_day": [20, 40, 50], "first_partner": ["p", "q", "q"]})
    partners = pd.DataFrame({"partner_id": ["q", "p", "r"], "first_day": [25, 20, 31]})
    table = count_acquisitions(customers, partners, as_of=EPOCH + dt.timedelta(days=58))
    assert table.partner_ids == ("p", "q", "r")
    assert table.counts.tolist() == [[0, 0], [0, 2], [0, 0]]
    assert table.first_counts.tolist() == [1, 0]
    np.testing.assert_allclose(table.exposure[2], [0.0, 1.0])


def test_weeks_end_with_the_as_of_day() -> None:
    customers = pd.DataFrame({"first_day": [0, 3, 4, 10], "first_partner": ["p"] * 4})
    partners = pd.DataFrame({"partner_id": ["p"], "first_day": [0]})
    table = count_acquisitions(
        customers, partners, as_of=EPOCH + dt.timedelta(days=10), unit="week"
    )
    assert table.edges_day.tolist() == [-3, 4, 11]
    assert table.counts.tolist() == [[1, 2]]
    np.testing.assert_allclose(table.exposure, [[4 / 7, 1.0]])


@pytest.mark.parametrize(
    ("monthly", "months", "unit"), [(20, 10, "week"), (20, 30, "month"), (3, 10, "month")]
)
def test_weeks_are_for_many_customers_in_a_short_history(
    monthly: int, months: int, unit: str
) -> None:
    days = np.linspace(0, months * 30.4, monthly * months).astype(int)
    customers = pd.DataFrame({"first_day": days, "first_partner": "p"})
    partners = pd.DataFrame({"partner_id": ["p"], "first_day": [0]})
    as_of = EPOCH + dt.timedelta(days=int(days[-1]))
    assert count_acquisitions(customers, partners, as_of=as_of).unit == unit


@given(
    st.lists(st.tuples(st.integers(0, 900), st.sampled_from("pqr")), min_size=1, max_size=60),
    st.integers(0, 60),
    st.sampled_from(["month", "week"]),
)
def test_every_customer_is_counted_once_and_no_exposure_is_lost(
    seen: list[tuple[int, str]], longer: int, unit: str
) -> None:
    customers = pd.DataFrame(seen, columns=["first_day", "first_partner"])
    began = customers.groupby("first_partner")["first_day"].min()
    last = int(customers["first_day"].max()) + longer
    table = count_acquisitions(
        customers,
        began.rename_axis("partner_id").reset_index(),
        as_of=EPOCH + dt.timedelta(days=last),
        unit=unit,  # type: ignore[arg-type]
    )
    assert table.total.sum() == len(customers)
    assert table.counts.min() >= 0
    assert not table.counts[table.exposure == 0].any()
    np.testing.assert_allclose(table.exposure.sum(axis=1), table.age, rtol=1e-9)
    assert np.all(np.diff(table.edges) > 0)
    cut = table.without_first(1, new_share=np.full(len(table.total), 0.5))
    np.testing.assert_allclose(cut.exposure[:, 1:], 2 * table.exposure[:, 1:])
    assert not cut.exposure[:, 0].any()
    np.testing.assert_array_equal(cut.age, table.age)


@pytest.mark.parametrize(("days", "names"), [([], []), ([99], ["p"]), ([3], ["x"]), ([1], ["p"])])
def test_tables_that_do_not_belong_together_are_refused(days: list[int], names: list[str]) -> None:
    customers = pd.DataFrame({"first_day": days, "first_partner": names})
    partners = pd.DataFrame({"partner_id": ["p"], "first_day": [2]})
    with pytest.raises(SummaryError, match="what to do"):
        count_acquisitions(customers, partners, as_of=EPOCH + dt.timedelta(days=50))
