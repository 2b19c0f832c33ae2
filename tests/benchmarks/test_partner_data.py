from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ltvforecast.formulas import bgnbd
from tests.benchmarks.accuracy_page import table, write_section
from tests.benchmarks.partial_pooling import gain, inside, share
from tests.benchmarks.partner_data import (
    by_partner,
    for_all,
    future_money,
    future_purchases,
    spenders,
)

TRUTH = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 3.0, "q": 4.0, "v": 50.0}


def drawn(count: int, *names: str) -> dict[str, np.ndarray]:
    return {name: np.full((count, 2), TRUTH[name]) for name in names}


def test_purchases_to_come_have_the_mean_of_the_closed_form() -> None:
    x, t_x, T = np.array([0.0, 3.0, 12.0]), np.array([0.0, 20.0, 38.0]), np.full(3, 40.0)
    home, rng = np.array([0, 1, 1]), np.random.default_rng(1)
    found = future_purchases((x, t_x, T), home, drawn(20_000, "r", "alpha", "a", "b"), 26.0, rng)
    expected = bgnbd.expected_purchases(
        26.0, x, t_x, T, *(TRUTH[n] for n in ("r", "alpha", "a", "b"))
    )
    z = (found.mean(axis=0) - expected) / (found.std(axis=0) / np.sqrt(20_000))
    assert np.abs(z).max() < 4
    np.testing.assert_array_equal(by_partner(found, home, 2)[:, 1], found[:, 1:].sum(axis=1))


def test_amounts_have_the_mean_they_were_drawn_with() -> None:
    rng = np.random.default_rng(2)
    frequency = rng.poisson(2.0, 20_000)
    made = spenders(frequency, np.full(20_000, np.log(50.0)), p=3.0, q=4.0, rng=rng)
    each = made.customers["first_value"].to_numpy()
    assert abs(each.mean() - 50.0) < 4 * each.std() / np.sqrt(20_000)
    n = made.customers["spend_n"].to_numpy()
    np.testing.assert_array_equal(n, frequency + 1)
    total = made.customers["first_value"] + frequency * made.customers["monetary_value"]
    np.testing.assert_allclose(total, made.customers["spend_sum"])


def test_money_to_come_is_the_posterior_mean_of_each_amount() -> None:
    rng = np.random.default_rng(3)
    made = spenders(np.array([0, 4]), np.log([50.0, 50.0]), p=3.0, q=4.0, rng=rng)
    parameters, home = drawn(40_000, "p", "q", "v"), np.array([0, 1])
    for first_purchase in (True, False):
        found = future_money(
            made.customers, home, parameters, np.full((40_000, 2), 2.0), rng,
            first_purchase=first_purchase,
        )  # fmt: skip
        n = made.customers["spend_n"].to_numpy() - (not first_purchase)
        total = made.customers["spend_sum"] - (not first_purchase) * made.customers["first_value"]
        # Fader & Hardie (2013), equation 5, for two more amounts
        expected = 2 * TRUTH["p"] * (TRUTH["v"] + total) / (TRUTH["p"] * n + TRUTH["q"] - 1)
        z = (found.mean(axis=0) - expected) / (found.std(axis=0) / np.sqrt(40_000))
        assert np.abs(z).max() < 4


def test_all_partners_have_the_parameters_of_one_group() -> None:
    same = for_all({"r": np.arange(3.0)[:, None]}, 4)["r"]
    assert same.shape == (3, 4)
    assert (same == same[:, :1]).all()


def test_shares_have_errors_over_programmes() -> None:
    places = pd.Series([0.5, 0.5, 0.99, 0.99])
    assert inside(places, 90).tolist() == [True, True, False, False]
    rows = pd.DataFrame({"place": places, "programme": [0, 0, 1, 1]})
    mean, error = share(rows, 90)
    assert mean == 0.5
    # both partners of a programme were inside, or neither: as if there were two and not four
    assert error == pytest.approx(0.5 / np.sqrt(2))


def test_the_gain_is_against_complete_pooling() -> None:
    lines = pd.DataFrame(
        {
            "quantity": ["money", "money"],
            "method": ["partial pooling", "complete pooling"],
            "crps": [3.0, 4.0],
        }
    )
    assert gain(lines, "money") == pytest.approx(0.25)


def test_a_section_of_the_page_is_replaced_and_nothing_else(tmp_path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n", encoding="utf-8")
    write_section("x", table(["n"], [["1"]]), page=page)
    assert page.read_text(encoding="utf-8") == (
        "a\n<!-- x -->\n| n |\n|---|\n| 1 |\n<!-- /x -->\nb\n"
    )
