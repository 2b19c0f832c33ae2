"""From a fitted model to what each partner is worth: the whole forecast in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.economics_types import Economics, PartnerTerms
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.blocks import Programme, result_columns
from ltvforecast.forecast.economics import months_of_periods
from ltvforecast.forecast.exposure import first_months
from ltvforecast.forecast.flows import Flows, existing_revenue
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, Periods, checked_horizon, split_periods
from ltvforecast.forecast.intervals import check_levels, interval_names
from ltvforecast.forecast.layers import (
    applied_layers,
    estimate_for,
    layered_draws,
)
from ltvforecast.forecast.lifespan import Lifespans, partner_lifespans
from ltvforecast.forecast.money_columns import programme_row as money_row
from ltvforecast.forecast.newcomers import Newcomers, simulate_newcomers, why_no_newcomers
from ltvforecast.forecast.partners import (
    partner_table,
    period_table,
    programme_row,
    reaches_back,
    segment_table,
)
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.provenance import build_provenance
from ltvforecast.forecast.records import Totals
from ltvforecast.forecast.recruit_table import new_partner_table
from ltvforecast.forecast.revenue_streams import StreamSplit, split_by_stream, stream_table
from ltvforecast.forecast.roll_up import GroupDraws, RollUp, programme_of, roll_up
from ltvforecast.forecast.self_check import check_simulation
from ltvforecast.forecast.terms import resolve_terms
from ltvforecast.forecast.totals import simulated_totals, whole_number
from ltvforecast.forecast.value import earned_rates
from ltvforecast.forecast_types import ForecastSpec, Horizon, PartnerForecast
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = ["predict"]

Progress = Callable[[str, int, int], None]

FEW_DRAWS = 200


def predict(
    model: FittedModel,
    *,
    horizon: str | Horizon,
    economics: Economics | None = None,
    draws: int = 1000,
    levels: Sequence[int] = (50, 80, 90),
    seed: int = 20_260_101,
    layers: Sequence[str] | None = None,
    acquisition: bool = True,
    lifespans: bool = True,
    workers: int | None = None,
    block_size: int | None = None,
    progress: Progress | None = None,
) -> PartnerForecast:
    """Forecast what each partner's customers will bring, those known and those to come.

    Parameters
    ----------
    model : FittedModel
    horizon : str or Horizon
        ``90d``, ``26w``, ``12mo``, ``2y`` or an end date; a bare number is refused.
    economics : Economics, optional
        Money terms of the programme, its segments and partners; a partner table that the summary
        holds may tell those of partners, too.
    draws : int
        Simulated futures. Each uses one parameter draw for all customers; parameter draws are
        taken evenly spaced, or in turn again if there are fewer.
    levels : sequence of int
        Of the equal-tailed intervals, in percent.
    seed : int
        The same seed gives the same forecast, bit for bit, whatever ``workers``,
        ``block_size`` and the order of the customers.
    layers : sequence of str, optional
        What past forecasts taught, of ``combination``, ``correction`` and ``width`` (see
        :mod:`ltvforecast.forecast.layers`); all by default, an empty one for the bare model.
    acquisition : bool
        Whether to forecast new customers, where the model knows how partners bring them.
    lifespans : bool
        Whether to tell how long partners last, from a further simulation six years ahead.
    workers : int, optional
        Threads; by default one for each processor, at most 8.
    block_size : int, optional
        Customers to a block of work.
    progress : callable, optional
        Called as ``progress(label, done, total)``.

    Returns
    -------
    PartnerForecast

    Raises
    ------
    ConfigError
        A horizon, economics or option that means nothing.
    ForecastError
        A model from which no forecast can be made, or draws that disagree with the closed form.

    Notes
    -----
    Futures are simulated exactly from BG/NBD and Gamma-Gamma given each customer's history, and
    summed to partners inside each draw before any quantile is taken. Customer means are closed
    forms, averaged over the parameter draws. New customers arrive at each partner's own pace
    and then buy as the others do, in the same draws. Money terms are applied to the totals of
    each draw.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way:
    an alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.
    """
    summary = model.summary
    spec = ForecastSpec(
        horizon=checked_horizon(horizon, summary.as_of),
        draws=whole_number("draws", draws, least=1),
        levels=check_levels(levels),
        economics=Economics() if economics is None else economics,
        seed=whole_number("seed", seed, least=0),
        layers=applied_layers(layers),
        acquisition=bool(acquisition),
    )
    terms = resolve_terms(
        spec.economics, summary.partner_ids, partner_table=summary.partner_table
    ).partners
    periods = split_periods(spec.horizon, summary.as_of)
    limits = first_months(summary, terms.commission_months)
    programme, order = prepare_programme(
        model,
        replace(spec, economics=Economics(discount_rate=spec.economics.discount_rate)),
        periods,
        eligible_until=limits,
    )
    newcomers = None
    if spec.acquisition:
        newcomers = simulate_newcomers(
            model,
            periods,
            draws=spec.draws,
            seed=spec.seed,
            quantum=programme.money_quantum,
            eligible_days=None if limits is None else terms.commission_months * DAYS_PER_MONTH,
            workers=workers,
            progress=progress,
        )
    with simulated_totals(
        programme,
        partners=len(summary.partner_ids),
        draws=spec.draws,
        periods=len(periods),
        workers=workers,
        block_size=block_size,
        progress=progress,
    ) as totals:
        simulated = _Simulated(
            programme=programme,
            order=order,
            totals=totals,
            newcomers=newcomers,
            lifespans=partner_lifespans(
                model,
                levels=spec.levels,
                seed=spec.seed,
                acquisition=spec.acquisition,
                workers=workers,
                progress=progress,
            )
            if lifespans
            else None,
        )
        return _forecast(model, spec, periods=periods, simulated=simulated, terms=terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Simulated:
    """All that was simulated; ``order`` is the row in the summary of each customer."""

    programme: Programme
    order: IntArray
    totals: Totals
    newcomers: Newcomers | None
    lifespans: Lifespans | None


def _forecast(
    model: FittedModel,
    spec: ForecastSpec,
    *,
    periods: Periods,
    simulated: _Simulated,
    terms: PartnerTerms,
) -> PartnerForecast:
    programme, totals, new = simulated.programme, simulated.totals, simulated.newcomers
    summary = model.summary
    flows = Flows(
        totals=totals,
        newcomers=None if _p_acquiring(model, new) is None else new,
        quantum=programme.money_quantum,
        layered=layered_draws(model, spec, existing_revenue(totals, programme.money_quantum)),
    )
    rolled = roll_up(
        flows,
        terms,
        edges_days=periods.edges_days,
        programme_share=summary.programme_share,
        levels=spec.levels,
    )
    new_facts = _new_customer_facts(model, spec, told=flows.newcomers is not None)
    partners = partner_table(
        summary,
        rolled,
        spec,
        p_acquiring=_p_acquiring(model, new),
        lifespans=None if simulated.lifespans is None else simulated.lifespans.table,
    )
    split, streams = _streams(summary, flows, rolled, spec, ranked=partners)
    recruits, recruit_words = new_partner_table(model, spec, periods)
    return PartnerForecast(
        partners=partners,
        customers=_customer_table(
            summary,
            programme,
            simulated.order,
            scale=_correction(model, spec),
            earned=_earned_rates(rolled, terms),
        ),
        periods=period_table(rolled, periods, partner_ids=summary.partner_ids, ranked=partners),
        segments=segment_table(summary, rolled, spec, table=partners),
        programme=programme_row(
            summary,
            spec,
            table=partners,
            partners=rolled.partners,
            programme=programme_of(rolled.partners, totals.customers.astype(np.float64)),
            money=money_row(
                rolled.money, months=months_of_periods(periods.edges_days), levels=spec.levels
            ),
            lifespan=None if simulated.lifespans is None else simulated.lifespans.programme,
        ),
        streams=streams,
        draws=_draw_set(rolled.partners, split, spec, summary.partner_ids),
        history=summary.history.reset_index(drop=True),
        spec=spec,
        provenance=build_provenance(
            model,
            spec,
            periods,
            self_check=_self_checks(simulated),
            new_customers=new_facts,
            warnings=(*_warnings(model, spec), *_new_customer_words(new_facts), *recruit_words),
        ),
        new_partners=recruits,
    )


def _streams(
    summary: CustomerSummary,
    flows: Flows,
    rolled: RollUp,
    spec: ForecastSpec,
    *,
    ranked: pd.DataFrame,
) -> tuple[StreamSplit | None, pd.DataFrame | None]:
    """Split revenue by stream, where the transactions tell streams."""
    history = summary.stream_history
    if history is None:
        return None, None
    first, later = flows.first_revenue(), None
    if first is not None and rolled.partners.new_revenue is not None:
        later = np.maximum(rolled.partners.new_revenue - first, 0.0)
    split = split_by_stream(
        rolled.partners.existing_revenue,
        partner_ids=summary.partner_ids,
        stream_history=history,
        seed=spec.seed,
        first=first,
        later=later,
    )
    table = stream_table(
        split,
        partner_ids=summary.partner_ids,
        stream_history=history,
        levels=spec.levels,
        ranked=ranked["partner_id"].tolist(),
    )
    return split, table


def _p_acquiring(model: FittedModel, new: Newcomers | None) -> FloatArray | None:
    """Probability that each partner still brings new customers; None where nobody can tell."""
    fit = model.acquisition
    if new is None or fit is None or fit.status == "unknown":
        return None
    return new.p_acquiring if new.forecast or fit.status == "closed" else None


def _self_checks(simulated: _Simulated) -> dict[str, object]:
    known = check_simulation(simulated.programme, simulated.totals)
    new = simulated.newcomers
    return known if new is None else {**known, "new_revenue": dict(new.self_check)}


def _new_customer_facts(model: FittedModel, spec: ForecastSpec, *, told: bool) -> dict[str, object]:
    """Say whether new customers are in the figures, and why they are not."""
    if not spec.acquisition:
        return {"included": False, "why": "switched off"}
    why = why_no_newcomers(model)
    fit = model.acquisition
    return {"included": told, "why": why or (fit.reason if fit is not None else "")}


def _new_customer_words(facts: Mapping[str, object]) -> tuple[str, ...]:
    """Warn where new customers were wanted and can't be told."""
    if facts["included"] or facts["why"] == "switched off":
        return ()
    return (str(facts["why"]),)


