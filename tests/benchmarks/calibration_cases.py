"""Simulated data with parameters from a prior, and the posterior that the package makes of them.

The package's own priors are so weak that many data sets drawn from them would hold no repeat
purchase, or thousands. Parameters are therefore drawn from narrower priors, and the package's
draws, made with its own priors, get the weight (narrow prior) / (its prior): they are then draws
from the posterior of the narrow prior, and must be so exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.hierarchy import fit_partner_purchases
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_levels import SD_SCALE
from ltvforecast.fitting.hierarchy_spend import fit_partner_spend
from ltvforecast.fitting.priors import PURCHASE_PRIOR, SPEND_PRIOR, NormalPrior
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.fitting.spend_data import amounts_data, means_data
from tests.benchmarks.partner_data import (
    Array,
    Spenders,
    by_partner,
    for_all,
    future_money,
    future_purchases,
    spenders,
)
from tests.fitting.partner_chain import Programme, programme

__all__ = ["CASES", "KEPT", "Checked", "Failed"]

DRAWS = 1000
"""Of a fit with partners; of one without, which is quicker, twice as many."""
KEPT = 199
"""Posterior draws that the truth is ranked among: 200 ranks, 10 for each of 20 bins."""
SIZES = (3, 5, 8, 8, 12, 12, 15, 20, 25, 30, 40, 60)
SMALL, LARGE = 1, 11
"""A partner of 5 customers and one of 60."""
AGE = 50.0
"""Roughly the customers' mean age, in weeks."""
HORIZON = 26.0
MORE = 3.0
"""Purchases of every customer whose worth is to be forecast."""

NARROW_PURCHASE = NormalPrior(
    names=PURCHASE_PRIOR.names, mean=(-0.3, 1.2, -1.2, 1.1), sd=(0.6, 0.6, 0.7, 0.9)
)
NARROW_SPEND = NormalPrior(
    names=SPEND_PRIOR.names, mean=(1.1, float(np.log(50.0)), 1.1), sd=(0.5, 0.5, 0.4)
)
NARROW_SD = 0.5
"""Of the half-normal prior of the spread of partners."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One simulation.

    Attributes
    ----------
    truth : mapping of str to float
    draws : mapping of str to array, shape (KEPT,)
        Of the same quantities.
    effective : float
        Draws behind the weighted ones.
    """

    truth: Mapping[str, float]
    draws: Mapping[str, Array]
    effective: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A fit that was refused."""

    why: str


def _narrowed(
    package: NormalPrior, narrow: NormalPrior, theta: Array, shift: Array, spreads: Array
) -> Array:
    """Log-ratio of the priors; ``shift`` is what the package's prior is moved by in these units."""
    ratio = narrow.log_density(theta) - package.log_density(theta - shift)
    return ratio - 0.5 * (spreads**2).sum(axis=1) * (NARROW_SD**-2.0 - SD_SCALE**-2.0)


def _kept(log_ratio: Array, rng: np.random.Generator) -> tuple[Array, float]:
    """Resample systematically, and count the draws behind the weights."""
    weight = np.exp(log_ratio - log_ratio.max())
    weight /= weight.sum()
    at = (np.arange(KEPT) + rng.uniform()) / KEPT
    place = np.minimum(np.searchsorted(np.cumsum(weight), at), len(weight) - 1)
    return rng.permutation(place), float(1.0 / np.sum(weight**2))


def _draw(prior: NormalPrior, rng: np.random.Generator) -> Array:
    return rng.normal(prior.mean, prior.sd)


def _spread(size: int, pooled: bool, rng: np.random.Generator) -> Array:
    return np.zeros(size) if pooled else np.abs(NARROW_SD * rng.standard_normal(size))


