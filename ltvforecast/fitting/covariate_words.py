"""Effects of covariates as a table of factors, and in plain words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ltvforecast.covariate_types import CovariateCoding, CovariateEffects, NumberCoding
from ltvforecast.types import FloatArray

__all__ = ["CAUTION", "effect_record", "effect_table", "effect_words"]

CAUTION = (
    "These factors tell what goes together in the data, not what a change would cause: to certify "
    "a partner, say, need not make it like those who are certified."
)
"""To be said wherever effects are shown."""

QUANTITIES: Mapping[str, str] = {
    "log_rate": "purchases per unit of time while active",
    "dropout_logit": "odds of leaving after a purchase",
    "log_spend": "mean spend per purchase",
}


def effect_table(effects: CovariateEffects) -> pd.DataFrame:
    """Give each column's factor on purchase rate, dropout and spend.

    Parameters
    ----------
    effects : CovariateEffects

    Returns
    -------
    pandas.DataFrame
        Three rows a column: ``covariate``, ``column`` (its coded name), ``level`` (``customer`` or
        ``partner``), ``quantity`` (``log_rate``, ``dropout_logit``, ``log_spend``), ``factor``
        (median), ``factor_lo_90``, ``factor_hi_90`` (equal-tailed), ``difference`` (what the factor
        stands for), ``what`` (that and the quantity) and ``words`` (that and the factor).

    Notes
    -----
    A factor is ``exp(effect)``: of the purchase rate, of the odds ``p / (1 - p)`` of dropping out
    after a purchase, and of the mean spend; for a category against the most frequent one, for a
    number or date for one standard deviation more. One draw (a point fit) has no range: both ends
    are the factor itself.

    Examples
    --------
    >>> draws = {name: np.log([[1.1], [1.2], [1.3]]) for name in QUANTITIES}
    >>> effects = CovariateEffects(names=("vip = yes",), level=("customer",), draws=draws,
    ...                            patterns=np.eye(1), customer_pattern=np.zeros(1, np.int64),
    ...                            partner_rows=np.zeros((1, 1)))
    >>> effect_table(effects)["words"][0]
    'vip = yes: purchases per unit of time while active × 1.20 (1.11–1.29)'
    """
    owners = _owners(effects)
    rows = []
    for number, (column, level) in enumerate(zip(effects.names, effects.level, strict=True)):
        coding = owners.get(column)
        for quantity in QUANTITIES:
            factor, low, high = _factor(effects.draws[quantity][:, number])
            rows.append(
                {
                    "covariate": coding.name if coding else column.partition(" = ")[0],
                    "column": column,
                    "level": level,
                    "quantity": quantity,
                    "factor": factor,
                    "factor_lo_90": low,
                    "factor_hi_90": high,
                    "difference": _what(column, coding),
                    "what": f"{_what(column, coding)}: {QUANTITIES[quantity]}",
                    "words": f"{_what(column, coding)}: {QUANTITIES[quantity]} "
                    f"{_told(factor, low, high)}",
                }
            )
    return pd.DataFrame(rows)


def effect_record(effects: CovariateEffects | None) -> dict[str, object]:
    """Give the table of effects and their words as JSON values.

    Parameters
    ----------
    effects : CovariateEffects or None

    Returns
    -------
    dict
        ``effects``: a list of rows of :func:`effect_table`; ``words``: those of
        :func:`effect_words`. Both are empty without covariates.

    Examples
    --------
    >>> effect_record(None)
    {'effects': [], 'words': []}
    """
    if effects is None:
        return {"effects": [], "words": []}
    rows = effect_table(effects).to_dict("records")
    return {"effects": rows, "words": list(effect_words(effects))}


def effect_words(effects: CovariateEffects) -> tuple[str, ...]:
    """Say in sentences which effects are clear, which are not, and what none of them means.

    Parameters
    ----------
    effects : CovariateEffects

    Returns
    -------
    tuple of str
        A sentence for each clear effect (90 % interval on one side of 1), strongest first; one
        that counts the others; and the caution against reading them as causes.
    """
    table = effect_table(effects)
    if table.empty:
        return ()
    ranged = len(effects.draws["log_rate"]) > 1
    clear = ranged & ((table["factor_lo_90"] > 1.0) | (table["factor_hi_90"] < 1.0))
    strength = np.abs(np.log(table["factor"].to_numpy()))
    order = np.argsort(-strength, kind="stable")
    told = [str(table["words"].iloc[k]) for k in order if clear.iloc[k]]
    rest = int((~clear).sum())
    if not ranged:
        told.append("a point fit has no ranges, so that clear effects can't be told from chance")
    elif rest:
        told.append(f"{rest} of {len(table)} effects are unclear: 1 is inside their 90 % range")
    return (*told, CAUTION)


def _owners(effects: CovariateEffects) -> dict[str, CovariateCoding]:
    return {column: coding for coding in effects.codings for column in coding.columns}


def _factor(draws: FloatArray) -> tuple[float, float, float]:
    low, middle, high = np.exp(np.quantile(draws, (0.05, 0.5, 0.95)))
    return float(middle), float(low), float(high)


def _what(column: str, coding: CovariateCoding | None) -> str:
    """Name the difference that a factor stands for."""
    if not isinstance(coding, NumberCoding):
        against = f" (against {coding.reference})" if coding else ""
        return f"{column}{against}"
    if column != coding.columns[0]:
        return column
    unit = " years earlier" if coding.kind == "date" else " more"
    return f"{coding.name}, {coding.sd:.3g}{unit}"


def _told(factor: float, low: float, high: float) -> str:
    ends = f" ({low:.2f}–{high:.2f})" if high > low else ""
    return f"× {factor:.2f}{ends}"
