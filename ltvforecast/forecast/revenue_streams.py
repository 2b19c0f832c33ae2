"""Forecast revenue split by revenue stream, adding up in every draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaln

from ltvforecast.errors import ForecastError
from ltvforecast.forecast.intervals import interval_columns
from ltvforecast.forecast.prepare import PROGRAMME
from ltvforecast.forecast.streams import open_named_stream
from ltvforecast.types import FloatArray

__all__ = ["StreamMix", "StreamSplit", "learn_mix", "split_by_stream", "stream_table"]

CONCENTRATIONS = np.geomspace(0.3, 1000.0, 60)
"""Tried for how alike partners are: 0.3, hardly at all, to 1,000, all but the same."""
PRIOR_CONCENTRATION = 10.0
PRIOR_LOG_SD = 1.5
LEAST_CONCENTRATION = 0.05
"""One purchase goes to one stream, all but a rounding error."""
_STREAM = 0x73747265  # "stre": apart from the streams of customers


class StreamSplit(NamedTuple):
    """Revenue by stream: names, and money of shape (draw, partner, stream)."""

    streams: tuple[str, ...]
    revenue: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMix:
    """What past purchases of one kind tell of the mix of streams.

    Attributes
    ----------
    share : float64 array, shape (partner, stream)
        Each partner's own; zero where it has no purchase of this kind.
    purchases : float64 array, shape (partner,)
        Effective number behind it: old purchases count less, and a few large ones among many
        small ones for little more than the large ones.
    size : float64 array, shape (partner,)
        Money of an effective purchase; the programme's where the partner has none.
    weight : float64 array, shape (concentration,)
        Posterior probability of each of ``CONCENTRATIONS``.
    programme : float64 array, shape (concentration, stream)
        The programme's mix under each.
    programme_purchases : float64 array, shape (concentration,)
        Effective number of purchases behind the programme's mix.
    """

    share: FloatArray
    purchases: FloatArray
    size: FloatArray
    weight: FloatArray
    programme: FloatArray
    programme_purchases: FloatArray


def split_by_stream(
    existing: FloatArray,
    *,
    partner_ids: Sequence[str],
    stream_history: pd.DataFrame,
    seed: int,
    first: FloatArray | None = None,
    later: FloatArray | None = None,
) -> StreamSplit:
    """Split forecast revenue by revenue stream, in each draw.

    Parameters
    ----------
    existing : float64 array, shape (draw, partner) or (draw, partner, period)
        Revenue of customers known today: all of it from repeat purchases. Periods are added up.
    partner_ids : sequence of str
        Of the axis ``partner``.
    stream_history : pandas.DataFrame
        See :func:`ltvforecast.data.stream_history.stream_history`.
    seed : int
        Not negative. A partner's random numbers don't depend on which others are asked for.
    first, later : float64 array, same axes, optional
        Revenue of new customers: from their first purchases, and from later ones.

    Returns
    -------
    StreamSplit
        Streams by name. In every draw they add up to the partner's revenue, up to rounding.

    Raises
    ------
    ForecastError
        Shapes that do not fit together, or money that is negative or not finite.

    Notes
    -----
    Repeat purchases and first purchases have mixes of their own. Of each kind, partners' mixes
    are Dirichlet around the programme's. Its concentration A is learnt from how partners differ,
    by the Dirichlet-multinomial likelihood; given A, a partner with n effective purchases has the
    mix Dirichlet(A m + n s), with m the programme's mix and s the partner's own: a partner with
    many purchases keeps its own mix, one with few has nearly the programme's. Purchases, not
    units of money, are what is counted: n = (sum w y)^2 / sum w y^2, Kish's effective sample size
    of the amounts y, with weights w that halve with each year of age. So recent purchases count
    more whether or not the mix drifts, and a drift is followed but not carried forward.

    The revenue of a draw comes from a finite number of purchases f, its money over the size of an
    effective purchase. Its shares spread more than the mix does: they are Dirichlet with mean and
    variance of the Dirichlet-multinomial proportions of f purchases, concentration
    c (f - 1) / (f + c) if the mix has concentration c. A stream that never had revenue of a kind
    gets none of it.

    References
    ----------
    Minka (2000), Estimating a Dirichlet distribution (likelihood of the Dirichlet-multinomial);
    Kish (1965), Survey sampling, section 8.2 (effective sample size); West & Harrison (1997),
    Bayesian forecasting and dynamic models, section 6.3 (discounting of old evidence).
    """
    repeat = _by_partner(existing, partner_ids, name="existing")
    for name, more in (("first", first), ("later", later)):
        if more is not None and _by_partner(more, partner_ids, name=name).shape != repeat.shape:
            raise _misfit(f"{name} revenue of shape {more.shape} beside existing {existing.shape}")
    if later is not None:
        repeat = repeat + _by_partner(later, partner_ids, name="later")
    streams = tuple(sorted(set(stream_history["revenue_stream"])))
    revenue = np.zeros((*repeat.shape, len(streams)))
    kinds = [(False, repeat)]
    if first is not None:
        kinds.append((True, _by_partner(first, partner_ids, name="first")))
    for kind, money in kinds:
        mix = learn_mix(stream_history, partner_ids, streams, first=kind)
        _add_split(revenue, money, mix, partner_ids, seed=seed, kind=int(kind))
    return StreamSplit(streams=streams, revenue=revenue)


def _by_partner(money: FloatArray, partner_ids: Sequence[str], *, name: str) -> FloatArray:
    if money.ndim not in (2, 3) or money.shape[1] != len(partner_ids):
        raise _misfit(f"{name} revenue of shape {money.shape} for {len(partner_ids)} partners")
    if not (np.isfinite(money).all() and (money >= 0).all()):
        raise _misfit(f"{name} revenue that is negative or not finite")
    return np.asarray(money.sum(axis=2) if money.ndim == 3 else money, dtype=np.float64)


def _misfit(found: str) -> ForecastError:
    return ForecastError(
        found,
        expected="finite money of shape (draw, partner), the partners as named",
        remedy="split the revenue of one and the same forecast",
    )


def learn_mix(
    stream_history: pd.DataFrame,
    partner_ids: Sequence[str],
    streams: Sequence[str],
    *,
    first: bool,
) -> StreamMix:
    """Learn the mix of streams of one kind of purchases: how alike partners are, and each one's.

    Parameters
    ----------
    stream_history : pandas.DataFrame
    partner_ids, streams : sequence of str
        The axes of what is returned.
    first : bool
        Of first purchases, or else of later ones. Where there is no money of this kind, the other
        kind stands for it.

    Returns
    -------
    StreamMix
    """
    rows = stream_history[stream_history["first"] == first]
    if not (rows["recent_revenue"] > 0).any():
        rows = stream_history
    money = _table(rows, "recent_revenue", partner_ids, streams)
    squares = _table(rows, "recent_squares", partner_ids, streams).sum(axis=1)
    total = money.sum(axis=1)
    known = (total > 0) & (squares > 0)
    purchases = np.divide(total**2, squares, out=np.zeros(len(total)), where=known)
    typical = float(squares.sum() / total.sum()) if known.any() else 1.0
    size = np.divide(squares, total, out=np.full(len(total), typical), where=known)
    share = np.divide(money, total[:, None], out=np.zeros(money.shape), where=known[:, None])
    A = CONCENTRATIONS
    # a partner's share has variance m (1 - m) (n + A) / (n (A + 1)): it tells as much as so many
    # purchases straight from the programme
    told = purchases * (A[:, None] + 1.0) / (purchases + A[:, None])
    programme = told @ share
    sums = programme.sum(axis=1, keepdims=True)
    programme = np.divide(
        programme, sums, out=np.full(programme.shape, 1.0 / len(streams)), where=sums > 0
    )
    log_posterior = _log_likelihood(share[known], purchases[known], programme)
    log_posterior -= 0.5 * (np.log(A / PRIOR_CONCENTRATION) / PRIOR_LOG_SD) ** 2
    weight = np.exp(log_posterior - log_posterior.max())
    return StreamMix(
        share=share,
        purchases=purchases,
        size=size,
        weight=weight / weight.sum(),
        programme=programme,
        programme_purchases=told.sum(axis=1),
    )


def _table(
    rows: pd.DataFrame, name: str, partner_ids: Sequence[str], streams: Sequence[str]
) -> FloatArray:
    """Spread a column over partners and streams; partners that are not asked for are left out."""
    partner = pd.Index(partner_ids).get_indexer(pd.Index(rows["partner_id"]))
    stream = pd.Index(streams).get_indexer(pd.Index(rows["revenue_stream"]))
    table = np.zeros((len(partner_ids), len(streams)))
    there = partner >= 0
    np.add.at(table, (partner[there], stream[there]), rows[name].to_numpy(np.float64)[there])
    return table


def _log_likelihood(share: FloatArray, purchases: FloatArray, programme: FloatArray) -> FloatArray:
    """Dirichlet-multinomial log-likelihood of each concentration, summed over partners."""
    A = CONCENTRATIONS
    value = len(purchases) * gammaln(A) - gammaln(A[:, None] + purchases).sum(axis=1)
    counts = share * purchases[:, None]
    for stream in range(share.shape[1]):
        some = counts[:, stream][counts[:, stream] > 0]
        if len(some):
            prior = A * programme[:, stream]
            value += gammaln(prior[:, None] + some).sum(axis=1) - len(some) * gammaln(prior)
    return np.asarray(value)


def _add_split(
    revenue: FloatArray,
    money: FloatArray,
    mix: StreamMix,
    partner_ids: Sequence[str],
    *,
    seed: int,
    kind: int,
) -> None:
    """Draw each partner's shares, and add its split money to ``revenue``."""
    rng = open_named_stream(seed, _STREAM, kind, name=PROGRAMME)
    chosen = rng.choice(len(mix.weight), size=len(money), p=mix.weight)
    A = CONCENTRATIONS[chosen][:, None]
    believed = np.maximum(mix.programme_purchases[chosen], LEAST_CONCENTRATION)[:, None]
    around = _dirichlet(believed * mix.programme[chosen], rng)
    for place, name in enumerate(partner_ids):
        total = money[:, place]
        if not total.any():
            continue
        alpha = A * around + mix.purchases[place] * mix.share[place]
        sure = alpha.sum(axis=1, keepdims=True)
        ahead = (total / mix.size[place])[:, None]
        concentration = np.maximum(sure * (ahead - 1.0) / (ahead + sure), LEAST_CONCENTRATION)
        own = open_named_stream(seed, _STREAM, kind, name=name)
        shares = _dirichlet(concentration * alpha / sure, own)
        revenue[:, place] += shares * total[:, None]


