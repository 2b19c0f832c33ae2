"""Rolling origins: replay the whole line at past dates, score it, and compare it with baselines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import get_args

import numpy as np
import pandas as pd
from narwhals.stable.v2.typing import IntoFrame

from ltvforecast.data.attribution import Attribution
from ltvforecast.data.partner_merge import merge_partners
from ltvforecast.data.partner_table import PartnerTable
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.engines.local import available_workers
from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.evaluate.baselines import BASELINES, KNOWN_ONLY
from ltvforecast.evaluate.fit_programme import LayerChoice
from ltvforecast.evaluate.origins import plan_origins, window_days
from ltvforecast.evaluate.records import MODEL, Evaluation, Target
from ltvforecast.evaluate.replay import Replay, ReplaySettings, replay_origin
from ltvforecast.evaluate.scores import CRPS_ESTIMATOR
from ltvforecast.evaluate.table import (
    customer_rows,
    forecast_rows,
    lift_rows,
    new_customer_rows,
    pool_scores,
    risk_band_rows,
    score_rows,
)
from ltvforecast.fitting.covariate_design import design_covariates
from ltvforecast.fitting.fit_model import (
    CalendarChoice,
    DependenceChoice,
    Method,
    PurchaseModel,
    SpendModel,
    check_covariates,
)
from ltvforecast.fitting.pooling import Pooling
from ltvforecast.forecast.horizon import parse_horizon
from ltvforecast.forecast_types import Horizon
from ltvforecast.transaction_types import Transactions
from ltvforecast.types import DEFAULT_SEED, TimeUnit

__all__ = ["backtest"]

EPOCH = dt.date(1970, 1, 1)
_COUNTS: dict[Target, str] = {
    "existing": "the programme and for no partner",
    "total": "neither the programme nor a partner",
}
Progress = Callable[[str, int, int], None]


def backtest(
    transactions: Transactions | IntoFrame,
    *,
    horizon: str | Horizon,
    target: Target = "total",
    origins: int = 4,
    min_customers: int = 20,
    baselines: Sequence[str] | None = None,
    segments: Mapping[str, str] | None = None,
    partners: PartnerTable | None = None,
    attribution: Attribution = "share",
    time_unit: TimeUnit = "day",
    method: Method = "laplace",
    model: PurchaseModel = "bg-nbd",
    spend: SpendModel = "gamma-gamma",
    dependence: DependenceChoice = "auto",
    calendar: CalendarChoice = "auto",
    pooling: Pooling = "partial",
    covariates: Sequence[str] = (),
    layers: LayerChoice = "auto",
    draws: int = 1000,
    seed: int = DEFAULT_SEED,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Forecast from past dates with what was known then, and score it against what came.

    Parameters
    ----------
    transactions : Transactions or dataframe
        A dataframe is first read with :func:`ltvforecast.read_transactions`.
    horizon : str or Horizon
        How far each forecast looks ahead: ``90d``, ``26w``, ``12mo``.
    target : {"total", "existing"}
        ``total``: what partners bring in all, from customers known at the origin and from new
        ones. ``existing``: from customers known at the origin alone.
    origins : int
        Dates to forecast from, spread over the history
        (:func:`ltvforecast.evaluate.origins.plan_origins`).
    min_customers : int
        Partners with fewer customers at the origin count only at level ``partner_all``.
    baselines : sequence of str, optional
        Of ``ltvforecast.evaluate.baselines.BASELINES``; all by default.
    segments : mapping of str to str, optional
        Segment of each partner, for the segment mean; by default as ``partners`` tells.
    partners : PartnerTable, optional
        From :func:`ltvforecast.read_partners`. At each origin only the partners are known that
        had a transaction by then; what the table says of them is what it says today.
    covariates : sequence of str
        As in :func:`ltvforecast.fit`. They are taken as known at every origin: what the partner
        table says today, and what the earliest rows say of a customer. At origins where too little
        was known for one of them, it is left out, and a note says so.
    attribution, time_unit, method, model, spend, dependence, calendar, pooling, layers, draws, seed
        As in :func:`ltvforecast.summarize`, :func:`ltvforecast.fit` and
        :func:`ltvforecast.predict`.
    workers : int, optional
        Origins replayed side by side; by default one for each processor. Changes no number.
    progress : callable, optional
        Called as ``progress(label, done, total)`` from the calling thread.

    Returns
    -------
    Evaluation

    Raises
    ------
    ConfigError
        A history too short for this horizon and number of origins (says what works), an option
        that means nothing, or covariates that could not be fitted even at the end of the data.
    ForecastError
        No model could be fitted at any origin.

    Notes
    -----
    The target is the revenue in the window through partners known at the origin, of all customers
    or of those known then, net of refunds as known at the end of the data; it is the same for
    every method. Where new customers can't be forecast, what is forecast of known ones is held
    against the total, and a note says so. Single customers are scored on what known ones bring.
    At each origin summary, refunds,
    shares, fit and forecast are rebuilt from rows dated up to the origin. Baselines get predictive
    distributions from their own errors at still earlier dates
    (:mod:`ltvforecast.evaluate.past_errors`).

    References
    ----------
    Tashman (2000), International Journal of Forecasting 16, 437-450 (rolling origins); Gneiting,
    Balabdaoui & Raftery (2007), Journal of the Royal Statistical Society B 69, 243-268
    (calibration and sharpness).
    """
    if covariates:
        check_covariates(covariates, method, spend)
    known = (
        transactions
        if isinstance(transactions, Transactions)
        else read_transactions(transactions, covariates=_of_customers(covariates, partners))
    )
    if known.frame.empty:
        raise ForecastError(
            "no transactions", expected="at least one purchase", remedy="check the rejected rows"
        )
    first_day, last_day = int(known.frame["day"].min()), int(known.frame["day"].max())
    asked = _horizon(horizon, last_day)
    days, step = plan_origins(
        first_day=first_day, last_day=last_day, horizon=asked, origins=origins
    )
    threads = min(len(days), available_workers() if workers is None else max(1, workers))
    settings = ReplaySettings(
        horizon=asked,
        days=window_days(asked),
        target=_known_target(target),
        baselines=_known_baselines(baselines),
        segments=dict(_told_segments(partners, known) if segments is None else segments),
        partners=partners,
        attribution=attribution,
        time_unit=time_unit,
        method=method,
        model=model,
        spend=spend,
        dependence=dependence,
        calendar=calendar,
        pooling=pooling,
        covariates=tuple(covariates),
        layers=layers,
        draws=draws,
        seed=seed,
        workers=None if threads == 1 else 1,
    )
    if settings.covariates:
        _check_covariates(known, settings, last_day=last_day)
    replays = list(_replay_all(known, days, settings, threads, progress))
    _refuse_if_never_fitted(replays)
    return _evaluation(replays, settings, min_customers=min_customers, step=step)


