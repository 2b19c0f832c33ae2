"""A partner not yet signed: what it would be worth, and which segment to recruit from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods, parse_horizon, split_periods
from ltvforecast.forecast.intervals import check_levels, interval_columns
from ltvforecast.forecast.layers import applied_layers
from ltvforecast.forecast.recruit_parameters import (
    Likeness,
    code_covariates,
    likeness,
    partner_covariates,
    segment_names,
)
from ltvforecast.forecast.recruit_table import (
    NEW_PARTNER,
    Worth,
    few_words,
    new_partner_terms,
    partner_row,
    rank_table,
    worth_of,
)
from ltvforecast.forecast.totals import whole_number
from ltvforecast.forecast_types import ForecastSpec, Horizon
from ltvforecast.types import DEFAULT_SEED

__all__ = ["NewPartnerForecast", "predict_new_partner", "rank_segments"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPartnerForecast:
    """What a partner not yet signed would be worth, with draws.

    Attributes
    ----------
    table : pandas.DataFrame
        One row: ``partner_id, segment``; ``new_customers, future_revenue, ltv, commission`` with
        intervals; ``p_churn`` (no revenue at all); ``cac, ltv_to_cac, p_ltv_exceeds_cac,
        max_affordable_cac, max_affordable_commission, payback_months, p_payback``.
    periods : pandas.DataFrame
        ``period_start, period_end``, and ``new_customers, future_revenue, commission`` with
        intervals.
    draws : xarray.Dataset
        ``new_customers, future_revenue, ltv, commission`` by ``draw``: draw m has the parameters
        that draw m of the programme's forecast has, so that the two may be added up.
    spec : ForecastSpec
    notes : tuple of str
        What is taken for granted, in plain words.
    """

    table: pd.DataFrame
    periods: pd.DataFrame
    draws: xr.Dataset
    spec: ForecastSpec
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        level, row = max(self.spec.levels), self.table.iloc[0]
        shown = "".join(
            f"<tr><th scope='row'>{escape(words)}</th><td>{row[name]:,.1f}</td>"
            f"<td>{row[f'{name}_lo_{level}']:,.1f} – {row[f'{name}_hi_{level}']:,.1f}</td></tr>"
            for name, words in (
                ("ltv", "LTV"),
                ("future_revenue", "revenue"),
                ("new_customers", "customers"),
                ("commission", "commission"),
            )
        )
        of = f" of the segment {escape(str(row['segment']))}" if row["segment"] else ""
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<p><b>{escape(str(row['partner_id']))}</b>{of}, in the "
            f"{escape(self.spec.horizon.text)} from its first customer on</p>"
            f"<table><thead><tr><th></th><th>expected</th><th>{level} % interval</th></tr></thead>"
            f"<tbody>{shown}</tbody></table><ul>{notes}</ul>"
        )


def predict_new_partner(
    model: FittedModel,
    *,
    horizon: str | Horizon,
    segment: str | None = None,
    covariates: Mapping[str, object] | None = None,
    economics: Economics | None = None,
    draws: int = 1000,
    levels: Sequence[int] = (50, 80, 90),
    seed: int = DEFAULT_SEED,
    layers: Sequence[str] | None = None,
    partner_id: str = NEW_PARTNER,
    p_start: float = 1.0,
) -> NewPartnerForecast:
    """Forecast a partner of which there are no data: not yet signed, or without a customer yet.

    Parameters
    ----------
    model : FittedModel
        With partial pooling (partners of a segment differ) or complete pooling (they differ in how
        many customers they bring), and fitted acquisition.
    horizon : str or Horizon
        From the partner's first customer on, who comes when the data end.
    segment : str, optional
        One that partners in the data have. By default that of ``partner_id`` in the partner table;
        a partner not in it is like any other of the programme.
    covariates : mapping of str to object, optional
        A value for every covariate of partners that the model has; by default the partner has, in
        each draw, those of some known partner of its segment.
    economics : Economics, optional
        The segment's terms hold, unless there are terms for ``partner_id``.
    draws, levels, seed, layers
        As in :func:`ltvforecast.predict`; of the layers only what all partners share is put on.
    partner_id : str
        Another name meets other random numbers: two new partners may be added up draw by draw.
    p_start : float
        Probability that the partner, once signed, ever brings a customer.

    Returns
    -------
    NewPartnerForecast

    Raises
    ------
    ForecastError
        Nothing can be said of a partner without data: no acquisition, or no pooling.
    ConfigError
        An option that means nothing, or a partner that is known already.

    Notes
    -----
    In each draw the partner's own purchase rate, dropout and spend are drawn around its segment's
    means; so is how many customers it brings a month, and how long. The first customer is
    certain (as far as partners begin with one of their own): the model knows partners from their
    first customer on only, and how many were signed who never brought one is not in the data.
    With ``p_start`` that is allowed for.

    References
    ----------
    Gelman & Hill (2007), Data analysis using regression and multilevel/hierarchical models,
    section 12.8 (prediction for a new group).

    Examples
    --------
    ``predict_new_partner(model, horizon="12mo", segment="blog").table["ltv"]``
    """
    spec = _spec(model, horizon, economics, draws=draws, levels=levels, seed=seed, layers=layers)
    segment = _segment(model, partner_id, segment)
    row, told = code_covariates(model, covariates)
    like = likeness(model, segment, row=row)
    terms = new_partner_terms(
        spec.economics, model.summary, partner_id=partner_id, segment=like.segment
    )
    periods = split_periods(spec.horizon, model.summary.as_of)
    worth = worth_of(model, spec, periods, like, terms=terms, name=partner_id,
                     p_start=_probability(p_start))  # fmt: skip
    table = pd.DataFrame(
        [
            {
                "partner_id": partner_id,
                "segment": like.segment,
                **partner_row(worth, periods, spec.levels),
            }
        ]
    )
    return NewPartnerForecast(
        table=table,
        periods=_period_table(worth, periods, spec.levels),
        draws=_draw_set(worth),
        spec=spec,
        notes=(*_notes(model, like, p_start=p_start), *told),
    )


def rank_segments(
    model: FittedModel,
    *,
    horizon: str | Horizon,
    economics: Economics | None = None,
    segments: Sequence[str] | None = None,
    draws: int = 1000,
    levels: Sequence[int] = (50, 80, 90),
    seed: int = DEFAULT_SEED,
    layers: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Rank segments by what one more partner of each would be worth.

    Parameters
    ----------
    model : FittedModel
    horizon : str or Horizon
    economics : Economics, optional
    segments : sequence of str, optional
        All that partners in the data have by default.
    draws, levels, seed, layers
        As in :func:`ltvforecast.predict`.

    Returns
    -------
    pandas.DataFrame
        One row a segment, by falling ``ltv``: see
        :func:`ltvforecast.forecast.recruit_table.rank_table`. The intervals of ``ltv`` are those
        of a single partner; those of ``expected_ltv`` are of the segment's average, and so is
        ``p_best``.

    Raises
    ------
    ForecastError
        Nothing can be said of a partner without data.
    ConfigError
        An option that means nothing, or a segment of which no partner is in the data.
    """
    spec = _spec(model, horizon, economics, draws=draws, levels=levels, seed=seed, layers=layers)
    names = segment_names(model) if segments is None else tuple(dict.fromkeys(segments))
    if not names:
        raise ConfigError(
            "no segment to rank",
            expected=f"any of {', '.join(segment_names(model))}",
            remedy="name at least one, or leave them out for all",
        )
    periods = split_periods(spec.horizon, model.summary.as_of)
    return rank_table(model, spec, periods, names).drop(columns="partner_id")