def _earned_rates(rolled: RollUp, terms: PartnerTerms) -> FloatArray:
    """Margin less commission of each partner, for the worth of single customers.

    Where the worth is not proportional to revenue, commission counts with the partner's average.
    """
    flat = earned_rates(terms)
    revenue = rolled.partners.future_revenue.mean(axis=0)
    paid = rolled.partners.commission.mean(axis=0)
    share = terms.commission * (1.0 - terms.clawback_share * terms.refund_share)
    np.divide(paid, revenue, out=share, where=revenue > 0)
    return np.where(np.isnan(flat), terms.margin * (1.0 - terms.refund_share) - share, flat)


def _correction(model: FittedModel, spec: ForecastSpec) -> float:
    """Factor on every customer's money: the one layer that concerns all alike."""
    estimate = estimate_for(model, spec)
    if estimate is None or "correction" not in spec.layers:
        return 1.0
    return float(np.exp(estimate.correction))


def _customer_table(
    summary: CustomerSummary,
    programme: Programme,
    order: IntArray,
    *,
    scale: float,
    earned: FloatArray,
) -> pd.DataFrame:
    results = np.empty_like(programme.results)
    results[order] = programme.results
    known = ["customer_id", "partner_id", "frequency", "recency", "T", "monetary_value"]
    forecast = pd.DataFrame(results, columns=result_columns(programme.levels))
    if scale != 1.0:
        money = forecast.columns.str.startswith(("future_revenue", "ltv"))
        forecast.loc[:, money] *= scale
    home = pd.Index(summary.partner_ids).get_indexer(pd.Index(summary.customers["partner_id"]))
    forecast = _earned(forecast, earned[home], programme.levels)
    table = pd.concat([summary.customers[known].reset_index(drop=True), forecast], axis=1)
    return table.sort_values("customer_id", ignore_index=True)


