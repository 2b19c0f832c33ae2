"""An old forecast against newer transactions: what came, what was inside, what surprised."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from narwhals.stable.v2.typing import IntoFrame

from ltvforecast.data.refunds import net_refunds
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ForecastError
from ltvforecast.evaluate.elapsed import (
    elapsed_partners,
    elapsed_periods,
    elapsed_scores,
    whole_periods,
)
from ltvforecast.evaluate.origins import window_days
from ltvforecast.evaluate.outcome import Outcome, outcome_after
from ltvforecast.evaluate.records import COVERAGE_LEVELS, MODEL, PROGRAMME
from ltvforecast.evaluate.replay import MethodForecast, Replay, actual_of
from ltvforecast.evaluate.same_programme import check_same_programme
from ltvforecast.evaluate.score_records import ForecastScore, ForecastVerdict, SameProgramme
from ltvforecast.evaluate.table import forecast_rows, score_rows
from ltvforecast.evaluate.verdict import judge_elapsed, judge_window
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.transaction_types import Transactions
from ltvforecast.types import FloatArray

__all__ = ["score"]

EPOCH = dt.date(1970, 1, 1)
CREDITED_TO_ONE = ("first", "last")
"""Attribution rules that give all of a customer's value to one partner."""
SPREAD = ("linear", "position")
"""Attribution rules whose shares a forecast's folder doesn't hold."""


def score(
    forecast: PartnerForecast,
    transactions: Transactions | IntoFrame,
    *,
    min_customers: int = 20,
    seed: int = 0,
) -> ForecastScore:
    """Hold an old forecast against what has happened since.

    Parameters
    ----------
    forecast : PartnerForecast
        From :func:`ltvforecast.predict` or :func:`ltvforecast.load_forecast`.
    transactions : Transactions or dataframe
        Newer ones of the same programme, from the beginning of its history. A dataframe is first
        read with :func:`ltvforecast.read_transactions`.
    min_customers : int
        Partners with fewer customers count only at level ``partner_all``.
    seed : int
        Breaks ties of the PIT (partners that bring nothing in many futures).

    Returns
    -------
    ForecastScore

    Raises
    ------
    TransactionError
        Another currency, nothing after the as-of date, or not the same programme.
    ForecastError
        Not one of the forecast's periods has passed as a whole.

    Notes
    -----
    The target is that of :func:`ltvforecast.backtest`: revenue of customers known at the as-of
    date, net of refunds as known at the end of the newer data. Revenue of new customers is told
    apart; that of known customers at new partners counts for the programme and for no partner.
    Attribution rules that give all to one partner credit what came likewise.

    While the window isn't complete, a forecast can only be scored by its own periods, because
    draws are kept of the whole window: means of whole periods add up to the forecast so far, and
    intervals are held against single periods.

    References
    ----------
    Dawid (1984), Journal of the Royal Statistical Society A 147, 278-292 (forecasts are judged by
    what came); Gneiting, Balabdaoui & Raftery (2007), ibid. B 69, 243-268.
    """
    known = (
        transactions if isinstance(transactions, Transactions) else read_transactions(transactions)
    )
    as_of = dt.date.fromisoformat(str(forecast.provenance["as_of"]))
    as_of_day = (as_of - EPOCH).days
    agreement = check_same_programme(forecast, known, as_of_day=as_of_day)
    last_day = int(known.frame["day"].max())
    purchases = net_refunds(known, as_of=EPOCH + dt.timedelta(days=last_day)).frame
    case = _Case(
        forecast=forecast,
        purchases=_credited(forecast, purchases),
        partner_ids=tuple(forecast.draws["partner"].to_numpy().astype(str).tolist()),
        as_of_day=as_of_day,
        days=window_days(forecast.spec.horizon),
        last_day=last_day,
        min_customers=min_customers,
        agreement=agreement,
    )
    periods = whole_periods(forecast, last_day=last_day)
    if case.last_day >= as_of_day + case.days:
        return _score_window(case, periods, rng=np.random.default_rng(seed))
    return _score_elapsed(case, periods)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    """All that the scoring needs."""

    forecast: PartnerForecast
    purchases: pd.DataFrame
    partner_ids: tuple[str, ...]
    as_of_day: int
    days: int
    last_day: int
    min_customers: int
    agreement: SameProgramme

    def came(self, before: int, days: int) -> Outcome:
        """Add up what came in the days after the end of a day."""
        return outcome_after(
            self.purchases,
            customer_ids=tuple(self.forecast.customers["customer_id"].astype(str)),
            partner_ids=self.partner_ids,
            origin_day=before,
            days=days,
        )

    def of_partner(self, name: str) -> FloatArray:
        """Give a column of the partner table in the order of the draws."""
        table = self.forecast.partners.set_index("partner_id")[name]
        return table.reindex(list(self.partner_ids)).to_numpy(np.float64)


