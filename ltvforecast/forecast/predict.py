"""From a fitted model to what each partner is worth: the whole forecast in one call."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.engines.local import available_workers, run_blocks
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.blocks import Programme, result_columns, simulate_block
from ltvforecast.forecast.horizon import Periods, parse_horizon, split_periods
from ltvforecast.forecast.intervals import check_levels
from ltvforecast.forecast.layers import (
    LayeredDraws,
    applied_layers,
    choose_estimate,
    layer_draws,
    recent_revenue,
)
from ltvforecast.forecast.partners import (
    GroupDraws,
    layered_partners,
    partner_draws,
    programme_draws,
    programme_of,
    reaches_back,
    roll_up_partners,
    roll_up_periods,
    roll_up_programme,
)
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.provenance import build_provenance
from ltvforecast.forecast.records import Totals, new_totals
from ltvforecast.forecast.self_check import check_simulation
from ltvforecast.forecast.streams import bucket_blocks
from ltvforecast.forecast.value import check_economics
from ltvforecast.types import (
    CustomerSummary,
    Economics,
    FittedModel,
    ForecastSpec,
    Horizon,
    IntArray,
    LayerEstimate,
    PartnerForecast,
)

__all__ = ["predict", "simulated_totals"]

Progress = Callable[[str, int, int], None]

MAX_WORKERS = 8
BLOCKS = 200
"""Blocks aimed at, so that progress shows and workers share the load."""
LARGEST_IN_MEMORY = 1_000_000_000
"""Bytes of (draw, partner, period) totals, over all workers; beyond it they go to files."""
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
    workers: int | None = None,
    block_size: int | None = None,
    progress: Progress | None = None,
) -> PartnerForecast:
    """Forecast what the customers known at ``as_of`` will bring each partner.

    Parameters
    ----------
    model : FittedModel
    horizon : str or Horizon
        ``90d``, ``26w``, ``12mo``, ``2y`` or an end date; a bare number is refused.
    economics : Economics, optional
        Margin, commission (shares of revenue) and effective annual discount rate.
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
    forms, averaged over the parameter draws. New customers are not included.

    References
    ----------
    Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way:
    an alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.
    """
    summary = model.summary
    spec = ForecastSpec(
        horizon=_horizon(horizon, summary),
        draws=_whole("draws", draws, least=1),
        levels=check_levels(levels),
        economics=check_economics(Economics() if economics is None else economics),
        seed=_whole("seed", seed, least=0),
        layers=applied_layers(layers),
    )
    periods = split_periods(spec.horizon, summary.as_of)
    programme, order = prepare_programme(model, spec, periods)
    with simulated_totals(
        programme,
        partners=len(summary.partner_ids),
        draws=spec.draws,
        periods=len(periods),
        workers=workers,
        block_size=block_size,
        progress=progress,
    ) as totals:
        return _forecast(
            model, spec, periods=periods, programme=programme, order=order, totals=totals
        )


@contextmanager
def simulated_totals(
    programme: Programme,
    *,
    partners: int,
    draws: int,
    periods: int,
    workers: int | None = None,
    block_size: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Totals]:
    """Simulate every customer of a programme, and add up; the totals live as long as the block.

    Parameters
    ----------
    programme : Programme
        Its customers' results are filled in.
    partners, draws, periods : int
    workers, block_size, progress
        As in :func:`predict`.
    """
    threads = min(available_workers(), MAX_WORKERS) if workers is None else workers
    size = max(1, len(programme.results) // BLOCKS) if block_size is None else block_size
    blocks = bucket_blocks(programme.bucket_start, _whole("block_size", size, least=1))
    threads = min(_whole("workers", threads, least=1), len(blocks))
    with _tallies(threads, partners, draws, periods) as tallies:
        run_blocks(
            partial(simulate_block, programme=programme),
            blocks,
            tallies=tallies,
            label="simulating customers",
            progress=progress,
        )
        yield _merge(tallies)


def _horizon(horizon: str | Horizon, summary: CustomerSummary) -> Horizon:
    if isinstance(horizon, str):
        return parse_horizon(horizon, summary.as_of)
    parse_horizon(f"{float(horizon.days)}d", summary.as_of)  # refuses what means nothing
    return horizon


def _whole(name: str, value: int, *, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(
            f"{name} {value!r}",
            expected=f"a whole number, {least} or more",
            remedy=f"correct {name}",
        )
    return int(value)


@contextmanager
def _tallies(count: int, partners: int, draws: int, periods: int) -> Iterator[list[Totals]]:
    """Make totals for each worker, in files of a temporary folder if they are large."""
    if count * partners * draws * periods * 8 <= LARGEST_IN_MEMORY:
        yield [new_totals(partners, draws, periods) for _ in range(count)]
        return
    with tempfile.TemporaryDirectory(prefix="ltvforecast-", ignore_cleanup_errors=True) as folder:
        yield [
            new_totals(partners, draws, periods, folder=Path(folder), number=number)
            for number in range(count)
        ]


def _merge(tallies: Sequence[Totals]) -> Totals:
    """Add all totals to the first; whole numbers, so that the order is nothing."""
    first = tallies[0]
    for other in tallies[1:]:
        for partner in range(len(first.revenue)):
            first.revenue[partner] += other.revenue[partner]
        for name in Totals._fields:
            if name not in ("revenue", "seen"):
                getattr(first, name).__iadd__(getattr(other, name))
    return first


def _forecast(
    model: FittedModel,
    spec: ForecastSpec,
    *,
    periods: Periods,
    programme: Programme,
    order: IntArray,
    totals: Totals,
) -> PartnerForecast:
    self_check = check_simulation(programme, totals)
    summary, quantum = model.summary, programme.money_quantum
    factors = programme.clock.factors
    by_partner = partner_draws(
        totals, factors, quantum=quantum, programme_share=summary.programme_share
    )
    whole = programme_draws(totals, factors, quantum=quantum)
    layered = _layered(model, spec, by_partner)
    if layered is not None:
        by_partner = layered_partners(by_partner, layered)
        whole = programme_of(by_partner, whole.active_customers)
    partners = roll_up_partners(summary, by_partner, spec)
    return PartnerForecast(
        partners=partners,
        customers=_customer_table(summary, programme, order, scale=_correction(model, spec)),
        periods=roll_up_periods(
            totals,
            periods,
            spec,
            quantum=quantum,
            partner_ids=summary.partner_ids,
            ranked=partners,
            factor=None if layered is None else layered.factor,
        ),
        programme=roll_up_programme(
            summary, spec, table=partners, partners=by_partner, programme=whole
        ),
        draws=_draw_set(by_partner, programme.earned_rate, spec, summary.partner_ids),
        history=summary.history.reset_index(drop=True),
        spec=spec,
        provenance=build_provenance(
            model, spec, periods, self_check=self_check, warnings=_warnings(model, spec)
        ),
    )


def _estimate(model: FittedModel, spec: ForecastSpec) -> LayerEstimate | None:
    """Look up what past forecasts taught for this horizon; None if none was tried."""
    if model.layers is None or not spec.layers:
        return None
    return choose_estimate(model.layers, spec.horizon.days)


def _layered(model: FittedModel, spec: ForecastSpec, by_partner: GroupDraws) -> LayeredDraws | None:
    estimate = _estimate(model, spec)
    if estimate is None:
        return None
    summary = model.summary
    recent = recent_revenue(
        summary.history,
        summary.partner_ids,
        as_of=summary.as_of,
        days=spec.horizon.days,
        estimate=estimate,
    )
    return layer_draws(
        by_partner.existing_revenue,
        estimate=estimate,
        recent=recent,
        customers=summary.partner_customers,
        names=spec.layers,
        seed=spec.seed,
    )


def _correction(model: FittedModel, spec: ForecastSpec) -> float:
    """Factor on every customer's money: the one layer that concerns all alike."""
    estimate = _estimate(model, spec)
    if estimate is None or "correction" not in spec.layers:
        return 1.0
    return float(np.exp(estimate.correction))


