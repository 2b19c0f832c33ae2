"""Fits with the lifetimes package, and takes over models that were fitted with it.

Only parameters come from there. Summaries, predictions, intervals and money are ours: lifetimes
0.11.3 has a covariance matrix with wrong off-diagonals, values customers by default in days
whatever their unit, and accepts negative amounts.
"""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.errors import ConfigError, ConvergenceError, SummaryError
from ltvforecast.fit_types import Diagnostics, FitSettings, FittedModel, PurchaseFit, SpendFit
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.fitting.spend_data import means_data
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, TimeUnit

__all__ = ["from_lifetimes", "lifetimes_purchase", "lifetimes_spend"]

_DAYS: dict[TimeUnit, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12.0}
_PURCHASE_NAMES = ("r", "alpha", "a", "b")
_SPEND_NAMES = ("p", "q", "v")
_STEEP = 1e-3
"""Gradient per customer, on the log of a parameter, beyond which a fit has stopped too early."""
_ONE_AT_A_TIME = threading.Lock()
"""lifetimes prints and warns of failed fits; silencing that is for the whole process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What a fitter of lifetimes holds: parameters, and the data it was fitted to.

    ``reported`` is its mean negative log-likelihood, with times multiplied by ``scale``.
    """

    parameters: dict[str, float]
    columns: dict[str, FloatArray]
    weight: FloatArray
    penalty: float
    reported: float | None
    scale: float | None


def lifetimes_purchase(
    x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike, *, penalty: float = 0.0
) -> PurchaseFit:
    """Fit BG/NBD with lifetimes.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat purchases, time of the last one and age, in one unit of time.
    penalty : float
        Its ``penalizer_coef``: shrinks all parameters towards zero; 0 is maximum likelihood.

    Returns
    -------
    PurchaseFit
        One draw.

    Raises
    ------
    ConvergenceError
        lifetimes finds no maximum, or one that makes no sense.
    SummaryError
        A history is impossible.
    ConfigError
        The penalty is negative.

    References
    ----------
    Davidson-Pilon et al., lifetimes 0.11.3.
    """
    _refuse_penalty(penalty)
    rows = unique_rows(x, t_x, T)
    if len(rows) == 0 or not (rows.x > 0).any():
        raise ConvergenceError(
            f"none of {int(rows.weight.sum()):,} customers has bought on a second day",
            expected="at least one customer with a repeat purchase",
            remedy="use method='laplace', whose weak priors say what the data can't",
        )
    with _quiet():
        from lifetimes import BetaGeoFitter

        fitter = BetaGeoFitter(penalizer_coef=penalty)
        _fit(fitter, "purchases", rows.x, rows.t_x, rows.T, weights=rows.weight.astype(np.int64))
    taken = _taken(fitter, "BetaGeoFitter", _PURCHASE_NAMES, ("frequency", "recency", "T"))
    return _purchase_fit(taken, _penalty_flags(penalty))


def lifetimes_spend(customers: pd.DataFrame, *, penalty: float = 0.0) -> SpendFit:
    """Fit Gamma-Gamma with lifetimes, which knows only the mean repeat purchase.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, monetary_value`` of a customer summary.
    penalty : float
        Its ``penalizer_coef``.

    Returns
    -------
    SpendFit
        One draw, of the model ``gamma-gamma-mean``.

    Raises
    ------
    ConvergenceError
        lifetimes finds no maximum, or one with ``q`` of 1 or less, where mean spend is infinite.
    SummaryError
        An amount is impossible.
    ConfigError
        The penalty is negative.
    """
    _refuse_penalty(penalty)
    data = means_data(customers)
    with _quiet():
        from lifetimes import GammaGammaFitter

        fitter = GammaGammaFitter(penalizer_coef=penalty)
        _fit(fitter, "spend", data.n, data.total / data.n)
    taken = _taken(fitter, "GammaGammaFitter", _SPEND_NAMES, ("frequency", "monetary_value"))
    scaled = {**taken.parameters, "v": taken.parameters["v"] * data.unit}
    columns = {**taken.columns, "monetary_value": taken.columns["monetary_value"] * data.unit}
    taken = replace(taken, parameters=scaled, columns=columns)
    return _spend_fit(taken, data.zero_share, [*data.flags, *_penalty_flags(penalty)])