def _dirichlet(alpha: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw one Dirichlet vector a row, however small its parameters; zeros stay zero.

    Gamma(a) is Gamma(a + 1) U^(1/a), taken in logs (Marsaglia & Tsang 2000, ACM Transactions on
    Mathematical Software 26, section 6).
    """
    there = alpha > 0
    boosted = np.log(rng.standard_gamma(alpha + 1.0))
    with np.errstate(over="ignore"):  # of a parameter next to nothing: its share is nothing
        lost = rng.standard_exponential(alpha.shape) / np.where(there, alpha, 1.0)
    logs = np.where(there, boosted - lost, -np.inf)
    drawn = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(drawn / drawn.sum(axis=1, keepdims=True))


def stream_table(
    split: StreamSplit,
    *,
    partner_ids: Sequence[str],
    stream_history: pd.DataFrame,
    levels: Sequence[int],
    ranked: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Build the table of revenue by stream: the programme first, then the partners.

    Parameters
    ----------
    split : StreamSplit
    partner_ids : sequence of str
        Of the split.
    stream_history : pandas.DataFrame
    levels : sequence of int
        Of the intervals, in percent.
    ranked : sequence of str, optional
        The same partners in the order of the table.

    Returns
    -------
    pandas.DataFrame
        The columns of ``streams.csv``: ``partner_id``, ``revenue_stream``, ``revenue_to_date``,
        ``future_revenue`` with its interval ends, and ``share`` of the partner's expected future
        revenue (0 where none is expected). Streams by falling future revenue of the programme.
    """
    to_date = _table(stream_history, "revenue", partner_ids, split.streams)
    to_date = np.vstack([to_date.sum(axis=0), to_date])
    if not len(split.streams):
        return pd.DataFrame(columns=["partner_id", "revenue_stream"])
    columns = []
    for stream in range(len(split.streams)):
        money = split.revenue[:, :, stream]
        everyone = np.column_stack([money.sum(axis=1), money])
        columns.append(pd.DataFrame(interval_columns("future_revenue", everyone, levels)))
    mean = np.column_stack([column["future_revenue"] for column in columns])
    whole = mean.sum(axis=1, keepdims=True)
    share = np.divide(mean, whole, out=np.zeros(mean.shape), where=whole > 0)
    names = [PROGRAMME, *partner_ids]
    shown = {name: rank for rank, name in enumerate([PROGRAMME, *(ranked or partner_ids)])}
    order = sorted(range(len(split.streams)), key=lambda k: (-mean[0, k], split.streams[k]))
    parts = [
        columns[k].assign(
            partner_id=pd.array(names, dtype="str"),
            revenue_stream=split.streams[k],
            revenue_to_date=to_date[:, k].round(6),
            share=share[:, k],
            place=[shown[name] for name in names],
        )
        for k in order
    ]
    table = pd.concat(parts, ignore_index=True).astype({"revenue_stream": "str"})
    table = table.sort_values("place", kind="stable", ignore_index=True).drop(columns="place")
    ahead = [name for name in table if str(name).startswith("future_revenue")]
    return table[["partner_id", "revenue_stream", "revenue_to_date", *ahead, "share"]]
