"""What a partner without any data is drawn from: its segment, its covariates, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit

from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.exposure import chosen_rows
from ltvforecast.forecast.newcomers import why_no_newcomers
from ltvforecast.forecast.parameters import choose_draws
from ltvforecast.forecast.partners import segments_of
from ltvforecast.forecast.records import Draws
from ltvforecast.forecast.streams import open_named_stream
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "Likeness",
    "code_covariates",
    "likeness",
    "new_partner_model",
    "new_partner_stream",
    "partner_covariates",
    "segment_names",
    "table_covariates",
    "why_no_new_partner",
]

LEVELS = 3
"""What a partner has of its own: purchase rate, dropout and spend."""
_STREAM = 0x726563  # "rec": apart from the streams of partners that are known
_REMEDY = "give one of these, or leave the segment out for a partner like any other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What is known of a partner of which there are no data.

    Attributes
    ----------
    segment : str
        Empty for any partner of the programme.
    partners : int64 array, shape (k,)
        Places in the summary of the known partners that it is like.
    row : float64 array, shape (column,), or None
        Its coded covariates; None: in each draw those of a partner it is like.
    """

    segment: str
    partners: IntArray
    row: FloatArray | None = None


def why_no_new_partner(model: FittedModel) -> str:
    """Say why nothing can be said of a partner without data; empty if something can.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    str
    """
    if model.settings.pooling == "none":
        return (
            "A partner without data can't be forecast: without pooling each partner was judged by "
            "its own data alone, which say nothing of another one."
        )
    why = why_no_newcomers(model)
    return f"A partner without data can't be forecast. {why}" if why else ""


def segment_names(model: FittedModel) -> tuple[str, ...]:
    """Give the segments that partners in the data have, sorted.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    tuple of str
    """
    return tuple(sorted(set(segments_of(model.summary))))


def likeness(model: FittedModel, segment: str | None, *, row: FloatArray | None = None) -> Likeness:
    """Find the known partners that a new one is like.

    Parameters
    ----------
    model : FittedModel
    segment : str or None
        None: a partner like any other.
    row : float64 array, shape (column,), optional
        See :func:`code_covariates`.

    Returns
    -------
    Likeness

    Raises
    ------
    ForecastError
        Nothing can be said of a partner without data.
    ConfigError
        A segment of which no partner is in the data.
    """
    why = why_no_new_partner(model)
    fit = model.acquisition
    if why or fit is None:
        raise ForecastError(
            why,
            expected="a model with partial or complete pooling that knows how partners bring new "
            "customers",
            remedy="fit again with --pooling partial, with data that show when each customer "
            "bought for the first time",
        )
    names = segments_of(model.summary)
    if segment is not None and segment not in names:
        raise ConfigError(
            f"the segment {segment!r}, of which no partner is in the data",
            expected=f"one of {', '.join(sorted(set(names)))}",
            remedy=_REMEDY,
        )
    counted = set(fit.counts.partner_ids)
    of_segment = [segment is None or name == segment for name in names]
    seen = [partner in counted for partner in model.summary.partner_ids]
    alike = np.flatnonzero(np.array(of_segment) & np.array(seen))
    if len(alike) == 0:
        raise ForecastError(
            f"the segment {segment!r}: no partner of it has ever brought a customer",
            expected="at least one",
            remedy="choose another segment, or leave it out for a partner like any other",
        )
    return Likeness(segment=segment or "", partners=alike.astype(np.int64), row=row)


def partner_covariates(model: FittedModel) -> tuple[str, ...]:
    """Give the names of the covariates of partners that the model has.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    tuple of str
    """
    effects = model.effects
    if effects is None:
        return ()
    return tuple(coding.name for coding in effects.codings if coding.level == "partner")