def _customer_table(
    summary: CustomerSummary, programme: Programme, order: IntArray, *, scale: float
) -> pd.DataFrame:
    results = np.empty_like(programme.results)
    results[order] = programme.results
    known = ["customer_id", "partner_id", "frequency", "recency", "T", "monetary_value"]
    forecast = pd.DataFrame(results, columns=result_columns(programme.levels))
    if scale != 1.0:
        money = forecast.columns.str.startswith(("future_revenue", "ltv"))
        forecast.loc[:, money] *= scale
    table = pd.concat([summary.customers[known].reset_index(drop=True), forecast], axis=1)
    return table.sort_values("customer_id", ignore_index=True)


def _draw_set(
    draws: GroupDraws, earned: float, spec: ForecastSpec, partner_ids: tuple[str, ...]
) -> xr.Dataset:
    quantities = {
        "existing_revenue": draws.existing_revenue,
        "ltv": draws.discounted * earned,
        "commission": draws.existing_revenue * spec.economics.commission,
        "active_customers": draws.active_customers.astype(np.int64),
    }
    return xr.Dataset(
        {name: (("draw", "partner"), values) for name, values in quantities.items()},
        coords={
            "draw": np.arange(spec.draws),
            "partner": np.array(partner_ids, dtype=np.str_),
        },
    )


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
