"""Each partner's own purchase rate, dropout and spend, small partners borrowing from the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.errors import ConvergenceError, SummaryError
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_diagnostics import MOSTLY_SEGMENT
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_spend import PartnerSpend, fit_partner_spend
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import DEFAULT_SEED, FloatArray, IntArray

__all__ = ["PartnerFit", "fit_partners", "partner_table", "partner_words"]

_OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFit:
    """Posterior of every partner's levels.

    Attributes
    ----------
    partner_ids : tuple of str
    customers : int64 array, shape (n_partners,)
        Customers whose main partner it is.
    purchase : PartnerPurchases
    spend : PartnerSpend
    """

    partner_ids: tuple[str, ...]
    customers: IntArray
    purchase: PartnerPurchases
    spend: PartnerSpend

    @property
    def table(self) -> pd.DataFrame:
        """One row a partner, as in the summary's order.

        Returns
        -------
        pandas.DataFrame
            ``partner_id, segment, customers``; ``purchase_rate`` (purchases per unit of time while
            active, ``r / alpha``), ``dropout`` (after a repeat purchase, ``a / (a + b)``) and
            ``mean_spend`` (``p v / (q - 1)``), each with ``_lo_90`` and ``_hi_90`` and its
            ``_shrinkage`` (1: the partner's own data decide; 0: the segment's average);
            ``warnings``.
        """
        return partner_table(
            self.partner_ids, self.customers, purchase=self.purchase, spend=self.spend
        )

    def _repr_html_(self) -> str:
        return str(self.table.head(20).to_html(index=False, escape=True))


def partner_table(
    partner_ids: Sequence[str],
    customers: IntArray,
    *,
    purchase: PartnerPurchases,
    spend: PartnerSpend | None,
    effects: CovariateEffects | None = None,
) -> pd.DataFrame:
    """Give the levels of every partner, and how much of them is its own.

    Parameters
    ----------
    partner_ids : sequence of str
    customers : int64 array, shape (n_partners,)
        Customers whose main partner it is.
    purchase : PartnerPurchases
    spend : PartnerSpend or None
        None: all partners share one level of spend, which is left out.
    effects : CovariateEffects, optional
        Levels are then those of the programme's average customer, whatever the partner's own are
        like.

    Returns
    -------
    pandas.DataFrame
        See :attr:`PartnerFit.table`.
    """
    levels = {
        "purchase_rate": (
            _purchase_rate(purchase) * np.exp(_average(effects, "log_rate")),
            purchase.shrinkage["log_rate"],
        ),
        "dropout": (
            expit(logit(_dropout(purchase)) + _average(effects, "dropout_logit")),
            purchase.shrinkage["dropout_logit"],
        ),
    }
    if spend is not None:
        paid = _mean_spend(spend) * np.exp(_average(effects, "log_spend"))
        levels["mean_spend"] = (paid, spend.shrinkage["log_spend"])
    columns: dict[str, object] = {
        "partner_id": pd.array(list(partner_ids), dtype="str"),
        "segment": [purchase.segment_names[k] for k in purchase.segment],
        "customers": customers,
    }
    little = np.zeros((len(partner_ids), len(levels)), dtype=bool)
    for place, (name, (draws, shrinkage)) in enumerate(levels.items()):
        low, high = np.quantile(draws, (0.05, 0.95), axis=0)
        columns |= {name: draws.mean(axis=0), f"{name}_lo_90": low, f"{name}_hi_90": high}
        columns[f"{name}_shrinkage"] = shrinkage
        little[:, place] = shrinkage < MOSTLY_SEGMENT
    told = [f"{name.replace('_', ' ')}: mostly the segment average" for name in levels]
    columns["warnings"] = [
        "; ".join(text for text, applies in zip(told, row, strict=True) if applies)
        for row in little
    ]
    return pd.DataFrame(columns)


def partner_words(purchase: PartnerPurchases, spend: PartnerSpend | None) -> str:
    """Say how much partners differ.

    Parameters
    ----------
    purchase : PartnerPurchases
    spend : PartnerSpend or None

    Returns
    -------
    str
    """
    spreads = {
        "how often customers buy": purchase.shared["sd_log_rate"],
        "how soon customers stop": purchase.shared["sd_dropout_logit"],
    }
    if spend is not None:
        spreads["what they spend per purchase"] = spend.shared["sd_log_spend"]
    told = ", ".join(
        f"{name} by a factor of {np.exp(np.median(spread)):.2f}" for name, spread in spreads.items()
    )
    return (
        f"{len(purchase.segment):,} partners, each with levels of its own and borrowing from the "
        f"others of its segment. Two partners in three differ from their segment's average in "
        f"{told} at most."
    )


def _average(effects: CovariateEffects | None, name: str) -> FloatArray:
    """Give what the average customer's own covariates add, shape (draw, 1)."""
    if effects is None:
        return np.zeros((1, 1))
    weight = np.bincount(effects.customer_pattern, minlength=len(effects.patterns))
    mean = weight @ effects.patterns / weight.sum()
    return np.asarray(effects.draws[name] @ mean)[:, None]


