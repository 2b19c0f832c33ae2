from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.fitting import (
    pooled_purchase,
    pooled_spend,
    purchase_likelihood,
    spend_likelihood,
)
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.effect_columns import effect_columns
from ltvforecast.fitting.partner_tables import partner_purchases, partner_spend
from ltvforecast.fitting.pooled_effects import customer_kinds
from ltvforecast.fitting.prior_settings import (
    DEFAULT_PRIORS,
    PURCHASE_COORDINATES,
    SPEND_COORDINATES,
    priors_from_table,
)
from ltvforecast.fitting.priors import PURCHASE_PRIOR, SPEND_PRIOR, with_effects
from ltvforecast.fitting.pymc_models import (
    covariate_purchase_model,
    covariate_spend_model,
    partner_groups,
    partner_purchase_model,
    partner_spend_model,
    purchase_model,
    spend_model,
)
from ltvforecast.fitting.spend_data import amounts_data, means_data
from ltvforecast.formulas import bgnbd, gamma_gamma
from tests.fitting.covariate_world import world


@pytest.fixture(autouse=True)
def without_a_compiler() -> Iterator[None]:
    """Evaluate graphs in plain Python: compiling takes longer than all evaluations here."""
    import pytensor

    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


def histories(cdnow):
    x, t_x, T = (cdnow[name].to_numpy(float) for name in ("frequency", "recency", "T"))
    return x, t_x / T.mean(), T / T.mean(), float(T.mean())


