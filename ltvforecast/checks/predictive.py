"""Posterior predictive checks: whether data simulated from the fit look like the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.check_types import FitCheck
from ltvforecast.checks.replicates import (
    REPLICATES,
    Parameters,
    parameter_draws,
    simulate_counts,
    simulate_totals,
)
from ltvforecast.checks.sample import Sample
from ltvforecast.checks.verdict import judge, predictive_p
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.customer_draws import customer_draws, differs, main_partners
from ltvforecast.types import FloatArray, IntArray

__all__ = ["check_predictive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statistic:
    """One figure of a data set, and what it means where it is not like the model's.

    ``log``: sizes are ratios (as logarithms), not differences.
    """

    name: str
    says: str
    unit: str
    log: bool
    look: float
    fails: float
    remedy: str


_PARTNERS = (
    "partners differ in more than the luck of their customers: read the ranking of partners of "
    "similar worth with care, and judge partners with few customers by their own history too"
)
_HEAVY = (
    "look at the heaviest buyers yourself: test accounts, resellers who buy for others, or one "
    "customer id for many people; leave out what is not a customer"
)
_FEWEST_CUSTOMERS = 5.0
"""Smaller partners say nothing of differences between partners."""
_STATISTICS = (
    _Statistic(
        name="one_time_buyers",
        says="share of customers who never came back",
        unit="{:.1%}",
        log=False,
        look=0.02,
        fails=0.05,
        remedy=(
            "one-time buyers may be another kind of customer (guests, gifts): fit without them or "
            "apart, if the data tell them apart"
        ),
    ),
    _Statistic(
        name="heaviest_buyer",
        says="most repeat purchases of one customer",
        unit="{:,.0f}",
        log=True,
        look=float(np.log(1.5)),
        fails=float(np.log(3.0)),
        remedy=_HEAVY,
    ),
    _Statistic(
        name="dispersion",
        says="variance of repeat purchases over their mean",
        unit="{:,.1f}",
        log=True,
        look=float(np.log(1.25)),
        fails=float(np.log(2.0)),
        remedy=_HEAVY,
    ),
    _Statistic(
        name="partner_inequality",
        says="Gini coefficient of partners' revenue to date",
        unit="{:.3f}",
        log=False,
        look=0.03,
        fails=0.10,
        remedy=_PARTNERS,
    ),
    _Statistic(
        name="partner_spread",
        says="standard deviation of the logarithm of partners' revenue to date",
        unit="{:.2f}",
        log=True,
        look=0.10,
        fails=0.40,
        remedy=_PARTNERS,
    ),
    _Statistic(
        name="partner_differences",
        says="relative spread between partners of repeat purchases a customer",
        unit="{:.2f}",
        log=False,
        look=0.10,
        fails=0.40,
        remedy=_PARTNERS,
    ),
)


def check_predictive(
    model: FittedModel, sample: Sample, *, rng: np.random.Generator
) -> tuple[FitCheck, ...]:
    """Compare six figures of the data with those of data simulated from the posterior.

    Parameters
    ----------
    model : FittedModel
    sample : Sample
    rng : numpy.random.Generator

    Returns
    -------
    tuple of FitCheck
        One for each figure; those of partners only where there are three partners or more.
        ``table`` has ``actual`` and ``replicates`` (0 to 200 %, the quantiles .005, .05, .5, .95
        and .995 of the simulated figures).

    Notes
    -----
    Each replicate takes one draw of the parameters and simulates every customer from birth to its
    own age. Partners' totals share out each customer's revenue by its shares, the same in the data
    and in the replicates.

    References
    ----------
    Gelman, Meng & Stern (1996), Statistica Sinica 6, 733-807.
    """
    customers = sample.customers
    partners = _PartnerShares.of(model, sample)
    actual = _figures(
        customers["frequency"].to_numpy(np.float64),
        customers["revenue_to_date"].to_numpy(np.float64),
        partners,
    )
    simulated = np.empty((REPLICATES, len(_STATISTICS)))
    for place, parameters in enumerate(_parameters(model, sample)):
        counts = simulate_counts(parameters, sample.age, rng=rng)
        values = simulate_totals(parameters, counts + 1.0, rng=rng)
        simulated[place] = _figures(counts, values, partners)
    few = len(model.summary.partner_ids) < 3
    return tuple(
        _check(statistic, float(actual[place]), simulated[:, place])
        for place, statistic in enumerate(_STATISTICS)
        if not (few and statistic.name.startswith("partner"))
    )


def _parameters(model: FittedModel, sample: Sample) -> Iterator[Parameters]:
    """Take parameters for each replicate: of all customers, or of each where they differ."""
    if not differs(model):
        yield from parameter_draws({**model.purchase.draws, **model.spend.draws})
        return
    home = main_partners(model)
    for draw in np.linspace(0, len(model.purchase.draws["r"]) - 1, REPLICATES).astype(np.int64):
        found = customer_draws(model, sample.rows, home=home, draw=np.array([draw]))
        yield {
            name: float(values[0, 0]) if values.shape[1] == 1 else values[0]
            for name, values in found.items()
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _PartnerShares:
    customer: IntArray
    partner: IntArray
    weight: FloatArray
    partners: int

    @classmethod
    def of(cls, model: FittedModel, sample: Sample) -> _PartnerShares:
        summary = model.summary
        counts = np.diff(summary.share_start)[sample.rows]
        customer = np.repeat(np.arange(len(sample.rows)), counts)
        within = np.arange(len(customer)) - np.repeat(np.cumsum(counts) - counts, counts)
        place = summary.share_start[sample.rows][customer] + within
        found, partner = np.unique(summary.share_partner[place], return_inverse=True)
        return cls(
            customer=customer,
            partner=partner,
            weight=summary.share_weight[place],
            partners=len(found),
        )

    def totals(self, value: FloatArray) -> FloatArray:
        weighted = self.weight * value[self.customer]
        return np.asarray(np.bincount(self.partner, weighted, minlength=self.partners))


def _figures(counts: FloatArray, values: FloatArray, partners: _PartnerShares) -> FloatArray:
    totals = partners.totals(values)
    positive = totals[totals > 0]
    rising = np.sort(totals)
    n, whole = len(totals), float(totals.sum())
    places = 2.0 * np.arange(1, n + 1) - n - 1.0
    return np.array(
        [
            np.mean(counts == 0),
            counts.max(),
            counts.var() / max(float(counts.mean()), 1e-12),
            float(places @ rising) / (n * whole) if whole > 0 else 0.0,
            np.log(positive).std() if len(positive) > 1 else 0.0,
            _spread_between(counts, partners),
        ]
    )


def _spread_between(counts: FloatArray, partners: _PartnerShares) -> float:
    """Coefficient of variation of partners' repeat purchases a customer, weighted by customers."""
    size = partners.totals(np.ones(len(counts)))
    large = size >= _FEWEST_CUSTOMERS
    if large.sum() < 2:
        return 0.0
    weight = size[large] / size[large].sum()
    mean = partners.totals(counts)[large] / size[large]
    middle = float(weight @ mean)
    return float(np.sqrt(weight @ (mean - middle) ** 2)) / max(middle, 1e-12)


def _check(statistic: _Statistic, actual: float, simulated: FloatArray) -> FitCheck:
    known, scaled = actual, simulated
    if statistic.log:
        known, scaled = float(np.log(max(actual, 1e-9))), np.log(np.maximum(simulated, 1e-9))
    p_value = predictive_p(known, scaled)
    size = known - float(np.median(scaled))
    verdict = judge(size, p_value, look=statistic.look, fails=statistic.fails)
    low, high = np.quantile(simulated, [0.005, 0.995])
    shown = statistic.unit.format
    if low <= actual <= high:
        found = "typical of the model"
    else:
        found = "near the model" if verdict == "fine" else "not like the model"
    return FitCheck(
        name=statistic.name,
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"{statistic.says}: {shown(actual)}, {found}, which gives {shown(low)} to {shown(high)}"
        ),
        remedy="" if verdict == "fine" else statistic.remedy,
        table=pd.DataFrame(
            {
                "actual": actual,
                "quantile": [0.005, 0.05, 0.5, 0.95, 0.995],
                "simulated": np.quantile(simulated, [0.005, 0.05, 0.5, 0.95, 0.995]),
            }
        ),
    )
