"""What a change would be worth to each partner: two futures on common paths, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.break_even import SIZES, break_even_sizes, possible_sizes
from ltvforecast.forecast.horizon import checked_horizon
from ltvforecast.forecast.intervals import check_levels, interval_columns
from ltvforecast.forecast.layers import applied_layers
from ltvforecast.forecast.prepare import PROGRAMME
from ltvforecast.forecast.scenario_change import Change, check_change, dropout_factor, scaled_change
from ltvforecast.forecast.scenario_value import (
    Case,
    Valued,
    largest_dropout,
    prepare_case,
    value_both,
)
from ltvforecast.forecast.scenario_words import assumptions
from ltvforecast.forecast.term_checks import check_economics
from ltvforecast.forecast.totals import whole_number
from ltvforecast.forecast_types import ForecastSpec, Horizon
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray

__all__ = ["ScenarioResult", "check_cost", "scenario"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioResult:
    """What a change would be worth.

    Attributes
    ----------
    partners : pandas.DataFrame
        One row a partner, by falling ``change``: ``partner_id``, ``customers``, ``base_ltv``,
        ``changed_ltv`` and ``change``, each with intervals; ``p_gain`` and ``p_loss``, the shares
        of draws in which the change brings more, or less, than without it; with a cost,
        ``break_even``: how many times the assumed effect would just bring the cost back (NaN: not
        within the sizes tried, or no behaviour was changed).
    programme : mapping
        The same names for the whole programme, from joint draws.
    draws : xarray.Dataset
        ``base_ltv``, ``changed_ltv``, ``base_revenue``, ``changed_revenue`` with dimensions
        (draw, partner).
    change : Change
    concerned : tuple of str
        Partners whom it concerns.
    spec : ForecastSpec
        With the money terms as they are.
    assumptions : tuple of str
        Plain words: what was taken for granted.
    """

    partners: pd.DataFrame
    programme: Mapping[str, object]
    draws: xr.Dataset
    change: Change
    concerned: tuple[str, ...]
    spec: ForecastSpec
    assumptions: tuple[str, ...]

    def _repr_html_(self) -> str:
        return str(self.partners.head(10).to_html(index=False, escape=True))


def scenario(
    model: FittedModel,
    *,
    horizon: str | Horizon,
    change: Change,
    partners: Sequence[str] | None = None,
    economics: Economics | None = None,
    cost_per_partner: float | None = None,
    draws: int = 1000,
    levels: Sequence[int] = (50, 80, 90),
    seed: int = 20_260_101,
    layers: Sequence[str] | None = None,
    acquisition: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> ScenarioResult:
    """Say what a change would be worth to each partner, with intervals.

    Parameters
    ----------
    model : FittedModel
    horizon : str or Horizon
        As in :func:`ltvforecast.predict`.
    change : Change
        See :class:`ltvforecast.Change`; text is read by
        :func:`ltvforecast.forecast.scenario_change.parse_change`.
    partners : sequence of str, optional
        Whom it concerns: behaviour changes for the customers whose main partner is one of them,
        money terms for these partners. All by default.
    economics : Economics, optional
        Money terms as they are.
    cost_per_partner : float, optional
        What the change costs for each partner, once and now. Asks for ``break_even``; 0 is useful
        where money terms change too.
    draws, levels, seed, layers, acquisition, workers, progress
        As in :func:`ltvforecast.predict`.

    Returns
    -------
    ScenarioResult

    Raises
    ------
    ConfigError
        A change, partner, cost or option that means nothing.
    ForecastError
        A model from which no forecast can be made.

    Notes
    -----
    Both futures of a customer run on one path (see :mod:`ltvforecast.forecast.scenario_kernel`),
    so that the difference has little noise and a change for the better never lowers a draw.
    History is not read anew: P(alive) and what is known of a customer's rate and spend stay.

    ``break_even`` interpolates the expected change between sizes of the effect (0, 1, 2 and 4
    times the one given, as far as they make sense), each simulated on common random numbers, by a
    monotone cubic.

    Intervals are predicted ones: what a customer does under the change is as random as without it.

    What past forecasts taught multiplies both futures by the factors of the base. Where the learnt
    width of partners is not one, these factors depend on the draw, so that the mean change of a
    small partner is some percent smaller or larger than that of its level.

    If only money terms or the order value change, the base is the forecast of
    :func:`ltvforecast.predict` with the same seed, to the last bit; else it is simulated anew and
    differs from it by chance.

    References
    ----------
    Glasserman, P. and Yao, D. D. (1992). Some guidelines and guarantees for common random numbers.
    Management Science 38(6), 884-908.
    """
    summary = model.summary
    terms = check_economics(Economics() if economics is None else economics)
    spec = ForecastSpec(
        horizon=checked_horizon(horizon, summary.as_of),
        draws=whole_number("draws", draws, least=1),
        levels=check_levels(levels),
        economics=terms,
        seed=whole_number("seed", seed, least=0),
        layers=applied_layers(layers),
        acquisition=bool(acquisition),
    )
    check_change(change)
    concerned = _concerned(summary, partners)
    if cost_per_partner is not None:
        check_cost(cost_per_partner)
    threads = None if workers is None else whole_number("workers", workers, least=1)
    case = prepare_case(model, spec, change, concerned, workers=threads, progress=progress)
    valued = value_both(case, change)
    sizes = None
    if cost_per_partner is not None:
        sizes = _break_even(case, change, valued, cost_per_partner)
    return ScenarioResult(
        partners=_partner_table(summary, spec, valued, sizes),
        programme=_programme_row(summary, spec, valued),
        draws=_draw_set(valued, summary.partner_ids),
        change=change,
        concerned=concerned,
        spec=spec,
        assumptions=assumptions(case, change, concerned),
    )


def check_cost(cost: float) -> float:
    """Refuse a cost that means nothing.

    Raises
    ------
    ConfigError
        Not a number of 0 or more.
    """
    known = isinstance(cost, int | float) and not isinstance(cost, bool)
    if not (known and 0.0 <= cost < float("inf")):
        raise ConfigError(
            f"a cost per partner of {cost!r}",
            expected="an amount of money of 0 or more",
            remedy="correct the cost; costs are written without a minus sign",
        )
    return float(cost)


def _concerned(summary: CustomerSummary, partners: Sequence[str] | None) -> tuple[str, ...]:
    if partners is None:
        return summary.partner_ids
    wanted = {partners} if isinstance(partners, str) else set(partners)
    unknown = sorted(wanted - set(summary.partner_ids))
    if unknown or not wanted:
        raise ConfigError(
            f"{len(unknown)} unknown partners, such as {unknown[0]!r}" if unknown else "no partner",
            expected=f"partners of the model, such as {', '.join(summary.partner_ids[:3])}",
            remedy="correct the name; partners.csv of the forecast has them all",
        )
    return tuple(partner for partner in summary.partner_ids if partner in wanted)


def _break_even(case: Case, change: Change, valued: Valued, cost: float) -> FloatArray:
    """How many times the assumed effect brings the cost back, for each partner."""
    if not change.behaves:
        return np.full(valued.base_ltv.shape[1], np.nan)
    sizes = possible_sizes(change, SIZES)
    if change.retention < 1.0:
        limit = largest_dropout(case.model, case.programme, case.concerned == 1)
        sizes = tuple(
            size for size in sizes if dropout_factor(1.0 + size * (change.retention - 1.0)) < limit
        )
    gains = []
    for size in sizes:
        if size == 0.0:
            moved = valued.unmoved_ltv - valued.base_ltv
        else:
            of_size = valued if size == 1.0 else value_both(case, scaled_change(change, size))
            moved = of_size.changed_ltv - of_size.base_ltv
        gains.append(moved.mean(axis=0))
    found = break_even_sizes(np.array(sizes), np.array(gains), cost)
    return np.where(case.partner_concerned == 1, found, np.nan)


def _columns(base: FloatArray, changed: FloatArray, levels: Sequence[int]) -> dict[str, FloatArray]:
    difference = changed - base
    return {
        **interval_columns("base_ltv", base, levels),
        **interval_columns("changed_ltv", changed, levels),
        **interval_columns("change", difference, levels),
        "p_gain": np.mean(difference > 0, axis=0),
        "p_loss": np.mean(difference < 0, axis=0),
    }


def _partner_table(
    summary: CustomerSummary, spec: ForecastSpec, valued: Valued, sizes: FloatArray | None
) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "partner_id": pd.array(summary.partner_ids, dtype="str"),
            "customers": summary.partner_customers,
            **_columns(valued.base_ltv, valued.changed_ltv, spec.levels),
        }
    )
    if sizes is not None:
        table["break_even"] = sizes
    return table.sort_values(["change", "partner_id"], ascending=[False, True], ignore_index=True)


def _programme_row(
    summary: CustomerSummary, spec: ForecastSpec, valued: Valued
) -> dict[str, object]:
    base, changed = (
        ltv.sum(axis=1, keepdims=True) for ltv in (valued.base_ltv, valued.changed_ltv)
    )
    found = _columns(base, changed, spec.levels)
    return {
        "partner_id": PROGRAMME,
        "customers": len(summary),
        **{name: float(values[0]) for name, values in found.items()},
        "base_revenue": float(valued.base_revenue.sum(axis=1).mean()),
        "changed_revenue": float(valued.changed_revenue.sum(axis=1).mean()),
    }


def _draw_set(valued: Valued, partner_ids: tuple[str, ...]) -> xr.Dataset:
    names = ("base_ltv", "changed_ltv", "base_revenue", "changed_revenue")
    return xr.Dataset(
        {name: (("draw", "partner"), getattr(valued, name)) for name in names},
        coords={
            "draw": np.arange(len(valued.base_ltv)),
            "partner": np.array(partner_ids, dtype=np.str_),
        },
    )
