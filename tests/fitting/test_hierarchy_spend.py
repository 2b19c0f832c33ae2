from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import SummaryError
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_spend import (
    PartnerSpend,
    fit_partner_spend,
    new_partner_spend,
    spend_rows,
    spend_values,
)
from ltvforecast.formulas import gamma_gamma

SIZES = [2, 400, 5, 60, 20, 9, 150, 3, 30, 12, 45, 7, 80, 25, 15]


def spenders(
    *, seed: int, sd: float = 0.4, p: float = 3.0, q: float = 4.0, mean: float = 50.0
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Customers with amounts of their own, their home partners and the partners' log means."""
    rng = np.random.default_rng(seed)
    home = np.repeat(np.arange(len(SIZES)), SIZES)
    level = np.log(mean) + sd * rng.standard_normal(len(SIZES))
    bought = 1 + rng.poisson(rng.gamma(0.5, 4.0, len(home)))
    nu = rng.gamma(q, p / (np.exp(level[home]) * (q - 1.0)))
    rows = []
    for n, scale in zip(bought, nu, strict=True):
        z = rng.gamma(p, 1.0 / scale, n)
        later = float(z[1:].mean()) if n > 1 else 0.0
        rows.append((n - 1, later, z[0], n, z.sum(), np.log(z).sum()))
    names = ["frequency", "monetary_value", "first_value", "spend_n", "spend_sum", "spend_log_sum"]
    return pd.DataFrame(rows, columns=names), home, level


def fitted(
    customers: pd.DataFrame, home: np.ndarray, *, draws: int = 500, extra: int = 0
) -> PartnerSpend:
    found = fit_partner_spend(
        customers, home, partners=len(SIZES) + extra, draws=draws, rng=np.random.default_rng(1)
    )
    assert isinstance(found, PartnerSpend), found
    return found


def test_values_are_the_sum_over_the_partner_s_customers() -> None:
    customers, home, _ = spenders(seed=2)
    n, total, log_total = (
        customers[c].to_numpy(float) for c in ("spend_n", "spend_sum", "spend_log_sum")
    )
    rows = spend_rows(n, total, log_total, home, partners=len(SIZES) + 1)
    log_p, log_excess = np.array([0.2, 1.4]), np.array([-1.0, 0.5, 2.0])
    s = np.tile([3.0, 4.5], (len(SIZES) + 1, 1))
    values = spend_values(rows, log_p, log_excess, s, np.zeros((len(SIZES) + 1, 1)))
    assert np.all(values[-1] == 0.0)
    for at in np.ndindex(2, 3, 2):
        p, q = np.exp(log_p[at[0]]), 1 + np.exp(log_excess[at[1]])
        v = np.exp(s[0, at[2]]) * (q - 1) / p
        each = gamma_gamma.log_likelihood(n, total, log_total, p, q, v)
        found = values[:-1][(slice(None), *at, 0)]
        np.testing.assert_allclose(found, np.bincount(home, weights=each), rtol=1e-11)


def test_partners_levels_are_recovered() -> None:
    customers, home, level = spenders(seed=3)
    fit = fitted(customers, home)
    d = fit.spend.draws
    mean = np.log(d["p"] * d["v"] / (d["q"] - 1.0))
    assert mean.shape == (500, len(SIZES))
    z = (mean.mean(axis=0) - level) / mean.std(axis=0)
    # 15 standard normal numbers
    assert np.abs(z).max() < 3.2
    assert 0.5 < z.std() < 1.6
    assert abs(np.log(d["p"][:, 0] / 3.0).mean()) < 4 * np.log(d["p"][:, 0]).std()
    kept = fit.shrinkage["log_spend"]
    assert kept[1] > 0.9
    assert kept[1] > kept[0]
    assert np.all((d["zero_share"] >= 0) & (d["zero_share"] < 0.05))


def test_money_has_no_unit() -> None:
    customers, home, _ = spenders(seed=3)
    cents = customers.copy()
    for name in ("monetary_value", "first_value", "spend_sum"):
        cents[name] = cents[name] * 100.0
    cents["spend_log_sum"] += cents["spend_n"] * np.log(100.0)
    one, other = fitted(customers, home), fitted(cents, home)
    for name in ("p", "q", "v"):
        factor = 100.0 if name == "v" else 1.0
        np.testing.assert_allclose(
            other.spend.draws[name], factor * one.spend.draws[name], rtol=1e-6
        )


def test_a_partner_without_data_is_a_new_partner() -> None:
    customers, home, _ = spenders(seed=3)
    fit = fitted(customers, home, extra=1)
    assert fit.shrinkage["log_spend"][-1] == pytest.approx(0.0, abs=1e-9)
    new = [new_partner_spend(fit, "all partners", np.random.default_rng(k)) for k in range(20)]
    one, other = np.log(fit.spend.draws["v"][:, -1]), np.log([n["v"] for n in new])
    assert abs(one.mean() - other.mean()) < 4 * one.std() / np.sqrt(500)
    assert one.std() / other.std() == pytest.approx(1.0, abs=0.15)
    with pytest.raises(SummaryError, match="segment 'x'"):
        new_partner_spend(fit, "x", np.random.default_rng(1))


def test_the_only_level_is_drawn_from_its_exact_posterior() -> None:
    # one partner's level given everything shared is one-dimensional: a dense grid says it
    customers, home, _ = spenders(seed=3)
    fit = fitted(customers, home, draws=1000)
    n, total, log_total = (
        customers[c].to_numpy(float) for c in ("spend_n", "spend_sum", "spend_log_sum")
    )
    rows = spend_rows(n, total, log_total, home, partners=len(SIZES))
    grid = np.tile(np.linspace(2.0, 6.0, 400), (len(SIZES), 1))
    means = []
    for m in range(0, 1000, 10):
        log_p, log_excess = fit.shared["log_p"][[m]], fit.shared["log_excess"][[m]]
        height = spend_values(rows, log_p, log_excess, grid, np.zeros((len(SIZES), 1)))[
            :, 0, 0, :, 0
        ]
        centre, sd = fit.shared["mean_log_spend"][m, 0], fit.shared["sd_log_spend"][m]
        height -= 0.5 * ((grid - centre) / sd) ** 2
        weight = np.exp(height - height.max(axis=1, keepdims=True))
        means.append((weight * grid).sum(axis=1) / weight.sum(axis=1))
    d = fit.spend.draws
    level = np.log(d["p"] * d["v"] / (d["q"] - 1.0))
    gap = (level.mean(axis=0) - np.mean(means, axis=0)) / level.std(axis=0)
    # 1,000 draws beside the means of every tenth: 4 standard errors of the sum of both
    assert np.abs(gap).max() < 4 * np.sqrt(1 / 1000 + 1 / 100 * 0.3)


def test_customers_who_all_spend_the_same_have_no_partner_levels() -> None:
    customers, home, _ = spenders(seed=3)
    n = customers["spend_n"]
    customers["first_value"], customers["spend_sum"] = 9.0, 9.0 * n
    customers["monetary_value"] = np.where(n > 1, 9.0, 0.0)
    customers["spend_log_sum"] = n * np.log(9.0)
    found = fit_partner_spend(customers, home, partners=len(SIZES), rng=np.random.default_rng(1))
    assert isinstance(found, Refused)
    assert "spend (nearly) the same" in found.gates[0]


@pytest.mark.parametrize("sd", [1.0, 2.0])
def test_partners_each_with_one_price_of_their_own(sd: float) -> None:
    """As with subscriptions: what differs is partners, and next to nothing within them."""
    _, home, level = spenders(seed=3, sd=sd)
    n = 1.0 + np.arange(len(home)) % 4
    price = np.exp(level)[home]
    customers = pd.DataFrame(
        {
            "frequency": n - 1.0,
            "monetary_value": np.where(n > 1, price, 0.0),
            "first_value": price,
            "spend_n": n,
            "spend_sum": n * price,
            "spend_log_sum": n * np.log(price),
        }
    )
    fit = fitted(customers, home)
    own = fit.spend.draws
    log_spend = np.log(own["p"] * own["v"] / (own["q"] - 1.0))
    # amounts are taken to vary by 1 % or more, and two customers are enough to say as much
    np.testing.assert_allclose(log_spend.mean(axis=0), level, atol=0.02)
    assert (fit.shrinkage["log_spend"] > 0.99).all()
    assert fit.shared["sd_log_spend"].mean() > 0.5 * sd
