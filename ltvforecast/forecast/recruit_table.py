"""What partners without data are worth: one row each, with money terms, for segments and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ltvforecast.economics_types import Economics, PartnerTerms
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.economics import (
    PartnerCash,
    PartnerMoney,
    months_of_periods,
    value_partners,
)
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, Periods
from ltvforecast.forecast.intervals import interval_columns
from ltvforecast.forecast.money_columns import money_columns
from ltvforecast.forecast.partners import segments_of
from ltvforecast.forecast.recruit_futures import (
    PartnerFutures,
    expected_partner,
    simulate_partner,
)
from ltvforecast.forecast.recruit_parameters import (
    Likeness,
    likeness,
    segment_names,
    table_covariates,
    why_no_new_partner,
)
from ltvforecast.forecast.terms import resolve_terms, take_terms
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray

__all__ = [
    "NEW_PARTNER",
    "Worth",
    "few_words",
    "new_partner_table",
    "new_partner_terms",
    "partner_row",
    "rank_table",
    "recruit_words",
    "worth_of",
]

NEW_PARTNER = "new partner"
"""Name of a partner of which nothing is known but its segment."""
NAMED = 3
"""Partners that a warning names."""
EXPECTATION_DRAWS = 200
FEW_PARTNERS = 5
"""With fewer it is mostly the prior that says how far partners differ."""
_UNSEEN = "nobody of its segment is in the data: taken to be like any partner of the programme"
_STAND_IN = "\x00new partner of "


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Futures of one new partner, and their worth; arrays of the latter have one partner.

    Attributes
    ----------
    futures : PartnerFutures
    terms : PartnerTerms
    money : PartnerMoney
    """

    futures: PartnerFutures
    terms: PartnerTerms
    money: PartnerMoney


def new_partner_terms(
    economics: Economics, summary: CustomerSummary, *, partner_id: str, segment: str
) -> PartnerTerms:
    """Find the money terms of a partner without transactions.

    Parameters
    ----------
    economics : Economics
    summary : CustomerSummary
    partner_id : str
        Its own terms hold if the economics or the partner table know it; else its segment's.
    segment : str
        Empty: those of the programme.

    Returns
    -------
    PartnerTerms
        Of one partner.

    Raises
    ------
    ConfigError
        Terms that mean nothing.
    """
    table = summary.partner_table
    found = resolve_terms(economics, summary.partner_ids, partner_table=table)
    named = found.without_transactions
    if partner_id in named.partner_ids:
        place = named.partner_ids.index(partner_id)
        return take_terms(named, slice(place, place + 1))
    name = f"{_STAND_IN}{segment}"
    row = pd.DataFrame({"partner_id": [name], "segment": [segment]})
    if table is not None:
        known = table[[each for each in ("partner_id", "segment") if each in table]]
        row = pd.concat([known.astype(object), row.astype(object)], ignore_index=True)
    if segment not in economics.by_segment:
        economics = replace(economics, by_segment={})
    own = resolve_terms(economics, [name], partner_table=row).partners
    return replace(own, partner_ids=(partner_id,))


def worth_of(
    model: FittedModel,
    spec: ForecastSpec,
    periods: Periods,
    like: Likeness,
    *,
    terms: PartnerTerms,
    name: str = NEW_PARTNER,
    p_start: float = 1.0,
) -> Worth:
    """Simulate one new partner and put its money terms on.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    periods : Periods
    like : Likeness
    terms : PartnerTerms
        Of one partner.
    name : str
        Of its random streams.
    p_start : float

    Returns
    -------
    Worth
    """
    months = float(terms.commission_months[0])
    futures = simulate_partner(
        model,
        periods,
        like,
        name=name,
        draws=spec.draws,
        seed=spec.seed,
        layers=spec.layers,
        eligible_days=months * DAYS_PER_MONTH if np.isfinite(months) else None,
        p_start=p_start,
    )
    cash = PartnerCash(
        existing_revenue=np.zeros_like(futures.revenue)[:, None],
        new_revenue=futures.revenue[:, None],
        first_order_revenue=futures.first_revenue[:, None],
        new_customers=futures.customers[:, None],
        eligible_revenue=None if futures.eligible is None else futures.eligible[:, None],
    )
    money = value_partners(cash, terms, edges_days=periods.edges_days)
    return Worth(futures=futures, terms=terms, money=money)