def _of_customers(covariates: Sequence[str], partners: PartnerTable | None) -> tuple[str, ...]:
    told = () if partners is None else tuple(partners.frame.columns)
    return tuple(name for name in covariates if name not in told)


def _check_covariates(known: Transactions, settings: ReplaySettings, *, last_day: int) -> None:
    """Refuse covariates that can't be used with all that is known today."""
    summary = summarize(
        known,
        as_of=EPOCH + dt.timedelta(days=last_day),
        attribution=settings.attribution,
        time_unit=settings.time_unit,
        partners=settings.partners,
    )
    design_covariates(summary, settings.covariates)


def _known_target(target: Target) -> Target:
    if target not in get_args(Target):
        raise ConfigError(
            f"target {target!r}",
            expected=f"one of {', '.join(get_args(Target))}",
            remedy="choose total, or existing for customers known at each date alone",
        )
    return target


def _told_segments(partners: PartnerTable | None, known: Transactions) -> Mapping[str, str]:
    """Give each partner's segment; refuse a table that knows none of the partners."""
    if partners is None:
        return {}
    merged = merge_partners(partners, sorted(set(known.frame["partner_id"]))).frame
    return dict(zip(merged["partner_id"], merged["segment"], strict=True))


def _horizon(horizon: str | Horizon, last_day: int) -> Horizon:
    if isinstance(horizon, Horizon):
        return horizon
    return parse_horizon(horizon, EPOCH + dt.timedelta(days=last_day))


def _known_baselines(names: Sequence[str] | None) -> tuple[str, ...]:
    chosen = tuple(BASELINES) if names is None else tuple(names)
    unknown = [name for name in chosen if name not in BASELINES]
    if unknown:
        raise ConfigError(
            f"baseline {', '.join(unknown)}",
            expected=f"some of {', '.join(BASELINES)}",
            remedy="correct the name",
        )
    return chosen


def _replay_all(
    transactions: Transactions,
    days: Sequence[int],
    settings: ReplaySettings,
    threads: int,
    progress: Progress | None,
) -> Iterator[Replay]:
    """Replay every origin, in order; side by side with several threads."""
    tell = progress or _silent
    if threads == 1:
        for done, day in enumerate(days):
            tell("replaying origins", done, len(days))
            yield replay_origin(transactions, origin_day=day, settings=settings)
        tell("replaying origins", len(days), len(days))
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        futures = [
            pool.submit(replay_origin, transactions, origin_day=day, settings=settings)
            for day in days
        ]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                tell("replaying origins", done, len(days))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        yield from (future.result() for future in futures)


def _silent(_label: str, _done: int, _total: int) -> None:
    return


def _refuse_if_never_fitted(replays: Sequence[Replay]) -> None:
    refusals = [replay.refused.get(MODEL) for replay in replays]
    if all(refusals):
        raise ForecastError(
            f"no forecast could be made at any of {len(replays)} origins; at the first, "
            f"{replays[0].origin}: {refusals[0]}",
            expected="at least one origin with enough purchases to fit",
            remedy="use a longer history, or fewer origins, which come later",
        )