def _purchase_rate(fit: PartnerPurchases) -> FloatArray:
    return fit.purchase.draws["r"] / fit.purchase.draws["alpha"]


def _dropout(fit: PartnerPurchases) -> FloatArray:
    a, b = fit.purchase.draws["a"], fit.purchase.draws["b"]
    return a / (a + b)


def _mean_spend(fit: PartnerSpend) -> FloatArray:
    p, q, v = (fit.spend.draws[name] for name in ("p", "q", "v"))
    return p / (q - 1.0) * v


def fit_partners(
    summary: CustomerSummary,
    *,
    segments: Mapping[str, str] | None = None,
    draws: int = 1000,
    seed: int = DEFAULT_SEED,
) -> PartnerFit:
    """Fit BG/NBD and Gamma-Gamma with partners that differ and borrow strength from each other.

    It is what :func:`ltvforecast.fit` does by default, without the forecasts at past dates, the
    seasonal clock and whatever else a forecast needs.

    Parameters
    ----------
    summary : CustomerSummary
        Each customer counts for its main partner.
    segments : mapping of str to str, optional
        Segment of each partner; those without one are of the segment ``"other"``.
    draws : int
        Posterior draws.
    seed : int

    Returns
    -------
    PartnerFit

    Raises
    ------
    ConvergenceError
        The posterior can't be computed reliably.
    SummaryError
        There is no customer, or an impossible history or amount.

    Notes
    -----
    Log mean purchase rate, logit of the dropout and log mean spend of each partner are normal
    around the segment's mean; the other shapes are shared. Priors are free of scale.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284; Gelman & Hill (2007), Data
    analysis using regression and multilevel/hierarchical models, chapter 12.
    """
    customers = summary.customers
    if customers.empty:
        raise SummaryError(
            "the summary holds no customer",
            expected="at least one customer with a purchase up to the as-of date",
            remedy="choose a later as-of date",
        )
    ids = summary.partner_ids
    home = pd.Index(ids).get_indexer(pd.Index(customers["partner_id"]))
    named = None if segments is None else [segments.get(name, _OTHER) for name in ids]
    seeds = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2)]
    purchase = fit_partner_purchases(
        customers["frequency"].to_numpy(np.float64),
        customers["recency"].to_numpy(np.float64),
        customers["T"].to_numpy(np.float64),
        home,
        partners=len(ids),
        segments=named,
        draws=draws,
        rng=seeds[0],
    )
    spend = fit_partner_spend(
        customers, home, partners=len(ids), segments=named, draws=draws, rng=seeds[1]
    )
    if isinstance(purchase, Refused):
        raise _refusal(purchase)
    if isinstance(spend, Refused):
        raise _refusal(spend)
    return PartnerFit(
        partner_ids=ids,
        customers=np.bincount(home, minlength=len(ids)).astype(np.int64),
        purchase=purchase,
        spend=spend,
    )


def _refusal(found: Refused) -> ConvergenceError:
    return ConvergenceError(
        f"{found.what} by partner can't be sampled reliably: {'; '.join(found.gates)}",
        expected="a posterior that passes its gates",
        remedy="sample it with PyMC: sample_purchase and sample_spend of "
        "ltvforecast.fitting.sampled_fit, with partners",
    )