def _spec(
    model: FittedModel,
    horizon: str | Horizon,
    economics: Economics | None,
    *,
    draws: int,
    levels: Sequence[int],
    seed: int,
    layers: Sequence[str] | None,
) -> ForecastSpec:
    text = horizon if isinstance(horizon, str) else f"{float(horizon.days)}d"
    asked = parse_horizon(text, model.summary.as_of)
    return ForecastSpec(
        horizon=asked if isinstance(horizon, str) else horizon,
        draws=whole_number("draws", draws, least=1),
        levels=check_levels(levels),
        economics=Economics() if economics is None else economics,
        seed=whole_number("seed", seed, least=0),
        layers=applied_layers(layers),
    )


def _segment(model: FittedModel, partner_id: str, segment: str | None) -> str | None:
    """Look up a segment that was not given; refuse a partner that is known."""
    if partner_id in model.summary.partner_ids:
        raise ConfigError(
            f"{partner_id!r} is no new partner: it is in the data",
            expected="the name of a partner without transactions, or none",
            remedy="forecast it with predict, or leave the name out",
        )
    table = model.summary.partner_table
    if segment is not None or table is None or "segment" not in table:
        return segment
    own = table.loc[table["partner_id"] == partner_id, "segment"].dropna()
    return None if own.empty or own.iloc[0] not in segment_names(model) else str(own.iloc[0])


def _probability(p_start: float) -> float:
    if not 0.0 < p_start <= 1.0:
        raise ConfigError(
            f"p_start = {p_start:g}",
            expected="a probability above 0, up to 1",
            remedy="give the share of signed partners that ever bring a customer",
        )
    return float(p_start)


def _period_table(worth: Worth, periods: Periods, levels: Sequence[int]) -> pd.DataFrame:
    futures = worth.futures
    commission = worth.money.commission_by_period[:, 0]
    return pd.DataFrame(
        {
            "period_start": [day.isoformat() for day in periods.starts],
            "period_end": [day.isoformat() for day in periods.ends],
            **interval_columns("new_customers", futures.customers, levels),
            **interval_columns("future_revenue", futures.revenue, levels),
            **interval_columns("commission", commission, levels),
        }
    )


def _draw_set(worth: Worth) -> xr.Dataset:
    futures, money = worth.futures, worth.money
    quantities = {
        "new_customers": futures.customers.sum(axis=1).astype(np.int64),
        "future_revenue": futures.revenue.sum(axis=1),
        "ltv": money.ltv[:, 0],
        "commission": money.commission[:, 0],
    }
    return xr.Dataset(
        {name: ("draw", values) for name, values in quantities.items()},
        coords={"draw": np.arange(len(money.ltv))},
    )


def _notes(model: FittedModel, like: Likeness, *, p_start: float) -> tuple[str, ...]:
    whom = f"the partners of the segment {like.segment!r}" if like.segment else "any partner"
    few = few_words(like)
    start = (
        "The horizon begins with its first customer: partners are in the data from their first "
        "customer on only. "
    )
    never = (
        "That a partner, once signed, never brings anybody is left out; p_start allows for it."
        if p_start == 1.0
        else f"It never brings anybody with a probability of {100 * (1 - p_start):.0f} %."
    )
    notes = [
        f"The partner is taken to be like {whom} of the programme.",
        *([f"{few[:1].upper()}{few[1:]}."] if few else []),
        start + never,
    ]
    if model.partner_levels is None:
        notes.append(
            "Its customers buy and spend like those of the whole programme: the model does not "
            "tell partners apart (complete pooling), only how many customers they bring."
        )
    if partner_covariates(model) and like.row is None:
        notes.append("Its covariates are taken to be those of the partners that it is like.")
    notes.append(
        "All that its customers buy counts, also where they buy through other partners; "
        "nothing is counted of customers whom others bring."
    )
    return tuple(notes)
