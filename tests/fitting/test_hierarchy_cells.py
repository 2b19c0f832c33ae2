from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.fitting import hierarchy_cells
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_cells import make_cells
from ltvforecast.fitting.hierarchy_spend import PartnerSpend, fit_partner_spend
from tests.fitting.covariate_world import World, world

MEMBER = (0.3, -0.4, 0.2)
CERTIFIED = float(np.log(1.3))


def purchases(data: World, *, seed: int = 1, draws: int = 600) -> PartnerPurchases:
    found = fit_partner_purchases(
        *data.history, data.home, partners=data.partners, covariates=data.design, draws=draws,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    assert isinstance(found, PartnerPurchases), found
    return found


def spend(data: World, *, seed: int = 1) -> PartnerSpend:
    found = fit_partner_spend(
        data.customers, data.home, partners=data.partners, covariates=data.design, draws=600,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    assert isinstance(found, PartnerSpend), found
    return found


@functools.cache
def one() -> tuple[World, PartnerPurchases]:
    data = world(seed=1, certified=CERTIFIED, member=MEMBER)
    return data, purchases(data)


def test_cells_are_partners_by_kinds_of_customers() -> None:
    data = world(seed=2, partners=6)
    home = data.home + (data.home >= 3)  # partner 3 has nobody
    rows = np.insert(data.design.partner_rows, 3, 1.0, axis=0)
    design = replace(data.design, partner_rows=rows)
    cells, cell = make_cells(
        home, np.zeros(7, np.int64), 1, design=design, pattern=design.customer_pattern
    )
    assert cells.partners.tolist() == [0, 1, 2, 4, 5, 6]
    assert cells.owner[cell].tolist() == data.home.tolist()
    assert cells.pattern[cell].tolist() == design.customer_pattern.tolist()
    # columns and patterns are taken from their means
    np.testing.assert_allclose(cells.columns[cells.group].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(cells.patterns[cells.pattern[cell]].mean(axis=0), 0.0, atol=1e-12)
    few, theirs = cells.part(np.array([1, 4]))
    assert few.partners.tolist() == [1, 5]
    assert set(cells.owner[theirs]) == {1, 4}


def test_too_many_kinds_of_customers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = world(seed=2, partners=6)
    monkeypatch.setattr(hierarchy_cells, "MOST_CELLS", 5)
    with pytest.raises(ConfigError, match="kinds of customers"):
        make_cells(
            data.home, np.zeros(6, np.int64), 1, design=data.design,
            pattern=data.design.customer_pattern,
        )  # fmt: skip


def test_known_effects_are_found() -> None:
    _, fit = one()
    assert fit.effects is not None
    rate, dropout = fit.effects["log_rate"], fit.effects["dropout_logit"]
    for draws, truth in (
        (rate[:, 0], CERTIFIED), (rate[:, 1], MEMBER[0]),
        (dropout[:, 0], 0.0), (dropout[:, 1], MEMBER[1]),
    ):  # fmt: skip
        # one data set: within three posterior standard deviations, and something is learnt
        assert abs(draws.mean() - truth) < 3 * draws.std()
        assert draws.std() < 0.25
    assert fit.purchase.diagnostics.trusted
    assert fit.checks is not None
    assert fit.checks.table_error < 0.1


def test_an_effect_on_spend_is_found() -> None:
    data, _ = one()
    found = spend(data).effects
    assert found is not None
    draws = found["log_spend"]
    assert abs(draws[:, 1].mean() - MEMBER[2]) < 3 * draws[:, 1].std() < 0.2
    assert abs(draws[:, 0].mean()) < 3 * draws[:, 0].std()


def test_the_reference_category_does_not_matter() -> None:
    fit = one()[1]
    other = purchases(world(seed=1, certified=CERTIFIED, member=MEMBER, other_reference=True))
    assert fit.effects is not None
    assert other.effects is not None
    for name in ("log_rate", "dropout_logit"):
        gap = fit.effects[name].mean(axis=0) + other.effects[name].mean(axis=0)
        # two samples of 600 draws, some 300 of them effective: 4 standard errors of a difference
        assert np.all(np.abs(gap) < 4 * fit.effects[name].std(axis=0) * np.sqrt(2 / 300))
    # the rate of a member of each partner, whichever is the reference
    rate = np.log(fit.purchase.draws["r"] / fit.purchase.draws["alpha"])
    rate = rate + fit.effects["log_rate"][:, 1:]
    there = np.log(other.purchase.draws["r"] / other.purchase.draws["alpha"])
    gap = rate.mean(axis=0) - there.mean(axis=0)
    assert np.all(np.abs(gap) < 4.5 * rate.std(axis=0) * np.sqrt(2 / 300))


@pytest.mark.slow
def test_ranges_hold_the_truth_as_often_as_they_say() -> None:
    inside, total = 0, 0
    for seed in range(12):
        data = world(seed=100 + seed, certified=CERTIFIED, member=MEMBER)
        bought, paid = purchases(data).effects, spend(data).effects
        assert bought is not None
        assert paid is not None
        for draws, truth in (
            (bought["log_rate"], (CERTIFIED, MEMBER[0])),
            (bought["dropout_logit"], (0.0, MEMBER[1])),
            (paid["log_spend"], (0.0, MEMBER[2])),
        ):
            low, high = np.quantile(draws, (0.05, 0.95), axis=0)
            inside += int(np.sum((low < truth) & (truth < high)))
            total += 2
    # 72 intervals of 90 %, nearly independent: 3 standard errors are 11 points
    assert inside / total > 0.79


@pytest.mark.slow
def test_no_effect_is_told_as_none() -> None:
    holds = []
    for seed in range(6):
        found = purchases(world(seed=200 + seed)).effects
        assert found is not None
        for draws in found.values():
            low, high = np.quantile(draws, (0.05, 0.95), axis=0)
            holds += ((low < 0) & (high > 0)).tolist()
            assert np.all(np.abs(draws.mean(axis=0)) < 0.4)
    assert np.mean(holds) > 0.7
