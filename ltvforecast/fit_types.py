"""The frozen records of a fit: purchases, spend, season, and the fitted model as a whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from ltvforecast.check_types import FitChecks
from ltvforecast.layer_types import Layers
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import DEFAULT_SEED, FloatArray

if TYPE_CHECKING:
    from ltvforecast.acquisition_types import AcquisitionFit
    from ltvforecast.covariate_types import CovariateEffects
    from ltvforecast.partner_types import PartnerPooling

__all__ = [
    "Calendar",
    "Dependence",
    "Diagnostics",
    "FitSettings",
    "FittedModel",
    "PurchaseFit",
    "SpendFit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostics:
    """Whether a fit is to be trusted, in numbers and in words.

    Attributes
    ----------
    trusted : bool
    verdict : str
        Plain words for a reader who never heard of k-hat.
    k_hat, effective_draws, gradient_norm : float or None
        Pareto k of the importance weights, their effective sample size, and the largest
        component of the gradient at the optimum (log-parameter scale). None where not used.
    flags : tuple of str
        Plain-words findings: boundary, prior-dominated, ...
    chains, r_hat, ess_bulk, ess_tail, divergences, bfmi : int or float or None
        Of Markov chains: how many there were (draws are kept step by step, all chains in turn);
        the worst parameter's R-hat and effective sample sizes; divergent steps; and the lowest
        Bayesian fraction of missing information. None where not used.
    """

    trusted: bool
    verdict: str
    k_hat: float | None = None
    effective_draws: float | None = None
    gradient_norm: float | None = None
    flags: tuple[str, ...] = ()
    chains: int | None = None
    r_hat: float | None = None
    ess_bulk: float | None = None
    ess_tail: float | None = None
    divergences: int | None = None
    bfmi: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseFit:
    """Fitted purchase process: parameter draws of shape (draw, group), in the model's time unit.

    A point fit is one draw. A pooled fit has one group; otherwise each partner is one, in the
    order of ``CustomerSummary.partner_ids``, and a customer is of its main partner's.

    Attributes
    ----------
    model : {"bg-nbd"}
    draws : mapping of str to float64 array, shape (draw, group)
        ``r, alpha, a, b``.
    point : mapping of str to float
        The maximum (of the likelihood for ``mle``, of the posterior for ``laplace``).
    log_likelihood : float
        At ``point``.
    """

    model: str
    draws: Mapping[str, FloatArray]
    point: Mapping[str, float]
    log_likelihood: float
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFit:
    """Fitted spend per purchase: ``p, q, v`` of shape (draw, group), and ``zero_share``.

    Attributes
    ----------
    model : {"gamma-gamma", "gamma-gamma-mean"}
        ``gamma-gamma``: likelihood of the individual amounts; ``gamma-gamma-mean``: the published
        likelihood of the mean repeat purchase.
    first_purchase : bool
        Whether the first purchase informs the customer's spend level.
    draws : mapping of str to float64 array, shape (draw, group)
        ``p, q, v`` and ``zero_share`` (probability that a purchase is worth nothing).
    """

    model: str
    first_purchase: bool
    draws: Mapping[str, FloatArray]
    point: Mapping[str, float]
    log_likelihood: float
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The seasonal clock: how fast customers' time runs on each day of the year.

    Attributes
    ----------
    kind : {"off", "estimated", "given"}
        ``given``: index or events (or both) come from the user.
    index : float64 array, shape (bin,)
        Purchase rate in each month (12 bins) or week (52) of the year; mean one over the days of
        a year. Empty: no season.
    draws : float64 array, shape (draw, bin)
        The same as uncertain as it is; empty for a given index.
    events : tuple of (first day, last day, factor)
        Known closures, campaigns and holidays, past or future; both days are included.
    how : str
        Plain words: what was found or given, and from how much history.
    """

    kind: Literal["off", "estimated", "given"] = "off"
    index: FloatArray = field(default_factory=lambda: np.empty(0))
    draws: FloatArray = field(default_factory=lambda: np.empty((0, 0)))
    events: tuple[tuple[dt.date, dt.date, float], ...] = ()
    how: str = "off"

    @property
    def event_days(self) -> FloatArray:
        """Events as an array, shape (event, 3): days since 1970-01-01, and factor."""
        epoch = dt.date(1970, 1, 1)
        rows = [((first - epoch).days, (last - epoch).days, f) for first, last, f in self.events]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """Whether those who buy often spend more per purchase, or less.

    Attributes
    ----------
    rho : float
        Correlation of the normal scores of purchase rate and spend level over customers.
    sd : float
        Posterior standard deviation of ``rho``.
    likelihood_ratio : float
        Twice the gain in log-likelihood over no relation at all.
    used : bool
        Whether forecasts take it into account.
    draws : float64 array, shape (draw,)
        Posterior draws of ``rho``; of a point fit, ``rho`` alone.
    how : str
        Plain words.
    """

    rho: float
    sd: float
    likelihood_ratio: float
    used: bool
    draws: FloatArray
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """What the user asked of a fit."""

    method: Literal["laplace", "mle", "nuts", "advi", "lifetimes"] = "laplace"
    model: Literal["bg-nbd"] = "bg-nbd"
    spend: Literal["gamma-gamma", "gamma-gamma-mean"] = "gamma-gamma"
    dependence: Literal["auto", "off"] = "auto"
    pooling: Literal["partial", "complete", "none"] = "complete"
    covariates: tuple[str, ...] = ()
    draws: int = 1000
    seed: int = DEFAULT_SEED
    priors: str = ""
    """What the user changed about the priors, in words; empty for the default ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModel:
    """A fitted programme: purchase process, spend, and the summary they are applied to."""

    purchase: PurchaseFit
    spend: SpendFit
    summary: CustomerSummary
    settings: FitSettings
    package_version: str
    checks: FitChecks = field(default_factory=FitChecks)
    calendar: Calendar = field(default_factory=Calendar)
    layers: Layers | None = None
    dependence: Dependence | None = None
    effects: CovariateEffects | None = None
    acquisition: AcquisitionFit | None = None
    partner_levels: PartnerPooling | None = None

    @property
    def posterior(self) -> xr.Dataset:
        """Parameter draws with dimensions (chain, draw), as ArviZ takes them.

        Returns
        -------
        xarray.Dataset
            ``r, alpha, a, b, p, q, v, zero_share``, those that differ between partners with a
            further dimension ``partner``; ``rho``, ``season`` (by ``bin``) and effects of
            covariates (``effect_log_rate, effect_dropout_logit, effect_log_spend``, by
            ``covariate``) if estimated. One chain, or as many as were sampled.
        """
        sampled = self.purchase.diagnostics.chains or 1
        chains = sampled if len(self.purchase.draws["r"]) % sampled == 0 else 1

        def by_chain(values: FloatArray) -> FloatArray:
            return np.moveaxis(values.reshape(-1, chains, *values.shape[1:]), 1, 0)

        both = {**self.purchase.draws, **self.spend.draws}
        if self.dependence is not None:
            both["rho"] = self.dependence.draws[:, None]
        posterior = xr.Dataset(
            {
                name: (("chain", "draw"), by_chain(values[:, 0]))
                if bool((values == values[:, :1]).all())
                else (("chain", "draw", "partner"), by_chain(values))
                for name, values in both.items()
            }
        )
        if "partner" in posterior.sizes:
            ids = np.array(self.summary.partner_ids, dtype=np.str_)
            posterior = posterior.assign_coords(partner=ids)
        if len(self.calendar.draws):
            posterior["season"] = (("chain", "draw", "bin"), by_chain(self.calendar.draws))
        if self.effects is not None:
            for name, values in self.effects.draws.items():
                posterior[f"effect_{name}"] = (("chain", "draw", "covariate"), by_chain(values))
            columns = np.array(self.effects.names, dtype=np.str_)
            posterior = posterior.assign_coords(covariate=columns)
        return posterior

    @property
    def average_draws(self) -> dict[str, FloatArray]:
        """Draws of every parameter of the programme's average customer.

        Returns
        -------
        dict of str to float64 array, shape (draw,)
            ``r, alpha, a, b, p, q, v, zero_share``: where partners differ, the mean over
            customers of that of their main partners; effects of covariates are left out.
        """
        both = {**self.purchase.draws, **self.spend.draws}
        if all(values.shape[1] == 1 for values in both.values()):
            return {name: values[:, 0] for name, values in both.items()}
        home = self.summary.customers["partner_id"].value_counts()
        count = home.reindex(self.summary.partner_ids, fill_value=0).to_numpy(dtype=np.float64)
        weight = count / count.sum()
        return {
            name: values[:, 0] if values.shape[1] == 1 else np.asarray(values @ weight)
            for name, values in both.items()
        }

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{escape(name)}</th><td>{float(np.mean(draws)):.4g}</td>"
            f"<td>{float(np.std(draws)):.2g}</td></tr>"
            for name, draws in self.average_draws.items()
        )
        return (
            f"<p><b>{escape(self.purchase.model)} + {escape(self.spend.model)}</b>, "
            f"{len(self.summary):,} customers as of {self.summary.as_of}: "
            f"{escape(self.purchase.diagnostics.verdict)}</p>"
            "<table><thead><tr><th>parameter</th><th>mean</th><th>sd</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )
