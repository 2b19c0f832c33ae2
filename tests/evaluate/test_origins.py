from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ltvforecast.errors import ConfigError
from ltvforecast.evaluate.origins import plan_origins, window_days
from ltvforecast.forecast_types import Horizon


def horizon(days: float) -> Horizon:
    return Horizon(text=f"{days:g}d", days=days)


@given(st.integers(1, 2000), st.integers(1, 400), st.integers(1, 8))
@example(639, 169, 8)  # whole weeks would be nearer than a quarter of the horizon
def test_every_origin_has_a_window_on_either_side(history: int, days: int, count: int) -> None:
    try:
        origins, step = plan_origins(
            first_day=100, last_day=99 + history, horizon=horizon(days), origins=count
        )
    except ConfigError:
        assert history - 2 * days < (count - 1) * max(1, -(-days // 4))
        return
    assert len(origins) == count
    assert origins[-1] + days == 99 + history
    assert origins[0] - 100 + 1 >= days
    assert all(late - early == step for early, late in pairwise(origins))
    assert step >= days / 4 or count == 1
    assert step <= days


@given(st.integers(8, 900), st.integers(1, 900), st.integers(1, 8))
def test_a_refusal_names_what_works(history: int, days: int, count: int) -> None:
    try:
        plan_origins(first_day=0, last_day=history - 1, horizon=horizon(days), origins=count)
    except ConfigError as error:
        longest = int(re.search(r"longest horizon that works is (\d+)d", error.expected)[1])
        plan_origins(first_day=0, last_day=history - 1, horizon=horizon(longest), origins=count)
        with pytest.raises(ConfigError):
            plan_origins(
                first_day=0, last_day=history - 1, horizon=horizon(longest + 1), origins=count
            )
        fewer = re.search(r"--origins (\d+)", error.remedy)
        if fewer:
            plan_origins(
                first_day=0, last_day=history - 1, horizon=horizon(days), origins=int(fewer[1])
            )


def test_windows_do_not_overlap_where_the_history_is_long() -> None:
    origins, step = plan_origins(first_day=0, last_day=1999, horizon=horizon(90), origins=4)
    assert step == 84  # 90 in whole weeks
    assert origins[-1] == 1909


def test_months_are_compared_over_whole_days() -> None:
    assert window_days(Horizon(text="12mo", days=365.25)) == 365
    assert window_days(Horizon(text="1mo", days=365.25 / 12)) == 30
