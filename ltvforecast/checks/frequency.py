"""How often customers bought, against the model's probabilities over each customer's own age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from ltvforecast.check_types import FitCheck
from ltvforecast.checks.clock import ages_on_clock
from ltvforecast.checks.verdict import judge
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.customer_draws import differs, main_partners, typical_customers
from ltvforecast.formulas.bgnbd import purchase_count_pmf
from ltvforecast.types import FloatArray, IntArray

__all__ = ["check_frequency", "purchase_frequencies"]

LOOK, FAILS = 0.03, 0.10
MOST_BINS, FEWEST_EXPECTED = 12, 5.0
MOST_AGES, MOST_COUNTS, CHUNK = 200, 2_000, 50
MOST_CUSTOMERS = 2_000


class _Cells(NamedTuple):
    """Ages, how many customers stand for each, and their parameters."""

    ages: FloatArray
    weights: FloatArray
    parameters: Mapping[str, float] | Mapping[str, FloatArray]


def purchase_frequencies(model: FittedModel, *, most: int = 7) -> pd.DataFrame:
    """Count customers by repeat purchases, as seen and as the fitted model expects.

    Parameters
    ----------
    model : FittedModel
    most : int
        Customers with this many repeat purchases or more are counted together.

    Returns
    -------
    pandas.DataFrame
        ``repeat_purchases`` (0 to ``most``), ``observed`` (int64) and ``expected`` (float64)
        customers. Both add up to all customers.

    Notes
    -----
    Expected are the customers' probabilities, each over its own age, added up at the point
    estimate (Fader, Hardie & Lee 2005, figure 2). Where customers differ in their parameters, each
    has its own (of 2,000, evenly spread over partners and ages, if there are more).
    """
    frequency = model.summary.customers["frequency"].to_numpy(dtype=np.int64)
    if differs(model):
        cells = _few_customers(model)
    else:
        age, customers = np.unique(ages_on_clock(model), return_counts=True)
        cells = _Cells(age, customers.astype(np.float64), model.purchase.point)
    expected = _expected(cells, np.arange(most))
    return pd.DataFrame(
        {
            "repeat_purchases": np.arange(most + 1),
            "observed": np.bincount(np.minimum(frequency, most), minlength=most + 1),
            "expected": np.append(expected, max(0.0, len(frequency) - expected.sum())),
        }
    )


def check_frequency(model: FittedModel) -> FitCheck:
    """Compare the histogram of repeat purchases with the model's.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    FitCheck
        ``size`` is the share of customers who would have to be in another bar for a perfect fit;
        ``table`` has ``fewest, most`` (repeat purchases of a bar; the last has no ``most``: -1),
        ``observed`` and ``expected``.

    Notes
    -----
    At most twelve bars with about equally many expected customers (never fewer than 5), and
    chi-square with one degree of freedom less than bars: that four parameters were fitted to the
    same customers is not taken off, which makes false alarms rarer. The size is the dissimilarity
    index, below .02 or .03 for a model that follows the data closely (Agresti 2002).

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, section 4 (the histogram and its
    chi-square); Agresti (2002), Categorical Data Analysis, 2nd ed. (dissimilarity index).
    """
    table = _binned(model)
    observed, expected = table["observed"].to_numpy(float), table["expected"].to_numpy(float)
    apart = (observed - expected) ** 2 / np.maximum(expected, 1e-9)
    size = float(np.abs(observed - expected).sum() / 2.0 / len(model.summary))
    p_value = float(chi2.sf(apart.sum(), len(table) - 1)) if len(table) > 1 else 1.0
    verdict = judge(size, p_value, look=LOOK, fails=FAILS)
    worst = table.iloc[int(apart.argmax())]
    return FitCheck(
        name="frequency",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"how often customers bought: {size:.1%} of the customers would have to move for a "
            f"perfect fit; most visibly, {worst['observed']:,.0f} bought again {_times(worst)}, "
            f"where {worst['expected']:,.0f} are expected"
        ),
        remedy=""
        if verdict == "fine"
        else (
            "customers may be of several kinds: fit them apart (for example by partner type), and "
            "rely on totals of many customers rather than on single ones"
        ),
        table=table,
    )


def _times(row: pd.Series[float]) -> str:
    fewest, most = int(row["fewest"]), int(row["most"])
    if most < 0:
        return f"{fewest:,} times or more"
    if most == 0:
        return "not once"
    if most == fewest:
        return "once" if most == 1 else f"{fewest:,} times"
    return f"{fewest:,} to {most:,} times"


def _binned(model: FittedModel) -> pd.DataFrame:
    frequency = model.summary.customers["frequency"].to_numpy(dtype=np.int64)
    if differs(model):
        cells = _few_customers(model)
    else:
        cells = _Cells(*_few_ages(ages_on_clock(model)), model.purchase.point)
    edges, expected = [0], list[float]()
    left, held = float(len(frequency)), 0.0
    for count, chance in enumerate(_counts(cells)):
        held += chance
        rest = left - held
        enough = held >= max(FEWEST_EXPECTED, left / (MOST_BINS - len(expected)))
        if enough and rest >= FEWEST_EXPECTED and len(expected) < MOST_BINS - 1:
            edges.append(count + 1)
            expected.append(held)
            left, held = rest, 0.0
        if len(expected) == MOST_BINS - 1 or rest < FEWEST_EXPECTED:
            break
    bins = np.searchsorted(edges, frequency, side="right") - 1
    return pd.DataFrame(
        {
            "fewest": np.array(edges, dtype=np.int64),
            "most": np.array([*(edge - 1 for edge in edges[1:]), -1], dtype=np.int64),
            "observed": np.bincount(bins, minlength=len(edges)),
            "expected": np.array([*expected, max(left, 0.0)]),
        }
    )


def _counts(cells: _Cells) -> FloatArray:
    """Give expected customers with 0, 1, 2, ... repeat purchases, until hardly any are left."""
    found, all_of_them = np.empty(0), cells.weights.sum()
    while len(found) < MOST_COUNTS and all_of_them - found.sum() > all_of_them / MOST_BINS / 4:
        counts = np.arange(len(found), len(found) + CHUNK)
        found = np.append(found, _expected(cells, counts))
    return found


def _expected(cells: _Cells, counts: IntArray) -> FloatArray:
    chances = purchase_count_pmf(
        counts[:, None], cells.ages[None, :], 0, 0.0, 0.0, **cells.parameters
    )
    return np.asarray(chances, dtype=np.float64) @ cells.weights


def _few_customers(model: FittedModel) -> _Cells:
    """Take customers with their own parameters, evenly spread over partners and ages."""
    ages, size = ages_on_clock(model), len(model.summary)
    order = np.lexsort((ages, main_partners(model)))
    rows = order[np.linspace(0, size - 1, min(size, MOST_CUSTOMERS)).round().astype(np.int64)]
    return _Cells(ages[rows], np.full(len(rows), size / len(rows)), typical_customers(model, rows))


def _few_ages(age: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Take customers of nearly one age together, so that there are at most so many ages."""
    found, counts = np.unique(age, return_counts=True)
    if len(found) <= MOST_AGES:
        return found, counts.astype(np.float64)
    group = (np.arange(len(found)) * MOST_AGES) // len(found)
    weights = np.bincount(group, counts).astype(np.float64)
    return np.asarray(np.bincount(group, counts * found) / weights), weights