def random_points(prior, size, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(prior.mean, prior.sd, size=(size, len(prior.mean)))


def assert_same_density(model, names, points, density, gradient) -> None:
    """Equal up to one constant, and equal in slope."""
    value, slope = model.compile_logp(jacobian=False), model.compile_dlogp(jacobian=False)
    gaps = []
    for theta in points:
        at = dict(zip(names, theta, strict=True))
        gaps.append(float(value(at)) - density(theta))
        exact = gradient(theta)
        np.testing.assert_allclose(slope(at), exact, rtol=1e-8, atol=1e-8)
    assert np.ptp(gaps) < 1e-8


def test_the_pooled_purchase_model_is_the_posterior_of_the_laplace_fit(cdnow) -> None:
    x, t_x, T, unit = histories(cdnow)
    table = purchase_likelihood.purchase_table(unique_rows(x, t_x, T))

    def density(theta):
        value = purchase_likelihood.log_likelihood(theta[None, :], table)[0]
        return float(value + PURCHASE_PRIOR.log_density(theta))

    def gradient(theta):
        by_parameter = purchase_likelihood.log_likelihood_gradient(theta, table)[1]
        value = purchase_likelihood.coordinate_gradient(theta, by_parameter)
        return value + PURCHASE_PRIOR.gradient(theta)

    points = random_points(PURCHASE_PRIOR, 30, 1)
    model = purchase_model(table, unit=unit)
    assert_same_density(model, PURCHASE_COORDINATES, points, density, gradient)


@pytest.mark.parametrize("single", [True, False])
def test_the_pooled_spend_model_is_the_posterior_of_the_laplace_fit(cdnow, single: bool) -> None:
    data = amounts_data(cdnow) if single else means_data(cdnow)
    if single:
        table = spend_likelihood.amounts_table(data.n, data.total, data.log_total)
    else:
        table = spend_likelihood.means_table(data.n, data.total / data.n)

    def density(theta):
        value = spend_likelihood.log_likelihood(theta[None, :], table)[0]
        return float(value + SPEND_PRIOR.log_density(theta))

    def gradient(theta):
        by_parameter = spend_likelihood.log_likelihood_gradient(theta, table)[1]
        value = spend_likelihood.coordinate_gradient(theta, by_parameter)
        return value + SPEND_PRIOR.gradient(theta)

    model = spend_model(table, unit=data.unit)
    assert_same_density(
        model, SPEND_COORDINATES, random_points(SPEND_PRIOR, 30, 2), density, gradient
    )


def hierarchical(model, offsets):
    """Values of a model's parameters and log-density at given standard-normal offsets."""
    import pytensor

    names = [v.name for v in model.value_vars]
    assert set(names) == set(offsets)
    outputs = [*model.deterministics, *model.potentials, model.logp(jacobian=False)]
    replaced = model.replace_rvs_by_values(outputs)
    inputs = model.value_vars
    compiled = pytensor.function(inputs, replaced, on_unused_input="ignore")
    values = compiled(*(offsets[name] for name in names))
    return dict(zip([*(o.name for o in outputs[:-1]), "logp"], values, strict=True))


def test_partners_have_their_own_likelihood_around_segment_means(cdnow) -> None:
    x, t_x, T, unit = histories(cdnow)
    home = np.random.default_rng(3).choice([0, 1, 3], len(x))
    groups = partner_groups(["a", "b", "c", "d"], ["s1", "s2", "s1", "s1"])
    tables = partner_purchases(x, t_x, T, home, partners=4)
    offsets = {
        "log_r": np.array(-1.2),
        "log_rate": np.array(0.4),
        "logit_dropout": np.array(-1.0),
        "log_phi": np.array(1.1),
        "segment_sd_rate_log__": np.log(0.3),
        "segment_z_rate": np.array([1.0, -0.5]),
        "sd_rate_log__": np.log(0.5),
        "z_rate": np.array([0.1, -0.2, 0.3, 1.4]),
        "segment_sd_dropout_log__": np.log(0.2),
        "segment_z_dropout": np.array([-1.0, 0.7]),
        "sd_dropout_log__": np.log(0.6),
        "z_dropout": np.array([0.5, 0.6, -0.7, 0.8]),
    }
    got = hierarchical(partner_purchase_model(tables, groups, unit=unit), offsets)
    log_rate = 0.4 + 0.3 * np.array([1.0, -0.5, 1.0, 1.0]) + 0.5 * offsets["z_rate"]
    logit = -1.0 + 0.2 * np.array([-1.0, 0.7, -1.0, -1.0]) + 0.6 * offsets["z_dropout"]
    r, phi = np.exp(-1.2), np.exp(1.1)
    a = phi / (1 + np.exp(-logit))
    np.testing.assert_allclose(got["alpha"], unit * r / np.exp(log_rate))
    np.testing.assert_allclose(got["a"], a)
    np.testing.assert_allclose(got["b"], phi - a)
    alpha = (r / np.exp(log_rate))[home]
    exact = bgnbd.log_likelihood(x, t_x, T, r, alpha, a[home], (phi - a)[home]).sum()
    assert got["log_likelihood"] == pytest.approx(float(exact), abs=1e-7)


def test_partners_have_their_own_spend(cdnow) -> None:
    data = amounts_data(cdnow)
    home = np.random.default_rng(4).integers(0, 3, len(data.n))
    tables = partner_spend(data, home, partners=3)
    offsets = {
        "log_p": np.array(1.3),
        "log_mean_spend": np.array(0.2),
        "log_q_minus_1": np.array(1.2),
        "sd_spend_log__": np.log(0.4),
        "z_spend": np.array([0.3, -1.0, 0.8]),
    }
    groups = partner_groups(["a", "b", "c"])
    got = hierarchical(partner_spend_model(tables, groups, unit=data.unit), offsets)
    p, q = np.exp(1.3), 1 + np.exp(1.2)
    v = np.exp(0.2 + 0.4 * offsets["z_spend"]) * (q - 1) / p
    np.testing.assert_allclose(got["v"], v * data.unit)
    exact = gamma_gamma.log_likelihood(data.n, data.total, data.log_total, p, q, v[home]).sum()
    assert got["log_likelihood"] == pytest.approx(float(exact), abs=1e-7)


def test_centred_and_not_are_the_same_posterior(cdnow) -> None:
    data = amounts_data(cdnow)
    tables = partner_spend(data, np.arange(len(data.n)) % 3, partners=3)
    groups = partner_groups(["a", "b", "c"])
    shared = {
        "log_p": np.array(1.3),
        "log_mean_spend": np.array(0.2),
        "log_q_minus_1": np.array(1.2),
        "sd_spend_log__": np.log(0.4),
    }
    z = np.array([0.3, -1.0, 0.8])
    loose = hierarchical(
        partner_spend_model(tables, groups, unit=data.unit), {**shared, "z_spend": z}
    )
    tight = hierarchical(
        partner_spend_model(tables, groups, unit=data.unit, centred=True),
        {**shared, "partner_spend": 0.2 + 0.4 * z},
    )
    # a change of three variables by the factor .4
    assert tight["logp"] == pytest.approx(float(loose["logp"]) - 3 * np.log(0.4), abs=1e-8)


def test_priors_are_those_of_the_record(cdnow) -> None:
    data = amounts_data(cdnow)
    tables = partner_spend(data, np.arange(len(data.n)) % 3, partners=3)
    changed = priors_from_table({"log_p": {"sd": 0.1}, "partner_spread": {"spend": 0.2}})
    at = {
        "log_p": np.array(1.3),
        "log_mean_spend": np.array(0.2),
        "log_q_minus_1": np.array(1.2),
        "sd_spend_log__": np.log(0.4),
        "z_spend": np.zeros(3),
    }
    groups = partner_groups(["a", "b", "c"])
    before = hierarchical(partner_spend_model(tables, groups, unit=1.0), at)["logp"]
    after = hierarchical(partner_spend_model(tables, groups, unit=1.0, priors=changed), at)["logp"]
    off = 1.3 - SPEND_PRIOR.mean[0]
    normal = -0.5 * off**2 * (1 / 0.1**2 - 1) - np.log(0.1)
    half_normal = -0.5 * 0.4**2 * (1 / 0.2**2 - 1 / 0.75**2) - np.log(0.2 / 0.75)
    assert after - before == pytest.approx(normal + half_normal, abs=1e-7)


def test_segments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 segments for 3 partners"):
        partner_groups(["a", "b", "c"], ["x", "y"])


COVARIATES = world(seed=3, partners=6, certified=0.25, member=(0.3, -0.4, 0.2))
BETA = {"rate": np.array([0.3, -0.2]), "dropout": np.array([-0.5, 0.4]),
        "spend": np.array([0.2, 0.6])}  # fmt: skip


def moved(kind):
    """What covariates add to each customer's level, columns less their means."""
    design = COVARIATES.design
    partner = design.partner_rows - design.partner_rows.mean(axis=0)
    own = design.patterns[design.customer_pattern]
    return (partner[COVARIATES.home] + own - own.mean(axis=0)) @ BETA[kind]


def test_covariates_move_the_means_of_partners_and_the_levels_of_customers() -> None:
    x, t_x, T = COVARIATES.history
    unit, design, home = T.mean(), COVARIATES.design, COVARIATES.home
    columns, cell = effect_columns(design, home, design.customer_pattern, apart=True)
    tables = partner_purchases(x, t_x / unit, T / unit, cell, partners=len(columns.of_cells))
    offsets = {
        "log_r": np.array(-0.3), "log_rate": np.array(0.4),
        "logit_dropout": np.array(-1.0), "log_phi": np.array(1.1),
        "sd_rate_log__": np.log(0.5), "z_rate": np.array([0.1, -0.2, 0.3, 1.4, 0.0, -1.0]),
        "sd_dropout_log__": np.log(0.6), "z_dropout": np.array([0.5, 0.6, -0.7, 0.8, 0.1, 0.2]),
        "effect_rate": BETA["rate"], "effect_dropout": BETA["dropout"],
    }  # fmt: skip
    groups = partner_groups([f"p{k}" for k in range(6)])
    got = hierarchical(partner_purchase_model(tables, groups, unit=unit, columns=columns), offsets)
    rate = 0.4 + 0.5 * offsets["z_rate"][home] + moved("rate")
    logit = -1.0 + 0.6 * offsets["z_dropout"][home] + moved("dropout")
    r, phi = np.exp(-0.3), np.exp(1.1)
    alpha, a = unit * r * np.exp(-rate), phi / (1 + np.exp(-logit))
    exact = bgnbd.log_likelihood(x, t_x, T, r, alpha, a, phi - a).sum()
    # the model counts in mean ages: purchases times the log of the unit
    assert got["log_likelihood"] == pytest.approx(float(exact) + x.sum() * np.log(unit), abs=1e-7)
    # parameters are those of customers who are no members
    other = design.customer_pattern == 0
    np.testing.assert_allclose(got["alpha"][home[other]], alpha[other])
    np.testing.assert_allclose(got["a"][home[other]], a[other])
    # and segments' means those of partners that are not certified
    middle = np.array([design.partner_rows[:, 0].mean(), design.customer_pattern.mean()])
    np.testing.assert_allclose(got["segment_rate"], [0.4 - middle @ BETA["rate"]])


def test_covariates_move_spend() -> None:
    design, home = COVARIATES.design, COVARIATES.home
    data = amounts_data(COVARIATES.customers)
    columns, cell = effect_columns(design, home, design.customer_pattern, apart=True)
    tables = partner_spend(data, cell, partners=len(columns.of_cells))
    offsets = {
        "log_p": np.array(1.3), "log_mean_spend": np.array(0.2), "log_q_minus_1": np.array(1.2),
        "sd_spend_log__": np.log(0.4), "z_spend": np.array([0.3, -1.0, 0.8, 0.0, 0.1, 0.2]),
        "effect_spend": BETA["spend"],
    }  # fmt: skip
    groups = partner_groups([f"p{k}" for k in range(6)])
    got = hierarchical(
        partner_spend_model(tables, groups, unit=data.unit, columns=columns), offsets
    )
    p, q = np.exp(1.3), 1 + np.exp(1.2)
    level = 0.2 + 0.4 * offsets["z_spend"][home] + moved("spend")
    v = np.exp(level) * (q - 1) / p
    exact = gamma_gamma.log_likelihood(data.n, data.total, data.log_total, p, q, v).sum()
    assert got["log_likelihood"] == pytest.approx(float(exact), abs=1e-7)
    other = design.customer_pattern == 0
    np.testing.assert_allclose(got["v"][home[other]], v[other] * data.unit)


def test_taken_together_it_is_the_posterior_of_the_laplace_fit_with_covariates() -> None:
    design, data = COVARIATES.design, amounts_data(COVARIATES.customers)
    x, t_x, T = COVARIATES.history
    unit = float(T.mean())
    columns, cell = effect_columns(design, COVARIATES.home, design.customer_pattern, apart=False)
    kinds = customer_kinds(COVARIATES.home, design.customer_pattern, design)
    scaled = x, t_x / unit, T / unit
    count = len(columns.of_cells)
    for model, likelihood, prior, names, effects in (
        (
            covariate_purchase_model(
                partner_purchases(*scaled, cell, partners=count), columns, unit=unit
            ),
            pooled_purchase._likelihood(scaled, kinds),
            with_effects(PURCHASE_PRIOR, design.names, (1, 2)),
            PURCHASE_COORDINATES,
            ("effect_rate", "effect_dropout"),
        ),
        (
            covariate_spend_model(
                partner_spend(data, cell, partners=count), columns, unit=data.unit
            ),
            pooled_spend._likelihood(data, kinds),
            with_effects(SPEND_PRIOR, design.names, (1,)),
            SPEND_COORDINATES,
            ("effect_spend",),
        ),
    ):
        value = model.compile_logp(jacobian=False)
        gaps = []
        for theta in random_points(prior, 8, 5):
            split = [*theta[: len(names)], *np.split(theta[len(names) :], len(effects))]
            density = likelihood.total(theta[None])[0] + prior.log_density(theta)
            gaps.append(float(value(dict(zip((*names, *effects), split, strict=True)))) - density)
        assert np.ptp(gaps) < 1e-7


def test_the_prior_of_effects_is_that_of_the_record() -> None:
    design, data = COVARIATES.design, amounts_data(COVARIATES.customers)
    columns, cell = effect_columns(design, COVARIATES.home, design.customer_pattern, apart=False)
    tables = partner_spend(data, cell, partners=len(columns.of_cells))
    at = {"log_p": np.array(1.3), "log_mean_spend": np.array(0.2), "log_q_minus_1": np.array(1.2),
          "effect_spend": BETA["spend"]}  # fmt: skip
    changed = priors_from_table({"covariate_effect": {"spend": 0.1}})
    before, after = (
        float(covariate_spend_model(tables, columns, unit=1.0, priors=p).compile_logp()(at))
        for p in (DEFAULT_PRIORS, changed)
    )
    squares = float(BETA["spend"] @ BETA["spend"])
    wanted = -0.5 * squares * (1 / 0.1**2 - 1 / 0.5**2) - 2 * np.log(0.1 / 0.5)
    assert after - before == pytest.approx(wanted, abs=1e-7)