def _rule(forecast: PartnerForecast) -> str:
    allocation = forecast.provenance.get("allocation")
    return str(allocation["rule"]) if isinstance(allocation, dict) else "share"


def _credited(forecast: PartnerForecast, purchases: pd.DataFrame) -> pd.DataFrame:
    """Move known customers' purchases to the one partner that the forecast gives them to."""
    if _rule(forecast) not in CREDITED_TO_ONE:
        return purchases
    main = forecast.customers.set_index("customer_id")["partner_id"]
    credited = purchases["customer_id"].map(main)
    return purchases.assign(partner_id=credited.fillna(purchases["partner_id"]))


def _score_window(
    case: _Case, periods: list[tuple[int, int]], *, rng: np.random.Generator
) -> ForecastScore:
    outcome = case.came(case.as_of_day, case.days)
    draws = case.forecast.draws["existing_revenue"].to_numpy().astype(np.float64)
    rows = forecast_rows(_replay(case, outcome, draws), rng=rng)
    for level in COVERAGE_LEVELS:
        low, high = (rows[f"forecast_{end}_{level}"] for end in ("lo", "hi"))
        rows[f"inside_{level}"] = rows["actual"].between(low, high)
    scores = score_rows(rows, min_customers=case.min_customers)
    futures = np.concatenate([draws, draws.sum(axis=1, keepdims=True)], axis=1)
    rows["surprise"] = _surprises(rows, futures)
    return _record(
        case,
        outcome,
        rows=rows,
        periods=elapsed_periods(case.forecast, periods, case.came, partner_ids=case.partner_ids),
        scores=scores.drop(columns=["origin", "method", "total", "revenue"]),
        verdict=judge_window(outcome.partner, outcome.programme, draws),
        scored_days=case.days,
    )


def _replay(case: _Case, outcome: Outcome, draws: FloatArray) -> Replay:
    """Put the forecast where a backtest has its own, to be scored in the same way."""
    return Replay(
        origin=EPOCH + dt.timedelta(days=case.as_of_day),
        customer_ids=tuple(case.forecast.customers["customer_id"].astype(str)),
        partner_ids=case.partner_ids,
        partner_customers=case.of_partner("customers"),
        partner_revenue=case.of_partner("revenue_to_date"),
        repeat_customers=int((case.forecast.customers["frequency"] > 0).sum()),
        outcome=outcome,
        actual=actual_of(outcome, "existing"),
        forecasts=(
            MethodForecast(
                method=MODEL,
                partner=draws.mean(axis=0),
                partner_draws=draws,
                programme_draws=draws.sum(axis=1),
            ),
        ),
        new_customers=None,
        why_no_new_customers="",
        refused={},
    )


def _surprises(rows: pd.DataFrame, futures: FloatArray) -> list[str]:
    """Say how many of the simulated futures were as far out; rows in the order of their columns."""
    actual = rows["actual"].to_numpy(np.float64)
    reached = np.minimum((futures >= actual).sum(axis=0), (futures <= actual).sum(axis=0))
    point, inside = rows["forecast"].to_numpy(np.float64), rows["inside_90"].tolist()
    told = []
    for y, mean, within, count in zip(actual, point, inside, reached.tolist(), strict=True):
        if within:
            told.append("as forecast")
            continue
        side, much = ("more", "much") if y > mean else ("less", "little")
        what = "nothing came" if y == 0 else f"{side} than forecast"
        often = f"{count:,}" if count else "none"
        told.append(f"{what}: so {much} in {often} of {len(futures):,} simulated futures")
    return told


def _score_elapsed(case: _Case, periods: list[tuple[int, int]]) -> ForecastScore:
    if not periods:
        first_end = min(case.forecast.periods["period_end"])
        until = EPOCH + dt.timedelta(days=case.last_day)
        raise ForecastError(
            f"{case.last_day - case.as_of_day} of {case.days} days have passed; the forecast's "
            f"first period ends on {first_end} and the data on {until}",
            expected="at least one whole period: there are no intervals for parts of one",
            remedy=f"score again with transactions up to {first_end} or later",
        )
    levels = case.forecast.spec.levels
    outcome = case.came(case.as_of_day, periods[-1][1] - case.as_of_day)
    table = elapsed_periods(case.forecast, periods, case.came, partner_ids=case.partner_ids)
    totals = elapsed_partners(table, levels)
    customers = pd.Series(case.of_partner("customers"), index=list(case.partner_ids))
    to_date = pd.Series(case.of_partner("revenue_to_date"), index=list(case.partner_ids))
    whole = totals["partner_id"] == PROGRAMME
    counts = totals["partner_id"].map(customers)
    totals["customers"] = counts.where(~whole, len(case.forecast.customers)).astype(np.int64)
    totals["revenue_to_date"] = totals["partner_id"].map(to_date).where(~whole, to_date.sum())
    totals["level"] = np.where(whole, "programme", "partner")
    totals["pit"] = np.nan
    totals["surprise"] = _surprises_so_far(totals, table, levels=levels)
    of_programme = table[table["partner_id"] == PROGRAMME]
    widest = max(levels)
    ends = tuple(float(of_programme[f"forecast_{end}_{widest}"].sum()) for end in ("lo", "hi"))
    large = totals.loc[~whole & (totals["customers"] >= case.min_customers), "partner_id"]
    return _record(
        case,
        outcome,
        rows=totals,
        periods=table,
        scores=elapsed_scores(table, totals, large=large.tolist(), levels=levels),
        verdict=judge_elapsed(
            float(of_programme["actual"].sum()),
            float(of_programme["forecast"].sum()),
            (ends[0], ends[1]),
            level=widest,
        ),
        scored_days=periods[-1][1] - case.as_of_day,
    )