def purchases(rng: np.random.Generator, *, pooled: bool) -> Checked | Failed:
    """BG/NBD: shared parameters, two partners' levels, and purchases to come."""
    theta, sd = _draw(NARROW_PURCHASE, rng), _spread(2, pooled, rng)
    data = programme(
        seed=int(rng.integers(2**62)), partners=len(SIZES), sizes=SIZES,
        sd_u=sd[0], sd_v=sd[1], r=float(np.exp(theta[0])), phi=float(np.exp(theta[3])),
        mean_u=theta[1] - np.log(AGE), mean_v=theta[2],
    )  # fmt: skip
    next_ones = data.future(HORIZON, rng)
    # the parameters count time in the mean age of these customers, the truth in AGE
    shift = np.array([0.0, np.log(AGE / data.T.mean()), 0.0, 0.0])
    truth = {"log r": theta[0], "mean log rate": theta[1], "mean dropout logit": theta[2]}
    truth |= {"log(a+b)": theta[3], **_totals(next_ones)}
    if not pooled:
        truth |= {"sd of rates": sd[0], "sd of dropouts": sd[1]}
        for name, p in (("small", SMALL), ("large", LARGE)):
            truth[f"{name} partner's log rate"] = data.u[p] + np.log(AGE)
            truth[f"{name} partner's dropout"] = data.v[p]
    try:
        found = _purchase_draws(data, pooled=pooled, rng=rng)
    except ConvergenceError as error:
        return Failed(why=error.found)
    if isinstance(found, Refused):
        return Failed(why="; ".join(found.gates))
    parameters, draws = found
    shared = np.stack([draws[name] for name in list(truth)[:4]], axis=1)
    spreads = [draws[name] for name in draws if name.startswith("sd")]
    place, effective = _kept(
        _narrowed(
            PURCHASE_PRIOR, NARROW_PURCHASE, shared, shift,
            np.stack(spreads, axis=1) if spreads else np.zeros((len(shared), 0)),
        ),
        rng,
    )  # fmt: skip
    chosen = {name: values[place] for name, values in parameters.items()}
    count = future_purchases((data.x, data.t_x, data.T), data.home, chosen, HORIZON, rng)
    kept = {name: values[place] for name, values in draws.items()}
    kept |= _totals(by_partner(count, data.home, data.partners))
    return Checked(truth=truth, draws=kept, effective=effective)


def _totals(totals: Array) -> dict[str, Array]:
    return {
        "small partner's total": totals[..., SMALL],
        "large partner's total": totals[..., LARGE],
        "programme's total": totals.sum(axis=-1),
    }


def _purchase_draws(
    data: Programme, *, pooled: bool, rng: np.random.Generator
) -> tuple[dict[str, Array], dict[str, Array]] | Refused:
    """Parameters by partner, and all quantities but totals."""
    history, unit = (data.x, data.t_x, data.T), np.log(AGE)
    if pooled:
        fit = fit_purchase(*history, draws=2 * DRAWS, rng=rng)
        r, alpha, a, b = (fit.draws[name][:, 0] for name in ("r", "alpha", "a", "b"))
        quantities = {"log r": np.log(r), "mean log rate": np.log(r / alpha) + unit}
        quantities |= {"mean dropout logit": np.log(a / b), "log(a+b)": np.log(a + b)}
        return for_all(fit.draws, data.partners), quantities
    found = fit_partner_purchases(*history, data.home, partners=data.partners, draws=DRAWS, rng=rng)
    if isinstance(found, Refused):
        return found
    shared, own = found.shared, for_all(found.purchase.draws, data.partners)
    quantities = {
        "log r": shared["log_r"],
        "mean log rate": shared["mean_log_rate"][:, 0] + unit,
        "mean dropout logit": shared["mean_dropout_logit"][:, 0],
        "log(a+b)": shared["log_phi"],
        "sd of rates": shared["sd_log_rate"],
        "sd of dropouts": shared["sd_dropout_logit"],
    }
    for name, p in (("small", SMALL), ("large", LARGE)):
        quantities[f"{name} partner's log rate"] = np.log(own["r"] / own["alpha"])[:, p] + unit
        quantities[f"{name} partner's dropout"] = np.log(own["a"] / own["b"])[:, p]
    return dict(own), quantities


