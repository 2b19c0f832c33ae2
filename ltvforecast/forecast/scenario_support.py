"""Which partners to support first: gain against cost, how sure, and what a budget reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.intervals import interval_columns, interval_names
from ltvforecast.forecast.scenario import ScenarioResult, check_cost
from ltvforecast.types import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

__all__ = ["SupportRanking", "rank_support"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportRanking:
    """Which partners to support first.

    Attributes
    ----------
    partners : pandas.DataFrame
        One row a partner whom the change concerns, by falling ``gain_per_cost``: ``partner_id``,
        ``gain`` (expected change of ltv) with intervals, ``cost``, ``net_gain`` (gain less cost),
        ``gain_per_cost`` (NaN for a cost of 0), ``p_pays`` (share of draws in which the gain
        exceeds the cost), ``supported``, and ``cumulative_cost`` and ``cumulative_gain`` of the
        supported partners so far.
    summary : mapping
        ``supported`` partners, their ``cost``, ``gain`` with intervals, ``net_gain`` and
        ``p_pays`` together, from joint draws; ``budget`` (None: no limit) and what is ``left``.
    assumptions : tuple of str
    """

    partners: pd.DataFrame
    summary: Mapping[str, object]
    assumptions: tuple[str, ...]

    def _repr_html_(self) -> str:
        return str(self.partners.head(10).to_html(index=False, escape=True))


def rank_support(
    result: ScenarioResult,
    *,
    cost_per_partner: float | Mapping[str, float],
    budget: float | None = None,
) -> SupportRanking:
    """Say which partners to support first, given what it costs and what lift is assumed.

    Parameters
    ----------
    result : ScenarioResult
        With the lift that support is assumed to bring.
    cost_per_partner : float or mapping of str to float
        What it costs to support a partner, once and now; one for all, or one for each partner
        whom the change concerns.
    budget : float, optional
        What may be spent in all. By default whatever pays on average.

    Returns
    -------
    SupportRanking

    Raises
    ------
    ConfigError
        A cost or a budget that means nothing, or a partner without a cost.

    Notes
    -----
    Partners are taken by falling gain per cost as long as they are expected to gain more than they
    cost and the budget lasts; one that no longer fits is passed over. With the same cost for all
    this is the best choice; with unequal costs it is the usual approximation to it (Dantzig 1957).

    A partner's gain is what its own revenue gains when all partners concerned are supported:
    customers who buy through several partners bring part of their gain to each of them.

    References
    ----------
    Dantzig, G. B. (1957). Discrete-variable extremum problems. Operations Research 5(2), 266-288.
    """
    if budget is not None:
        _check_budget(budget)
    names = list(result.concerned)
    cost = _costs(cost_per_partner, names)
    chosen = result.draws.sel(partner=names)
    gains = (chosen["changed_ltv"] - chosen["base_ltv"]).transpose("draw", "partner").to_numpy()
    mean = gains.mean(axis=0)
    ratio = np.divide(mean, cost, out=np.full(len(cost), np.nan), where=cost > 0)
    order = _order(mean, ratio, names)
    supported = _within(mean[order], cost[order], budget)
    levels = result.spec.levels
    table = pd.DataFrame(
        {
            "partner_id": pd.array([names[row] for row in order], dtype="str"),
            **interval_columns("gain", gains[:, order], levels),
            "cost": cost[order],
            "net_gain": (mean - cost)[order],
            "gain_per_cost": ratio[order],
            "p_pays": np.mean(gains > cost, axis=0)[order],
            "supported": supported,
            "cumulative_cost": np.cumsum(np.where(supported, cost[order], 0.0)),
            "cumulative_gain": np.cumsum(np.where(supported, mean[order], 0.0)),
        }
    )
    together = gains[:, order[supported]].sum(axis=1, keepdims=True)
    return SupportRanking(
        partners=table,
        summary=_summary(together, float(cost[order[supported]].sum()), supported, budget, levels),
        assumptions=(*result.assumptions, _words(cost)),
    )


def _check_budget(budget: float) -> None:
    known = isinstance(budget, int | float) and not isinstance(budget, bool)
    if not (known and 0.0 < budget < float("inf")):
        raise ConfigError(
            f"a budget of {budget!r}",
            expected="an amount of money above 0",
            remedy="correct the budget, or leave it out",
        )


def _costs(given: float | Mapping[str, float], names: list[str]) -> FloatArray:
    if not isinstance(given, Mapping):
        return np.full(len(names), check_cost(given))
    missing = [name for name in names if name not in given]
    strange = sorted(set(given) - set(names))
    if missing or strange:
        raise ConfigError(
            f"no cost for partner {missing[0]!r}" if missing else f"a cost for {strange[0]!r}",
            expected=f"a cost for each of the {len(names)} partners whom the change concerns",
            remedy="give one number for all, or a cost for exactly these",
        )
    return np.array([check_cost(given[name]) for name in names])


def _order(mean: FloatArray, ratio: FloatArray, names: list[str]) -> IntArray:
    """By falling gain per cost, what costs nothing first; then by gain, then by name."""
    key = np.where(np.isnan(ratio), np.where(mean > 0, np.inf, -np.inf), ratio)
    by_name = np.argsort(np.argsort(names))
    return np.lexsort((by_name, -mean, -key)).astype(np.int64)


def _within(mean: FloatArray, cost: FloatArray, budget: float | None) -> BoolArray:
    left = np.inf if budget is None else budget
    taken = np.zeros(len(mean), dtype=np.bool_)
    for row in range(len(mean)):
        if mean[row] > cost[row] and cost[row] <= left:
            taken[row] = True
            left -= cost[row]
    return taken


def _summary(
    gains: FloatArray,
    cost: float,
    supported: BoolArray,
    budget: float | None,
    levels: tuple[int, ...],
) -> dict[str, object]:
    columns = interval_columns("gain", gains, levels)
    return {
        "supported": int(supported.sum()),
        "cost": cost,
        **{name: float(columns[name][0]) for name in ("gain", *interval_names("gain", levels))},
        "net_gain": float(gains.mean()) - cost,
        "p_pays": float(np.mean(gains > cost)),
        "budget": budget,
        "left": None if budget is None else budget - cost,
    }


def _words(cost: FloatArray) -> str:
    low, high = float(cost.min()), float(cost.max())
    each = f"{low:,.2f}" if low == high else f"{low:,.2f} to {high:,.2f}"
    return (
        f"Supporting a partner costs {each}, once and now, and brings the assumed effect in full. "
        "Who is supported is decided by the expected gain; p_pays says how sure it is, given that "
        "the effect comes about."
    )