def _earned(table: pd.DataFrame, rate: FloatArray, levels: tuple[int, ...]) -> pd.DataFrame:
    """Turn discounted revenue into worth; where a sale costs money, the interval turns around."""
    names = interval_names("ltv", levels)
    worth = {name: table[name].to_numpy() * rate for name in ("ltv", *names)}
    for low, high in zip(names[::2], names[1::2], strict=True):
        ends = np.sort(np.stack([worth[low], worth[high]]), axis=0)
        worth[low], worth[high] = ends
    return table.assign(**worth)


def _draw_set(
    draws: GroupDraws, split: StreamSplit | None, spec: ForecastSpec, partner_ids: tuple[str, ...]
) -> xr.Dataset:
    quantities = {
        "existing_revenue": draws.existing_revenue,
        "ltv": draws.ltv,
        "commission": draws.commission,
        "active_customers": draws.active_customers.astype(np.int64),
    }
    if draws.new_revenue is not None and draws.new_customers is not None:
        quantities["new_revenue"] = draws.new_revenue
        quantities["new_customers"] = draws.new_customers.astype(np.int64)
    found = xr.Dataset(
        {name: (("draw", "partner"), values) for name, values in quantities.items()},
        coords={
            "draw": np.arange(spec.draws),
            "partner": np.array(partner_ids, dtype=np.str_),
        },
    )
    if split is not None:
        found = found.assign_coords(revenue_stream=np.array(split.streams, dtype=np.str_))
        found["stream_revenue"] = (("draw", "revenue_stream"), split.revenue.sum(axis=1))
    return found


def _warnings(model: FittedModel, spec: ForecastSpec) -> tuple[str, ...]:
    told = []
    parameter_draws = len(model.purchase.draws["r"])
    if spec.draws < FEW_DRAWS:
        told.append(f"only {spec.draws} draws: the ends of the intervals are rough")
    if parameter_draws == 1:
        told.append(
            "the parameters are a point estimate: expected intervals have no width, and "
            "predicted ones leave out that the parameters are uncertain"
        )
    if not reaches_back(model.summary, spec):
        told.append(
            f"the data cover less than the {spec.horizon.text} before {model.summary.as_of}: "
            "p_decline is not given"
        )
    return tuple(told)