def partner_row(worth: Worth, periods: Periods, levels: Sequence[int]) -> dict[str, float]:
    """Build the columns of one new partner.

    Parameters
    ----------
    worth : Worth
    periods : Periods
    levels : sequence of int

    Returns
    -------
    dict of str to float
        ``new_customers, future_revenue`` with intervals, ``p_churn`` (no revenue at all), and
        those of :func:`ltvforecast.forecast.money_columns.money_columns`.
    """
    revenue = worth.futures.revenue.sum(axis=1, keepdims=True)
    months = months_of_periods(periods.edges_days)
    columns = {
        **interval_columns(
            "new_customers", worth.futures.customers.sum(axis=1, keepdims=True), levels
        ),
        **interval_columns("future_revenue", revenue, levels),
        **money_columns(worth.money, worth.terms, months=months, levels=levels),
        "p_churn": np.mean(revenue == 0, axis=0),
    }
    return {name: float(values[0]) for name, values in columns.items()}


def rank_table(
    model: FittedModel, spec: ForecastSpec, periods: Periods, names: Sequence[str]
) -> pd.DataFrame:
    """Put one more partner of each segment side by side, the most valuable first.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    periods : Periods
    names : sequence of str
        Segments.

    Returns
    -------
    pandas.DataFrame
        ``partner_id`` (empty), ``segment``, ``partners`` (of it in the data), the columns of
        :func:`partner_row`, ``expected_ltv`` intervals (of the segment's average new partner: what
        is uncertain is the segment), ``p_best`` (that its average new partner is worth most),
        ``warnings``.

    Notes
    -----
    The expectation of worth follows that of revenue in a straight line, which is that of the
    simulated futures: exact where worth is a share of revenue.
    """
    rows, expected = [], []
    count = min(spec.draws, EXPECTATION_DRAWS)
    known = segments_of(model.summary)
    for name in names:
        like = likeness(model, name)
        terms = new_partner_terms(
            spec.economics, model.summary, partner_id=NEW_PARTNER, segment=name
        )
        worth = worth_of(model, spec, periods, like, terms=terms)
        revenue = expected_partner(
            model, periods, like, draws=count, seed=spec.seed, layers=spec.layers
        )
        mean = _expected_ltv(worth, revenue)
        expected.append(mean)
        rows.append(
            {
                "partner_id": "",
                "segment": name,
                "partners": known.count(name),
                **partner_row(worth, periods, spec.levels),
                **_ends(mean, spec.levels),
                "warnings": few_words(like),
            }
        )
    best = np.argmax(np.array(expected), axis=0)
    table = pd.DataFrame(rows)
    told = [float(np.mean(best == place)) for place in range(len(rows))]
    table.insert(len(table.columns) - 1, "p_best", told)
    table = table.sort_values(["ltv", "segment"], ascending=[False, True], ignore_index=True)
    return table.astype({"partner_id": "str", "segment": "str"})


def _expected_ltv(worth: Worth, revenue: FloatArray) -> FloatArray:
    ltv, brought = worth.money.ltv[:, 0], worth.futures.revenue.sum(axis=1)
    spread = float(np.var(brought))
    together = float(np.mean((brought - brought.mean()) * (ltv - ltv.mean())))
    slope = together / spread if spread > 0 else 0.0
    return np.asarray(ltv.mean() + slope * (revenue - brought.mean()))


def _ends(mean: FloatArray, levels: Sequence[int]) -> dict[str, float]:
    columns = interval_columns("expected_ltv", mean[:, None], levels, mean=False)
    return {name: float(values[0]) for name, values in columns.items()}