def _evaluation(
    replays: Sequence[Replay], settings: ReplaySettings, *, min_customers: int, step: int
) -> Evaluation:
    seeds = np.random.SeedSequence([settings.seed, 0]).spawn(3 * len(replays))
    rows, customers, new = (
        pd.concat(
            [
                table(replay, rng=np.random.default_rng(seed))
                for replay, seed in zip(replays, seeds[part::3], strict=True)
            ],
            ignore_index=True,
        )
        for part, table in enumerate((forecast_rows, customer_rows, new_customer_rows))
    )
    parts = ((customers, "existing"), (rows, settings.target), (new, "new_customers"))
    scored = [
        score_rows(part, min_customers=min_customers).assign(target=target)
        for part, target in parts
        if len(part)
    ]
    scores = pd.concat(scored, ignore_index=True)
    counted = scores["target"] == "new_customers"
    return Evaluation(
        scores=scores.drop(columns=["total", "revenue"]),
        pooled=pool_scores(scores[~counted], rows, min_customers=min_customers),
        new_customers=pool_scores(scores[counted], new, min_customers=min_customers),
        forecasts=rows,
        origins=pd.DataFrame([_origin_row(replay, settings) for replay in replays]),
        new_partners=_listed(replays, "partner_id", "new_partners"),
        moved_customers=_listed(replays, "customer_id", "moved_customers"),
        decile_lift=pd.concat([lift_rows(customers), lift_rows(rows)], ignore_index=True),
        risk_bands=risk_band_rows(replays, days=settings.days),
        horizon=settings.horizon,
        settings={
            "horizon": settings.horizon.text,
            "horizon_days": settings.days,
            "target": settings.target,
            "origins": len(replays),
            "origin_step_days": step,
            "min_customers": min_customers,
            "baselines": list(settings.baselines),
            "attribution": settings.attribution,
            "time_unit": settings.time_unit,
            "method": settings.method,
            "model": settings.model,
            "spend": settings.spend,
            "dependence": settings.dependence,
            "calendar": settings.calendar if isinstance(settings.calendar, str) else "given",
            "pooling": settings.pooling,
            "covariates": list(settings.covariates),
            "layers": settings.layers,
            "draws": settings.draws,
            "seed": settings.seed,
            "crps_estimator": CRPS_ESTIMATOR,
        },
        notes=_notes(replays, settings, step=step),
    )


def _origin_row(replay: Replay, settings: ReplaySettings) -> dict[str, object]:
    came = replay.outcome
    return {
        "origin": replay.origin.isoformat(),
        "window_end": (replay.origin + dt.timedelta(days=settings.days)).isoformat(),
        "customers": len(replay.customer_ids),
        "repeat_customers": replay.repeat_customers,
        "partners": len(replay.partner_ids),
        "actual": replay.actual.programme,
        "new_customers": came.new_customers,
        "revenue_of_new_customers": came.revenue_of_new_customers,
        "new_partners": len(came.new_partners),
        "revenue_at_new_partners": came.revenue_at_new_partners,
        "moved_customers": len(came.moved_customers),
        "refused": "; ".join(f"{name}: {why}" for name, why in replay.refused.items()),
    }


def _listed(replays: Sequence[Replay], name: str, field: str) -> pd.DataFrame:
    pairs = [
        (replay.origin.isoformat(), unit)
        for replay in replays
        for unit in getattr(replay.outcome, field)
    ]
    return pd.DataFrame(pairs, columns=["origin", name])


def _notes(replays: Sequence[Replay], settings: ReplaySettings, *, step: int) -> tuple[str, ...]:
    told = []
    if step < settings.days / 2:
        told.append(
            f"the origins are only {step} days apart: windows of {settings.days} days overlap "
            "much, and the origins tell little more than one of them"
        )
    spoken = [name for name in settings.baselines if name in KNOWN_ONLY]
    if settings.target == "total" and spoken:
        told.append(
            f"of customers known at the origin only: {', '.join(spoken)}; held against the revenue "
            "of all, as the other methods are"
        )
    for replay in replays:
        told += [
            f"{replay.origin}: no forecast by {name}: {why}" for name, why in replay.refused.items()
        ]
        told += [
            f"{replay.origin}: without the covariate {name}: {why}"
            for name, why in replay.left_out.items()
        ]
        if replay.why_no_new_customers:
            told.append(
                f"{replay.origin}: what known customers will bring is held against the revenue of "
                f"all. {replay.why_no_new_customers}"
            )
        came = replay.outcome
        if came.new_partners:
            told.append(
                f"{replay.origin}: {len(came.new_partners)} partners sold only after the origin; "
                f"known customers' {came.revenue_at_new_partners:,.2f} there counts for "
                f"{_COUNTS[settings.target]}"
            )
    return tuple(told)