def from_lifetimes(
    bgf: Any,
    ggf: Any = None,
    *,
    summary: CustomerSummary,
    time_unit: Literal["day", "week", "month"] | None = None,
) -> FittedModel:
    """Take over a model that was fitted with lifetimes.

    Parameters
    ----------
    bgf : lifetimes.BetaGeoFitter
        Fitted.
    ggf : lifetimes.GammaGammaFitter, optional
        Fitted. Without it, spend is fitted here, by maximum likelihood of every amount.
    summary : CustomerSummary
        Of the same programme: forecasts are made for its customers.
    time_unit : {"day", "week", "month"}, optional
        Unit of the times that ``bgf`` was fitted to; without it, it is told from the ages.

    Returns
    -------
    FittedModel
        One parameter draw, ``alpha`` converted to the summary's unit of time.

    Raises
    ------
    ConfigError
        These are no such fitters, they are not fitted, or the unit of time can't be told.
    ConvergenceError
        The parameters make no sense, or are not those of the fitter's own data.
    SummaryError
        The fitter was fitted to something else than this programme's purchases or amounts.

    Examples
    --------
    >>> model = ltv.from_lifetimes(bgf, ggf, summary=summary)  # doctest: +SKIP
    >>> ltv.predict(model, horizon="12mo")  # doctest: +SKIP
    """
    taken = _taken(bgf, "BetaGeoFitter", _PURCHASE_NAMES, ("frequency", "recency", "T"))
    _refuse_other_likelihood(taken)
    flags = [*_penalty_flags(taken.penalty), *_other_customers(taken, summary)]
    unit = time_unit or _unit_of(taken, summary)
    purchase = _purchase_fit(_rescaled(taken, _DAYS[unit] / _DAYS[summary.time_unit]), flags)
    customers = summary.customers
    if ggf is None:
        spend = fit_spend(customers, method="mle", rng=np.random.default_rng(0))
    else:
        found = _taken(ggf, "GammaGammaFitter", _SPEND_NAMES, ("frequency", "monetary_value"))
        _refuse_other_money(found, customers)
        spend = _spend_fit(found, means_data(customers).zero_share, _penalty_flags(found.penalty))
    return FittedModel(
        purchase=purchase,
        spend=spend,
        summary=summary,
        settings=FitSettings(
            method="lifetimes",
            spend="gamma-gamma" if ggf is None else "gamma-gamma-mean",
            draws=1,
        ),
        package_version=version("ltvforecast"),
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with (
        _ONE_AT_A_TIME,
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")  # lifetimes 0.11.3 is older than the pandas it runs on
        yield


def _fit(fitter: Any, what: str, *columns: FloatArray, weights: Any = None) -> None:
    from lifetimes.utils import ConvergenceError as NotFound

    try:
        fitter.fit(*columns, weights=weights)
    except (NotFound, ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
        reason = " ".join(str(error).split())
        raise ConvergenceError(
            f"lifetimes finds no maximum of the likelihood of {what}: {reason}",
            expected="a maximum",
            remedy="give it a penalty (0.001 to 0.1), or use method='laplace'",
        ) from error


def _refuse_penalty(penalty: float) -> None:
    if not (np.isfinite(penalty) and penalty >= 0):
        raise ConfigError(
            f"a penalty of {penalty!r}",
            expected="a number of 0 or more",
            remedy="leave it out, or choose one between 0.001 and 0.1",
        )


def _penalty_flags(penalty: float) -> list[str]:
    if penalty == 0:
        return []
    sentence = (
        f"fitted with a penalty of {penalty:g} on the size of all parameters: they are smaller "
        "than the most likely ones, by an amount that depends on the unit of time"
    )
    return [sentence]


def _taken(fitter: Any, kind: str, names: Sequence[str], columns: Sequence[str]) -> _Taken:
    """Read what is needed from a fitter; nothing of it is called."""
    if type(fitter).__name__ != kind:
        raise ConfigError(
            f"a {type(fitter).__name__}",
            expected=f"a fitted {kind} of lifetimes",
            remedy="fit with ltvforecast's own methods, which need no other package",
        )
    held, data = getattr(fitter, "params_", None), getattr(fitter, "data", None)
    if held is None or data is None or not set(columns) <= set(data):
        raise ConfigError(
            f"a {kind} without {'parameters' if held is None else 'its data'}",
            expected="a fitter after its .fit(), saved with its data",
            remedy="call .fit() first, and save models with save_data=True",
        )
    parameters = {name: float(held[name]) if name in held else np.nan for name in names}
    for name, value in parameters.items():
        if not (np.isfinite(value) and value > 0):
            raise ConvergenceError(
                f"{kind}: {name} is {value}",
                expected="a finite number above 0",
                remedy="fit again, here with method='laplace'",
            )
    weight = np.asarray(data["weights"] if "weights" in data else np.ones(len(data)))
    return _Taken(
        parameters=parameters,
        columns={name: data[name].to_numpy(dtype=np.float64) for name in columns},
        weight=weight.astype(np.float64),
        penalty=float(getattr(fitter, "penalizer_coef", 0.0)),
        reported=getattr(fitter, "_negative_log_likelihood_", None),
        scale=getattr(fitter, "_scale", None),
    )


def _rescaled(taken: _Taken, factor: float) -> _Taken:
    """Give the same fit with times in another unit."""
    columns = {
        name: values if name == "frequency" else values * factor
        for name, values in taken.columns.items()
    }
    alpha = taken.parameters["alpha"] * factor
    return replace(taken, columns=columns, parameters={**taken.parameters, "alpha": alpha})


def _purchase_fit(taken: _Taken, flags: Sequence[str]) -> PurchaseFit:
    history = tuple(taken.columns[name] for name in ("frequency", "recency", "T"))
    at = [taken.parameters[name] for name in _PURCHASE_NAMES]
    slope = bgnbd.log_likelihood_gradient(*history, *at) @ taken.weight * at
    return PurchaseFit(
        model="bg-nbd",
        draws={name: np.array([[value]]) for name, value in taken.parameters.items()},
        point=taken.parameters,
        log_likelihood=float(bgnbd.log_likelihood(*history, *at) @ taken.weight),
        diagnostics=_judged(taken, slope, "the purchase process", flags),
    )


def _spend_fit(taken: _Taken, zero_share: float, flags: Sequence[str]) -> SpendFit:
    if taken.parameters["q"] <= 1.0:
        raise ConvergenceError(
            f"lifetimes' Gamma-Gamma has q = {taken.parameters['q']:.4g}, with which a typical "
            "customer's mean spend is infinite",
            expected="q above 1",
            remedy="use method='laplace', or leave ggf out: then spend is fitted here",
        )
    n, mean = taken.columns["frequency"], taken.columns["monetary_value"]
    at = [taken.parameters[name] for name in _SPEND_NAMES]
    slope = gamma_gamma.log_likelihood_mean_gradient(n, mean, *at) @ taken.weight * at
    point = {**taken.parameters, "zero_share": zero_share}
    return SpendFit(
        model="gamma-gamma-mean",
        first_purchase=False,
        draws={name: np.array([[value]]) for name, value in point.items()},
        point=point,
        log_likelihood=float(gamma_gamma.log_likelihood_mean(n, mean, *at) @ taken.weight),
        diagnostics=_judged(taken, slope, "the spend per purchase", flags),
    )


def _judged(taken: _Taken, slope: FloatArray, what: str, flags: Sequence[str]) -> Diagnostics:
    steepest = float(np.abs(slope).max())
    found = list(flags)
    if taken.penalty == 0 and steepest > _STEEP * taken.weight.sum():
        found.append(
            "lifetimes stopped before the maximum of the likelihood (steepest slope per customer "
            f"{steepest / taken.weight.sum():.1e})"
        )
    notes = "" if not found else f" Note {len(found)}: " + "; ".join(found) + "."
    return Diagnostics(
        trusted=True,
        verdict=f"The parameters of {what} are those that lifetimes found. They are one point: "
        "intervals made from it leave out how uncertain the parameters are." + notes,
        gradient_norm=steepest,
        flags=tuple(found),
    )


def _refuse_other_likelihood(taken: _Taken) -> None:
    """Refuse parameters that do not have, on the fitter's data, the likelihood it reports.

    lifetimes works in times scaled to a largest age of 1, and reports the mean over customers,
    with the penalty on the scaled parameters.
    """
    x, t_x, T = (taken.columns[name] for name in ("frequency", "recency", "T"))
    unique_rows(x, t_x, T)  # refuses impossible histories
    scale = taken.scale
    if taken.reported is None or scale is None:
        return
    at = [taken.parameters[name] for name in _PURCHASE_NAMES]
    at[1] *= scale
    mean = bgnbd.log_likelihood(x, t_x * scale, T * scale, *at) @ taken.weight / taken.weight.sum()
    expected = taken.penalty * float(np.sum(np.square(at))) - float(mean)
    if not abs(expected - taken.reported) < 1e-6 * (1.0 + abs(taken.reported)):
        raise ConvergenceError(
            f"these parameters have a mean log-likelihood of {-expected:.6f} on the fitter's own "
            f"data, but it reports {-taken.reported:.6f}",
            expected="parameters and data of one fit, alpha in the unit of the data",
            remedy="fit again with lifetimes 0.11.3, or here",
        )


def _other_customers(taken: _Taken, summary: CustomerSummary) -> list[str]:
    """Compare the customers the fitter knows with those of the summary."""
    x = taken.columns["frequency"]
    ours = summary.customers["frequency"].to_numpy(dtype=np.float64)
    if x.min() >= 1 and (ours == 0).any():
        raise SummaryError(
            "no customer of the fitter has a frequency of 0, as if first purchases were counted "
            "as repeats or one-time customers were left out",
            expected="all customers, frequency counting repeat purchases only",
            remedy="fit again to all customers, without include_first_transaction",
        )
    size, repeats = float(taken.weight.sum()), float(x @ taken.weight)
    same = size == len(ours) and abs(repeats - ours.sum()) < 0.01 * max(ours.sum(), 1.0)
    if same:
        return []
    sentence = (
        f"lifetimes was fitted to {size:,.0f} customers with {repeats:,.0f} repeat purchases; the "
        f"summary has {len(ours):,} with {ours.sum():,.0f}"
    )
    return [sentence]


def _unit_of(taken: _Taken, summary: CustomerSummary) -> TimeUnit:
    """Tell the fitter's unit of time from the mean age, which is the programme's."""
    weighted = float(taken.columns["T"] @ taken.weight / taken.weight.sum())
    days = float(summary.customers["T"].mean()) * _DAYS[summary.time_unit]
    for unit, length in _DAYS.items():
        if weighted > 0 and abs(weighted * length / days - 1.0) < 0.1:
            return unit
    raise ConfigError(
        f"customers of the fitter are {weighted:.4g} old on average, those of the summary "
        f"{days:.4g} days",
        expected="ages of the same customers in days, weeks or months",
        remedy="say time_unit='day', 'week' or 'month'; or summarize up to the same date",
    )


def _refuse_other_money(taken: _Taken, customers: pd.DataFrame) -> None:
    bought = customers[(customers["frequency"] > 0) & (customers["monetary_value"] > 0)]
    if len(bought) == 0:
        return
    ratio = float(np.median(taken.columns["monetary_value"]) / bought["monetary_value"].median())
    if not 1 / 3 < ratio < 3:
        raise SummaryError(
            f"a typical mean purchase of the fitter's customers is {ratio:.3g} times that of the "
            "summary's",
            expected="amounts of the same programme in the same unit of money",
            remedy="check for cents and currencies; or leave ggf out: then spend is fitted here",
        )