def new_partner_table(
    model: FittedModel, spec: ForecastSpec, periods: Periods
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Tell what one more partner of each segment is worth, and partners that have no data yet.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    periods : Periods

    Returns
    -------
    table : pandas.DataFrame or None
        Rows of :func:`rank_table`, then one for each partner of the partner table or the economics
        without any transaction: ``partner_id``, and NaN for ``p_best`` and the expectation. None
        where nothing can be said of a partner without data.
    warnings : tuple of str

    Notes
    -----
    Two of these partners of which the same is known meet the same random numbers: their rows are
    alike.
    """
    summary = model.summary
    names = resolve_terms(
        spec.economics, summary.partner_ids, partner_table=summary.partner_table
    ).without_transactions.partner_ids
    why = why_no_new_partner(model)
    if not spec.acquisition or why:
        return None, _left_out(names, why or "New customers are switched off.")
    table = rank_table(model, spec, periods, _rankable(model))
    if not names:
        return table, ()
    named = _named_rows(model, spec, periods, names)
    return pd.concat([table, named], ignore_index=True), (recruit_words(names),)


def few_words(like: Likeness) -> str:
    """Say that a partner is like very few; empty where it is not.

    Parameters
    ----------
    like : Likeness

    Returns
    -------
    str
    """
    known = len(like.partners)
    if known >= FEW_PARTNERS:
        return ""
    return (
        f"only {known} partner{'s' * (known != 1)} like it in the data: how far partners differ is "
        "hardly known"
    )


def recruit_words(names: Sequence[str]) -> str:
    """Say that partners without data are forecast apart from the programme.

    Parameters
    ----------
    names : sequence of str

    Returns
    -------
    str
    """
    they, be = ("they", "are") if len(names) > 1 else ("it", "is")
    return (
        f"{_count(names)} without any transaction ({_some(names)}) {be} forecast apart, as if "
        f"{they} won a first customer now; {they} {be} not in the programme's figures"
    )


def _rankable(model: FittedModel) -> tuple[str, ...]:
    fit = model.acquisition
    counted = set() if fit is None else set(fit.counts.partner_ids)
    told = zip(model.summary.partner_ids, segments_of(model.summary), strict=True)
    seen = {segment for partner, segment in told if partner in counted}
    return tuple(name for name in segment_names(model) if name in seen)


def _left_out(names: Sequence[str], why: str) -> tuple[str, ...]:
    if not names:
        return ()
    return (f"{_count(names)} without any transaction ({_some(names)}): not forecast. {why}",)


def _count(names: Sequence[str]) -> str:
    return "1 partner" if len(names) == 1 else f"{len(names):,} partners"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _named_rows(
    model: FittedModel, spec: ForecastSpec, periods: Periods, names: Sequence[str]
) -> pd.DataFrame:
    table = model.summary.partner_table
    told: dict[str, str] = {}
    if table is not None and "segment" in table:
        ids = table["partner_id"].astype(str)
        told = dict(zip(ids, table["segment"].fillna("").astype(str), strict=True))
    known = segments_of(model.summary)
    coded, rankable = table_covariates(model, names), set(_rankable(model))
    found: dict[tuple[object, ...], Worth] = {}
    rows = []
    for name in names:
        segment = told.get(name, "")
        own = coded.get(name)
        terms = new_partner_terms(spec.economics, model.summary, partner_id=name, segment=segment)
        key = (segment, None if own is None else own.tobytes(), _key(terms))
        like = likeness(model, segment if segment in rankable else None, row=own)
        if key not in found:
            found[key] = worth_of(model, spec, periods, like, terms=terms)
        unseen = _UNSEEN if segment and segment not in rankable else ""
        columns = partner_row(found[key], periods, spec.levels)
        rows.append(
            {
                "partner_id": name,
                "segment": segment,
                "partners": known.count(segment),
                **columns,
                "warnings": "; ".join(words for words in (unseen, few_words(like)) if words),
            }
        )
    return pd.DataFrame(rows).astype({"partner_id": "str", "segment": "str"})


def _key(terms: PartnerTerms) -> tuple[object, ...]:
    values = (getattr(terms, name) for name in PartnerTerms.__slots__ if name != "partner_ids")
    return tuple(str(value) for value in values)