def _surprises_so_far(
    totals: pd.DataFrame, periods: pd.DataFrame, *, levels: tuple[int, ...]
) -> list[str]:
    """Say in how many of its periods each partner was outside the widest interval."""
    level = max(levels)
    missed = (~periods[f"inside_{level}"]).groupby(periods["partner_id"]).sum()
    counts = totals["partner_id"].map(missed).tolist()
    passed = len(periods) // len(totals)
    told = []
    for y, mean, count in zip(totals["actual"], totals["forecast"], counts, strict=True):
        if not count:
            told.append("as forecast so far")
            continue
        side = "more" if y > mean else "less"
        what = "nothing came" if y == 0 else f"{side} than forecast so far"
        plural = "s" if passed > 1 else ""
        told.append(f"{what}: outside the {level} % interval in {count} of {passed} period{plural}")
    return told


def _record(
    case: _Case,
    outcome: Outcome,
    *,
    rows: pd.DataFrame,
    periods: pd.DataFrame,
    scores: pd.DataFrame,
    verdict: ForecastVerdict,
    scored_days: int,
) -> ForecastScore:
    passed = min(case.last_day - case.as_of_day, case.days)
    first = ["partner_id", "customers", "revenue_to_date", "forecast"]
    ends = [name for name in rows.columns if name.startswith("forecast_")]
    inside = [name for name in rows.columns if name.startswith("inside_")]
    scored = [name for name in ("crps", "interval_score") if name in rows]
    columns = [*first, *ends, "actual", *inside, "pit", *scored, "surprise"]
    partners = rows.loc[rows["level"] == "partner", columns]
    order = _missed(partners).sort_values(ascending=False, kind="stable").index
    whole = rows.loc[rows["level"] == "programme", columns].iloc[0]
    day = EPOCH + dt.timedelta(days=case.as_of_day)
    return ForecastScore(
        partners=partners.loc[order].reset_index(drop=True),
        periods=periods,
        programme={str(name): value for name, value in whole.items()},
        scores=scores.reset_index(drop=True),
        verdict=verdict,
        agreement=case.agreement,
        beside={
            "new_customers": outcome.new_customers,
            "revenue_of_new_customers": outcome.revenue_of_new_customers,
            "new_partners": list(outcome.new_partners),
            "revenue_at_new_partners": outcome.revenue_at_new_partners,
            "moved_customers": len(outcome.moved_customers),
        },
        as_of=day,
        window_end=day + dt.timedelta(days=case.days),
        scored_until=day + dt.timedelta(days=scored_days),
        days_passed=passed,
        days_scored=scored_days,
        days_asked=case.days,
        complete=passed == case.days,
        notes=_notes(case, outcome, passed=passed, scored_days=scored_days),
    )


def _missed(partners: pd.DataFrame) -> pd.Series[float]:
    """Money outside the 90 % interval; without intervals, the miss."""
    actual = partners["actual"]
    if "forecast_lo_90" not in partners or partners["forecast_lo_90"].isna().any():
        return (actual - partners["forecast"]).abs()
    low, high = (partners[f"forecast_{end}_90"].astype(np.float64) for end in ("lo", "hi"))
    return (low - actual).clip(lower=0) + (actual - high).clip(lower=0)


def _notes(case: _Case, outcome: Outcome, *, passed: int, scored_days: int) -> tuple[str, ...]:
    told = list(case.agreement.notes)
    if passed < case.days:
        told.append(
            f"{passed} of {case.days} days have passed; scored are the forecast's whole periods, "
            f"{scored_days} days: means add up over periods, intervals are of single periods"
        )
    if outcome.new_partners:
        told.append(
            f"{len(outcome.new_partners):,} partners are new; known customers' "
            f"{outcome.revenue_at_new_partners:,.2f} there counts for the programme and for no "
            "partner"
        )
    if _rule(case.forecast) in SPREAD:
        told.append(
            f"the forecast shares customers by the rule '{_rule(case.forecast)}'; partners are "
            "held against what was bought through them"
        )
    return tuple(told)