def code_covariates(
    model: FittedModel, values: Mapping[str, object] | None
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """Code the covariates of a new partner as those of known partners were.

    Parameters
    ----------
    model : FittedModel
    values : mapping of str to object, or None
        A value for every covariate of partners, or nothing at all; ``None`` or an empty text where
        one isn't known.

    Returns
    -------
    row : float64 array, shape (column,), or None
        None without values.
    notes : tuple of str

    Raises
    ------
    ConfigError
        The model has no covariates of partners, or others, or a value means nothing.
    """
    if not values:
        return None, ()
    effects, names = model.effects, partner_covariates(model)
    if effects is None or not names:
        raise ConfigError(
            f"covariates of a new partner ({', '.join(values)}); the model has none of partners",
            expected="a model fitted with covariates of partners",
            remedy="fit again with --partners FILE and --covariate NAME, or leave them out",
        )
    if model.partner_levels is None:
        raise ConfigError(
            f"covariates of a new partner ({', '.join(values)}), and the partners of this model "
            "are not told apart",
            expected="a model with partial pooling",
            remedy="fit again with --pooling partial, or leave the covariates out",
        )
    # how covariates are coded is the fit's business; not loaded for a forecast without them
    from ltvforecast.fitting.covariate_rows import code_one

    codings = [coding for coding in effects.codings if coding.level == "partner"]
    coded, notes = code_one(codings, values)
    row = np.zeros(len(effects.names))
    row[np.array(effects.level) == "partner"] = coded
    return row, notes


def new_partner_stream(seed: int, purpose: int, *names: str) -> np.random.Generator:
    """Open the random stream of a new partner.

    Parameters
    ----------
    seed : int
    purpose : int
        Streams of one name for different purposes are independent.
    *names : str

    Returns
    -------
    numpy.random.Generator
    """
    return open_named_stream(seed, _STREAM, purpose, name="\x00".join(names))


def new_partner_model(
    model: FittedModel, like: Likeness, *, alike: IntArray, normals: FloatArray
) -> FittedModel:
    """Give the model of a new partner's customers: its own levels drawn, the rest as it is.

    Parameters
    ----------
    model : FittedModel
    like : Likeness
    alike : int64 array, shape (draw,)
        The known partner whose segment, and covariates unless given, it has in each draw.
    normals : float64 array, shape (3, draw)
        Where its purchase rate, dropout and spend are around its segment's means, in standard
        deviations.

    Returns
    -------
    FittedModel
        With one group of parameters and as many draws, of the same parameter draws as a forecast
        of so many draws has.

    Notes
    -----
    Partially pooled, each level is normal around the segment's mean plus the effects of
    covariates; what partners share stays as drawn. Otherwise the levels are those of all partners.

    References
    ----------
    Gelman & Hill (2007), Data analysis using regression and multilevel/hierarchical models,
    section 12.8 (a new group).
    """
    count = len(alike)
    known = choose_draws(model, count)
    values = {
        name: each[alike if len(each) > 1 else np.zeros(count, np.int64), np.arange(count)]
        for name, each in zip(Draws._fields, known, strict=True)
    }
    if model.partner_levels is not None:
        values |= _levels(model, like, alike=alike, normals=normals)
    columns = {name: each[:, None] for name, each in values.items()}
    return replace(
        model,
        purchase=replace(
            model.purchase, draws={name: columns[name] for name in model.purchase.draws}
        ),
        spend=replace(model.spend, draws={name: columns[name] for name in model.spend.draws}),
    )


def _levels(
    model: FittedModel, like: Likeness, *, alike: IntArray, normals: FloatArray
) -> dict[str, FloatArray]:
    pooling = model.partner_levels
    if pooling is None:
        raise AssertionError("asked only of partially pooled models")
    count = len(alike)
    rows = chosen_rows(len(pooling.shared["log_r"]), count)
    shared = {name: values[rows] for name, values in pooling.shared.items()}
    place = {name: number for number, name in enumerate(pooling.segment_names)}
    segment = np.array([place[str(name)] for name in pooling.table["segment"]])[alike]

    def level(name: str, number: int) -> FloatArray:
        mean = shared[f"mean_{name}"][np.arange(count), segment]
        own = shared[f"sd_{name}"] * normals[number]
        return np.asarray(mean + own + _shift(model, like, name, alike=alike))

    rate, dropout = level("log_rate", 0), level("dropout_logit", 1)
    r, phi = np.exp(shared["log_r"]), np.exp(shared["log_phi"])
    values = {
        "r": r,
        "alpha": r * np.exp(-rate),
        "a": phi * expit(dropout),
        "b": phi * expit(-dropout),
    }
    if "mean_log_spend" in shared:
        excess = shared["log_excess"]
        values |= {
            "p": np.exp(shared["log_p"]),
            "q": 1.0 + np.exp(excess),
            "v": np.exp(level("log_spend", 2) + excess - shared["log_p"]),
        }
    return values


def _shift(model: FittedModel, like: Likeness, name: str, *, alike: IntArray) -> FloatArray:
    """Effects of the covariates of partners on one level, in each draw."""
    effects = model.effects
    if effects is None or name not in effects.draws:
        return np.zeros(len(alike))
    draws = effects.draws[name][chosen_rows(len(effects.draws[name]), len(alike))]
    own = effects.partner_rows[alike] if like.row is None else like.row[None, :]
    own = np.where(np.array(effects.level) == "partner", own, 0.0)
    return np.asarray((draws * own).sum(axis=1))


def table_covariates(model: FittedModel, partners: Sequence[str]) -> dict[str, FloatArray]:
    """Code the covariates of partners of the partner table that have no transactions.

    Parameters
    ----------
    model : FittedModel
    partners : sequence of str

    Returns
    -------
    dict of str to float64 array, shape (column,)
        Empty where the model has no covariates of partners, or the table not all of them.
    """
    effects, names = model.effects, partner_covariates(model)
    table = model.summary.partner_table
    if effects is None or not names or table is None or model.partner_levels is None:
        return {}
    own = table[table["partner_id"].isin(list(partners))]
    if own.empty or not set(names) <= set(own.columns):
        return {}
    from ltvforecast.fitting.covariate_rows import code_frame

    codings = [coding for coding in effects.codings if coding.level == "partner"]
    coded, _ = code_frame(codings, pd.DataFrame(own.reset_index(drop=True)))
    rows = np.zeros((len(own), len(effects.names)))
    rows[:, np.array(effects.level) == "partner"] = coded
    return dict(zip(own["partner_id"].astype(str), rows, strict=True))
