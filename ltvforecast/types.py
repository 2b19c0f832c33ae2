"""The frozen records that flow from stage to stage, and nothing else.

Axis order is always (draw, group), (draw, customer), (draw, partner), (draw, partner, period).
*Expected* quantities carry parameter uncertainty only; *predicted* ones (no prefix) carry
everything that is random. Money inside :class:`Transactions` is in whole millionths of the
currency unit, so that sums are exact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from ltvforecast.economics_types import Economics

if TYPE_CHECKING:
    from ltvforecast.acquisition_types import AcquisitionFit
    from ltvforecast.covariate_types import CovariateEffects
    from ltvforecast.partner_types import PartnerPooling

__all__ = [
    "DEFAULT_SEED",
    "MICROS",
    "Account",
    "AccountLine",
    "Allocation",
    "Calendar",
    "CustomerSummary",
    "Dependence",
    "Diagnostics",
    "Economics",
    "FitCheck",
    "FitChecks",
    "FitSettings",
    "FittedModel",
    "FloatArray",
    "ForecastSpec",
    "Horizon",
    "IntArray",
    "LayerEstimate",
    "Layers",
    "PartnerForecast",
    "PurchaseFit",
    "RiskBand",
    "SpendFit",
    "TimeUnit",
    "Transactions",
    "Verdict",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
TimeUnit = Literal["day", "week", "month"]
Disposition = Literal["kept", "adjusted", "rejected"]
Verdict = Literal["fine", "look", "fails"]

DEFAULT_SEED = 20_260_101
"""Seed of all randomness unless another is given."""

MICROS = 1_000_000
"""Millionths in one unit of money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One reason for which rows were kept, adjusted or rejected, and the money it touched.

    Attributes
    ----------
    disposition : {"kept", "adjusted", "rejected"}
    reason : str
        Short fixed name, for example ``"duplicate"``.
    explanation : str
        The same in plain words, with what was done.
    rows : int
    money_in_micros, money_out_micros : int
        Signed money on these rows as read (refunds negative), and what of it became purchases.
        Rows whose amount can't be read count as 0 money.
    first_rows : tuple of int
        The first few rows concerned, as numbered in the source.
    examples : tuple of str
        What stood there, for the same rows.
    """

    disposition: Disposition
    reason: str
    explanation: str
    rows: int
    money_in_micros: int
    money_out_micros: int
    first_rows: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Every row and every unit of money of a source: kept, adjusted or rejected; it adds up.

    The rows of ``lines`` sum to ``rows_read``; their ``money_in_micros`` to the money read.
    """

    source: str
    rows_read: int
    columns: Mapping[str, str]
    lines: tuple[AccountLine, ...]
    notes: tuple[str, ...] = ()
    currency: str | None = None
    timezone: str | None = None

    @property
    def money_read_micros(self) -> int:
        """Signed money on all readable rows, in millionths."""
        return sum(line.money_in_micros for line in self.lines)

    @property
    def money_kept_micros(self) -> int:
        """Money that became purchases, in millionths."""
        return sum(line.money_out_micros for line in self.lines)

    def rows_with(self, disposition: Disposition) -> int:
        """Count the rows with this disposition."""
        return sum(line.rows for line in self.lines if line.disposition == disposition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """Validated rows, refunds not yet netted (what counts as refunded depends on ``as_of``).

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a transaction: ``row`` (int64, as numbered in the source), ``partner_id`` and
        ``customer_id`` (str), ``day`` (int64, days since 1970-01-01), ``amount_micros`` (int64;
        sales >= 0, refunds < 0), ``refunded_micros`` (int64 >= 0, already known to be refunded
        on this very row), ``transaction_id`` (str or missing), ``revenue_stream`` (only if given).
    rejects : pandas.DataFrame
        Rejected rows: ``row``, ``reason``, ``detail`` and the source's own columns as text.
    quality : Account
        Account of the reading alone, before refunds are netted and ``as_of`` is applied.
    refunds : {"net", "drop", "error"}
        What to do with refunds when they are netted.
    """

    frame: pd.DataFrame
    rejects: pd.DataFrame
    quality: Account
    refunds: Literal["net", "drop", "error"] = "net"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """How the partner of a future purchase is drawn, for customers with several partners.

    A customer's shares are ``(1 - novelty) * share + novelty * programme share``; in each draw
    they vary as a Dirichlet with this ``concentration`` (infinite: no variation).

    Attributes
    ----------
    rule : {"share", "first", "last", "linear", "position"}
    half_life_days : float
        Recency weighting of past value; infinite = none.
    novelty : float
        Probability that a purchase goes to a partner drawn from the whole programme.
    concentration : float
    how : str
        Plain words: how these were chosen, and from how many purchases.
    """

    rule: str
    half_life_days: float = np.inf
    novelty: float = 0.0
    concentration: float = np.inf
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSummary:
    """What the models need to know of every customer, and what the roll-up needs of partners.

    Attributes
    ----------
    customers : pandas.DataFrame
        Sorted by ``customer_id``, one row a customer: ``customer_id`` (str), ``partner_id`` (str,
        the main one: largest share), ``frequency`` (int64, repeat purchase days), ``recency`` and
        ``T`` (float64, in ``time_unit``), ``monetary_value`` (float64, mean value of the repeat
        purchase days, 0 if there are none), ``first_value`` (float64, value of the first purchase
        day), ``spend_n`` (int64, purchase days with value > 0, first included), ``spend_sum``,
        ``spend_log_sum`` (float64, over those days), ``revenue_to_date`` (float64),
        ``first_partner`` (str, the acquiring one: of the largest amount on the first day).
    partner_ids : tuple of str
        Sorted. Index into it is "partner" in the arrays below.
    share_start : int64 array, shape (n_customers + 1,)
    share_partner : int64 array, shape (n_shares,)
    share_weight : float64 array, shape (n_shares,)
        Compressed rows: the partners of customer ``i`` are
        ``share_partner[share_start[i]:share_start[i + 1]]``, with weights that add to one.
    programme_share : float64 array, shape (n_partners,)
        Recency-weighted share of each partner in the whole programme; adds to one.
    history : pandas.DataFrame
        ``partner_id``, ``day`` (int64), ``revenue`` (float64), ``purchases`` (int64): one row per
        partner and day with any purchase up to ``as_of``.
    partner_customers : int64 array, shape (n_partners,)
        Distinct customers who ever bought through each partner.
    as_of : datetime.date
        End of the last day the model may know of.
    time_unit : {"day", "week", "month"}
    allocation : Allocation
    account : Account
        Complete account, refunds netted and ``as_of`` applied.
    warnings : tuple of str
        Model-fitness warnings in plain words.
    fingerprint : str
        SHA-256 over the summary's content.
    transactions : Transactions or None
        What it was made from, as far as known at ``as_of``; not saved with a model.
    partner_table : pandas.DataFrame or None
        What the user told of partners: ``partner_id``, ``segment``, and any covariates and money
        terms; one row a partner, those without any transaction included.
    covariates : pandas.DataFrame or None
        Covariates of customers, one row a customer in the order of ``customers``.
    stream_history : pandas.DataFrame or None
        Revenue by partner and revenue stream, first purchases apart
        (see :func:`ltvforecast.data.stream_history.stream_history`); None without streams.
    """

    customers: pd.DataFrame
    partner_ids: tuple[str, ...]
    share_start: IntArray
    share_partner: IntArray
    share_weight: FloatArray
    programme_share: FloatArray
    history: pd.DataFrame
    partner_customers: IntArray
    as_of: dt.date
    time_unit: TimeUnit
    allocation: Allocation
    account: Account
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    transactions: Transactions | None = field(default=None, repr=False, compare=False)
    partner_table: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    covariates: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    stream_history: pd.DataFrame | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        """Count the customers."""
        return len(self.customers)


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
class FitCheck:
    """One look at whether a fitted model is like the data it was fitted to.

    Attributes
    ----------
    name : str
        Short fixed name, for example ``"frequency"``.
    verdict : {"fine", "look", "fails"}
    size : float
        How large the misfit is, in the unit that the sentence gives; 0 is a perfect fit.
    p_value : float
        How likely so large a misfit is by chance alone, if the model is right.
    sentence, remedy : str
        Plain words: what was found, and what to do about it (empty where nothing is to be done).
    table : pandas.DataFrame
        The numbers behind it, as its chart shows them.
    """

    name: str
    verdict: Verdict
    size: float
    p_value: float
    sentence: str
    remedy: str
    table: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class FitChecks:
    """All checks of a fitted model, and the checks that could not be made.

    Attributes
    ----------
    done : tuple of FitCheck
    left_out : tuple of str
        Plain words: which checks could not be made, and why.
    """

    done: tuple[FitCheck, ...] = ()
    left_out: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> FitCheck:
        """Return the check of that name; KeyError if it was not made."""
        for check in self.done:
            if check.name == name:
                return check
        raise KeyError(name)

    @property
    def noteworthy(self) -> tuple[FitCheck, ...]:
        """Those that are not fine, failures first."""
        return tuple(c for v in ("fails", "look") for c in self.done if c.verdict == v)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{escape(check.name)}</th><td>{check.verdict}</td>"
            f"<td>{escape(check.sentence)}</td><td>{escape(check.remedy)}</td></tr>"
            for check in self.done
        )
        left_out = "".join(f"<p>Not checked: {escape(reason)}</p>" for reason in self.left_out)
        return (
            "<table><thead><tr><th>check</th><th>verdict</th><th>found</th><th>what to do</th>"
            f"</tr></thead><tbody>{rows}</tbody></table>{left_out}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEstimate:
    """What past forecasts over about this horizon teach about the next one.

    A forecast made at a past date is compared with what came. Three layers follow from it, each
    of which can be switched off; without evidence each says nothing, but for a width that stands
    for the drift no model foresees.

    Attributes
    ----------
    horizon_days : float
    windows : int
        Past forecasts that were compared with what came.
    partners : int
        Partner totals compared, over all windows.
    correction : float
        Layer *correction*: the programme's forecast is multiplied by ``exp(correction)``.
    programme_spread, freedom : float
        Layer *width*: scale and degrees of freedom of the t distribution of the log factor that
        all partners of a draw share.
    partner_width, partner_swing : float
        Layer *width*: the model's spread of a partner's total is multiplied by the first; a
        partner's own log factor has the second as its standard deviation.
    weight : float
        Layer *combination*: weight of the recent level in a large partner's share. A partner of
        20 customers has half of it.
    recent : {"level", "last_year"}
        Exponentially smoothed revenue, or the same window one year earlier.
    half_life_days : float
        Of the smoothing.
    gain : float
        By how much the combination lowered the CRPS of partner totals in the windows (0.05: 5 %).
    """

    horizon_days: float
    windows: int = 0
    partners: int = 0
    correction: float = 0.0
    programme_spread: float = 0.0
    freedom: float = 2.0
    partner_width: float = 1.0
    partner_swing: float = 0.0
    weight: float = 0.0
    recent: Literal["level", "last_year"] = "level"
    half_life_days: float = 56.0
    gain: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """How right this very model would have been before, layers learnt from earlier dates only.

    Attributes
    ----------
    horizon_days : float
    windows, partners : int
        Past forecasts, and partner totals in them.
    coverage_50, coverage_80, coverage_90 : float
        Share of partner totals inside the intervals.
    wape, wape_last_window : float
        Absolute error of partner totals as a share of what came: of the forecast, and of the last
        equally long window carried forward.
    bias : float
        Forecast over actual revenue of the programme, less one.
    """

    horizon_days: float
    windows: int
    partners: int
    coverage_50: float
    coverage_80: float
    coverage_90: float
    wape: float
    wape_last_window: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBand:
    """What became of partners that past forecasts gave about this chance of falling silent.

    Attributes
    ----------
    horizon_days : float
    windows : int
        Past dates.
    low, high : float
        Chance of no revenue within the horizon, ``p_churn``: from ``low`` to below ``high``.
    partners : int
        Partners with such a chance, over all past dates.
    expected : float
        Their mean chance.
    silent : int
        So many of them really brought no revenue.
    silent_lo_90, silent_hi_90 : float
        90 % interval of the share that does.
    """

    horizon_days: float
    windows: int
    low: float
    high: float
    partners: int
    expected: float
    silent: int
    silent_lo_90: float
    silent_hi_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What past forecasts teach, by horizon, and how right they were.

    Attributes
    ----------
    estimates : tuple of LayerEstimate
        By rising horizon.
    track_record : tuple of TrackRecord
        For the horizons that were tried.
    origins : tuple of datetime.date
        Past dates forecast from.
    how : str
        Plain words.
    risk_bands : tuple of RiskBand
        What became of partners that were said to fall silent, by horizon and chance.
    """

    estimates: tuple[LayerEstimate, ...]
    track_record: tuple[TrackRecord, ...]
    origins: tuple[dt.date, ...]
    how: str
    risk_bands: tuple[RiskBand, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far ahead, as asked and in days."""

    text: str
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSpec:
    """What the user asked of a forecast."""

    horizon: Horizon
    draws: int = 1000
    levels: tuple[int, ...] = (50, 80, 90)
    economics: Economics = field(default_factory=Economics)
    seed: int = DEFAULT_SEED
    layers: tuple[str, ...] = ("combination", "correction", "width")
    acquisition: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerForecast:
    """What each partner is worth, with draws.

    Attributes
    ----------
    partners, customers, periods : pandas.DataFrame
        The columns of ``partners.csv``, ``customers.parquet`` and ``periods.csv``.
    segments : pandas.DataFrame
        Segments side by side: the columns of ``segments.csv``.
    streams : pandas.DataFrame or None
        Revenue by stream: the columns of ``streams.csv``; None where no streams are told.
    programme : mapping
        The same names for the whole programme, with its own joint intervals.
    draws : xarray.Dataset
        ``existing_revenue``, ``ltv``, ``commission``, ``active_customers``, and ``new_customers``
        and ``new_revenue`` where they are forecast, with dimensions (draw, partner);
        ``stream_revenue`` (draw, revenue_stream) of the programme where streams are told.
    history : pandas.DataFrame
        Revenue by partner and day up to ``as_of`` (see :class:`CustomerSummary`).
    spec : ForecastSpec
    provenance : mapping
        Where the model and the data came from: everything the report says about itself.
    new_partners : pandas.DataFrame or None
        One more partner of each segment, then partners without any transaction: the columns of
        ``new_partners.csv``. They are in no total. None where nothing can be said of them.
    """

    partners: pd.DataFrame
    customers: pd.DataFrame
    periods: pd.DataFrame
    segments: pd.DataFrame
    streams: pd.DataFrame | None
    programme: Mapping[str, object]
    draws: xr.Dataset
    history: pd.DataFrame
    spec: ForecastSpec
    provenance: Mapping[str, object]
    new_partners: pd.DataFrame | None = None

    @property
    def recruits(self) -> pd.DataFrame | None:
        """Partners without any transaction that were forecast apart; None if there are none."""
        if self.new_partners is None:
            return None
        named = self.new_partners[self.new_partners["partner_id"] != ""]
        return None if named.empty else named.reset_index(drop=True)

    def _repr_html_(self) -> str:
        shown = [
            c
            for c in (
                "partner_id",
                "customers",
                "revenue_to_date",
                "ltv",
                "ltv_lo_90",
                "ltv_hi_90",
                "p_churn",
                "tail",
            )
            if c in self.partners
        ]
        return str(self.partners[shown].head(10).to_html(index=False, escape=True))