def spend(
    rng: np.random.Generator, *, pooled: bool, model: Literal["gamma-gamma", "gamma-gamma-mean"]
) -> Checked | Failed:
    """Gamma-Gamma: shared parameters, two partners' levels, and money to come."""
    theta, sd = _draw(NARROW_SPEND, rng), _spread(1, pooled, rng)
    home, partners = np.repeat(np.arange(len(SIZES)), SIZES), len(SIZES)
    level = theta[1] + sd[0] * rng.standard_normal(partners)
    bought = rng.poisson(rng.gamma(0.7, 4.0, len(home)))
    p, q = float(np.exp(theta[0])), 1.0 + float(np.exp(theta[2]))
    data = spenders(bought, level[home], p=p, q=q, rng=rng)
    more = np.full(len(home), MORE)
    money = by_partner(data.next_money(more, rng)[None], home, partners)[0]
    truth = {"log p": theta[0], "mean log spend": theta[1], "log(q-1)": theta[2], **_totals(money)}
    if not pooled:
        truth |= {"sd of spend": sd[0], "small partner's log spend": level[SMALL]}
        truth["large partner's log spend"] = level[LARGE]
    try:
        found = _spend_draws(data, home, pooled=pooled, model=model, rng=rng)
    except ConvergenceError as error:
        return Failed(why=error.found)
    if isinstance(found, Refused):
        return Failed(why="; ".join(found.gates))
    parameters, draws, first_purchase = found
    shared = np.stack([draws[name] for name in list(truth)[:3]], axis=1)
    spreads = draws["sd of spend"][:, None] if not pooled else np.zeros((len(shared), 0))
    whose = amounts_data if model == "gamma-gamma" else means_data
    shift = np.array([0.0, np.log(whose(data.customers).unit), 0.0])
    place, effective = _kept(_narrowed(SPEND_PRIOR, NARROW_SPEND, shared, shift, spreads), rng)
    chosen = {name: values[place] for name, values in parameters.items()}
    worth = future_money(
        data.customers, home, chosen, np.tile(more, (KEPT, 1)), rng, first_purchase=first_purchase
    )
    kept = {name: values[place] for name, values in draws.items()}
    kept |= _totals(by_partner(worth, home, partners))
    return Checked(truth=truth, draws=kept, effective=effective)


def _spend_draws(
    data: Spenders,
    home: Array,
    *,
    pooled: bool,
    model: Literal["gamma-gamma", "gamma-gamma-mean"],
    rng: np.random.Generator,
) -> tuple[dict[str, Array], dict[str, Array], bool] | Refused:
    """Parameters by partner, all quantities but totals, and whether first purchases count."""
    partners = len(SIZES)
    if pooled:
        fit = fit_spend(data.customers, spend=model, draws=2 * DRAWS, rng=rng)
        p, q, v = (fit.draws[name][:, 0] for name in ("p", "q", "v"))
        quantities = {"log p": np.log(p), "mean log spend": np.log(p * v / (q - 1))}
        quantities["log(q-1)"] = np.log(q - 1)
        return for_all(fit.draws, partners), quantities, fit.first_purchase
    found = fit_partner_spend(data.customers, home, partners=partners, draws=DRAWS, rng=rng)
    if isinstance(found, Refused):
        return found
    own = for_all(found.spend.draws, partners)
    levels = np.log(own["p"] * own["v"] / (own["q"] - 1.0))
    quantities = {
        "log p": found.shared["log_p"],
        "mean log spend": found.shared["mean_log_spend"][:, 0],
        "log(q-1)": found.shared["log_excess"],
        "sd of spend": found.shared["sd_log_spend"],
        "small partner's log spend": levels[:, SMALL],
        "large partner's log spend": levels[:, LARGE],
    }
    return dict(own), quantities, found.spend.first_purchase


Case = Callable[[np.random.Generator], Checked | Failed]

CASES: Mapping[str, Case] = {
    "BG/NBD, one group": lambda rng: purchases(rng, pooled=True),
    "BG/NBD, partners": lambda rng: purchases(rng, pooled=False),
    "Gamma-Gamma, one group": lambda rng: spend(rng, pooled=True, model="gamma-gamma"),
    "Gamma-Gamma of means, one group": lambda rng: spend(
        rng, pooled=True, model="gamma-gamma-mean"
    ),
    "Gamma-Gamma, partners": lambda rng: spend(rng, pooled=False, model="gamma-gamma"),
}
