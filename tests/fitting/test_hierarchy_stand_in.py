from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ltvforecast.fitting import hierarchy_posterior, hierarchy_tables
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_stand_in import Parts, sample_by_stand_in
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior
from tests.fitting.partner_chain import programme

WEAK = NormalPrior(names=("one", "two"), mean=(0.0, 0.0), sd=(9.0, 9.0))


def peak(size: int = 2) -> Optimum:
    return Optimum(theta=np.zeros(size), value=0.0, gradient=np.zeros(size), curvature=np.eye(size))


def test_two_parts_of_a_skewed_density() -> None:
    """Of the log of two gamma variables, whose moments are known."""
    shapes = np.array([6.0, 20.0])
    calls = []

    def values(eta: np.ndarray) -> np.ndarray:
        calls.append(len(eta))
        x = eta / np.sqrt(shapes)
        return shapes * (x - np.exp(x))

    found = sample_by_stand_in(
        Parts(values=values, coordinates=lambda eta: (eta.T[:, :, None], np.zeros(len(eta)))),
        peak(), prior=WEAK, draws=4000, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert found is not None
    # either the stand-in is as good as the density, or every draw was weighted by it
    assert found.error < 0.05 if sum(calls) < 500 else found.error == 0.0
    for k, shape in enumerate(shapes):
        drawn = found.draws.theta[:, k] / np.sqrt(shape) + np.log(shape)
        exact = stats.loggamma(shape)
        effective = found.draws.effective
        assert abs(drawn.mean() - exact.mean()) < 4 * exact.std() / np.sqrt(min(4000, effective))
        assert drawn.std() / exact.std() == pytest.approx(1.0, abs=0.06)


def test_what_no_cubic_can_be_is_given_up() -> None:
    found = sample_by_stand_in(
        Parts(
            values=lambda eta: -0.5 * (eta**2).sum(1, keepdims=True)
            + 3.0 * np.sin(9.0 * eta[:, :1]),
            coordinates=lambda eta: (eta[None], np.zeros(len(eta))),
        ),
        peak(), prior=WEAK, draws=1000, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert found is None


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the values of the full density that a fit takes."""
    seen: list[int] = []
    true = hierarchy_tables.log_marginals

    def counting(*arguments: np.ndarray) -> None:
        seen.append(len(arguments[5]) * len(arguments[-1]))
        true(*arguments)

    monkeypatch.setattr(hierarchy_tables, "log_marginals", counting)
    return seen


def small_partners(partners: int, segments: int | None = None) -> PartnerPurchases:
    rng = np.random.default_rng(1)
    sizes = np.clip(rng.pareto(1.5, partners) * 1.5 + 1, 1, 50).astype(np.int64)
    data = programme(seed=3, partners=partners, sizes=sizes)
    found = fit_partner_purchases(
        data.x, data.t_x, data.T, data.home,
        partners=partners,
        segments=None if segments is None else [f"s{k % segments}" for k in range(partners)],
        draws=400,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert isinstance(found, PartnerPurchases)
    return found


def test_many_partners_take_few_values_each(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = counted(monkeypatch)
    fit = small_partners(900)
    # values for each partner, those of the pilot included; without a stand-in 1,700
    assert sum(seen) / 900 < 1200
    assert fit.checks is not None
    assert fit.checks.stand_in_error < 0.1


@pytest.mark.slow
def test_the_stand_in_finds_what_the_density_says(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = small_partners(1000)
    monkeypatch.setattr(hierarchy_posterior, "MANY_PARTNERS", 10_000)
    direct = small_partners(1000)
    for name, values in direct.shared.items():
        sd = values.std()
        # 400 draws of either: 4 standard errors
        assert abs(quick.shared[name].mean() - values.mean()) < 4 * sd * np.sqrt(2 / 400)
        assert quick.shared[name].std() / sd == pytest.approx(1.0, abs=0.2)


@pytest.mark.slow
def test_twenty_thousand_partners() -> None:
    fit = small_partners(20_000)
    assert fit.checks is not None
    assert fit.checks.stand_in_error < 0.03
    assert fit.checks.effective_draws > 1000
    # the truth is within four posterior standard deviations of every shared parameter
    for name, true in (
        ("log_r", np.log(0.5)), ("log_phi", np.log(3.0)),
        ("sd_log_rate", 0.5), ("sd_dropout_logit", 0.6),
    ):  # fmt: skip
        values = fit.shared[name]
        assert abs(values.mean() - true) < 4 * values.std()
