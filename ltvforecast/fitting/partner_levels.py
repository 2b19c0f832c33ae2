"""Each partner's own purchase rate, dropout and spend, small partners borrowing from the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.errors import ConvergenceError, SummaryError
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_spend import PartnerSpend, fit_partner_spend
from ltvforecast.types import DEFAULT_SEED, CustomerSummary, IntArray

__all__ = ["PartnerFit", "fit_partners"]

_MOSTLY_AVERAGE = 0.2
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
        bought, paid = self.purchase.purchase.draws, self.spend.spend.draws
        levels = {
            "purchase_rate": (bought["r"] / bought["alpha"], self.purchase.shrinkage["log_rate"]),
            "dropout": (
                bought["a"] / (bought["a"] + bought["b"]),
                self.purchase.shrinkage["dropout_logit"],
            ),
            "mean_spend": (
                paid["p"] * paid["v"] / (paid["q"] - 1.0),
                self.spend.shrinkage["log_spend"],
            ),
        }
        table = pd.DataFrame(
            {
                "partner_id": pd.array(self.partner_ids, dtype="str"),
                "segment": [self.purchase.segment_names[k] for k in self.purchase.segment],
                "customers": self.customers,
            }
        )
        for name, (draws, shrinkage) in levels.items():
            low, high = np.quantile(draws, (0.05, 0.95), axis=0)
            table[name], table[f"{name}_lo_90"], table[f"{name}_hi_90"] = draws.mean(0), low, high
            table[f"{name}_shrinkage"] = shrinkage
        little = {
            name.replace("_", " "): shrinkage < _MOSTLY_AVERAGE
            for name, (_, shrinkage) in levels.items()
        }
        table["warnings"] = [
            "; ".join(
                f"{name}: mostly the segment average" for name in little if little[name][place]
            )
            for place in range(len(table))
        ]
        return table

    def _repr_html_(self) -> str:
        return str(self.table.head(20).to_html(index=False, escape=True))


def fit_partners(
    summary: CustomerSummary,
    *,
    segments: Mapping[str, str] | None = None,
    draws: int = 1000,
    seed: int = DEFAULT_SEED,
) -> PartnerFit:
    """Fit BG/NBD and Gamma-Gamma with partners that differ and borrow strength from each other.

    What partners bring is forecast by :func:`ltvforecast.fit` and :func:`ltvforecast.predict`,
    whose parameters are those of the whole programme; this fit tells how partners differ.

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
