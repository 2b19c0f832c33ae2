"""Partners taken together, apart, or each borrowing from the others: fits by what is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
import pandas as pd

from ltvforecast.errors import ConfigError, ConvergenceError
from ltvforecast.fit_types import Diagnostics, FitSettings
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.effect_columns import Covariates
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_spend import PartnerSpend, fit_partner_spend
from ltvforecast.fitting.sampled_fit import ChainSettings, Partners, home_partners
from ltvforecast.fitting.sampled_partners import sample_partner_purchases, sample_partner_spend
from ltvforecast.fitting.spend_data import amounts_data
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray

__all__ = [
    "FEWEST_PARTNERS",
    "OnRefusal",
    "Pooling",
    "Together",
    "partners_apart",
    "pool_purchases",
    "pool_spend",
    "with_flags",
]

Pooling = Literal["partial", "complete", "none"]
OnRefusal = Literal["sample", "together"]
"""Whether a posterior that fails its gates is sampled by Markov chains, or partners are pooled."""

_Fit = TypeVar("_Fit", PartnerPurchases, PartnerSpend)

FEWEST_PARTNERS = 3
"""Partners with customers below which nothing can be learnt of how partners differ."""

_ALONE = (
    "no pooling: every partner is judged by its own customers alone, and what a partner with few "
    "of them is given is little more than a guess; partial pooling is more accurate"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """All partners are to be taken together, though something else was asked.

    Attributes
    ----------
    why : str
        Plain words; empty if it was asked.
    """

    why: str = ""


def partners_apart(summary: CustomerSummary, settings: FitSettings) -> Partners | Together:
    """Say which partners are told apart, if any.

    Parameters
    ----------
    summary : CustomerSummary
        Its table of partners, if there is one, tells their segments.
    settings : FitSettings

    Returns
    -------
    Partners or Together

    Raises
    ------
    ConfigError
        Markov chains without any pooling are asked for.
    """
    if settings.pooling == "complete":
        return Together()
    there = int(summary.customers["partner_id"].nunique())
    if settings.pooling == "none" and settings.method in ("nuts", "advi"):
        raise ConfigError(
            f"pooling 'none' with method {settings.method!r}",
            expected="pooling 'partial' or 'complete', or method 'laplace'",
            remedy="choose pooling 'partial': partners with many customers keep their own levels",
        )
    if there < 2:
        return Together()
    if settings.method in ("mle", "lifetimes"):
        return Together(
            why="partners are taken together (complete pooling): a point fit can't tell what is a "
            "small partner's own from chance"
        )
    if settings.pooling == "partial" and there < FEWEST_PARTNERS:
        return Together(
            why=f"partners are taken together (complete pooling): {there} partners are too few to "
            "learn how partners differ"
        )
    told = summary.partner_table
    segments = None
    if told is not None and "segment" in told:
        segments = dict(
            zip(told["partner_id"].astype(str), told["segment"].astype(str), strict=True)
        )
    return home_partners(summary, segments)


def pool_purchases(
    history: tuple[FloatArray, FloatArray, FloatArray],
    partners: Partners,
    settings: FitSettings,
    chains: ChainSettings,
    *,
    covariates: CovariateDesign | None = None,
    on_refusal: OnRefusal,
    rng: np.random.Generator,
) -> PartnerPurchases | Together:
    """Fit the purchase process of partners that differ.

    Parameters
    ----------
    history : tuple of float64 array, shape (n_customers,)
        ``x, t_x, T``.
    partners : Partners
    settings : FitSettings
    chains : ChainSettings
        For NUTS and ADVI, and where the fast posterior is refused.
    covariates : CovariateDesign, optional
    on_refusal : {"sample", "together"}
    rng : numpy.random.Generator

    Returns
    -------
    PartnerPurchases or Together

    Raises
    ------
    ConvergenceError
        There is nothing to fit, or chains that were asked for have not converged.
    SummaryError
        A history is impossible.
    """
    known = _known(covariates, partners)
    return _pooled(
        lambda: fit_partner_purchases(
            *history,
            partners.home,
            partners=len(partners.groups.partner_ids),
            segments=_segments(partners),
            apart=settings.pooling == "none",
            covariates=covariates,
            draws=settings.draws,
            rng=rng,
            progress=chains.progress,
        ),
        lambda how: sample_partner_purchases(history, partners, how, covariates=known, rng=rng),
        _flagged_purchases,
        settings=settings,
        chains=chains,
        on_refusal=on_refusal,
    )


def pool_spend(
    customers: pd.DataFrame,
    partners: Partners,
    settings: FitSettings,
    chains: ChainSettings,
    *,
    covariates: CovariateDesign | None = None,
    on_refusal: OnRefusal,
    rng: np.random.Generator,
) -> PartnerSpend | Together:
    """Fit the spend of partners that differ.

    Parameters
    ----------
    customers : pandas.DataFrame
        Of a customer summary.
    partners, settings, chains, covariates, on_refusal, rng
        As for :func:`pool_purchases`.

    Returns
    -------
    PartnerSpend or Together
        Together with spend known by its mean only, or if all customers spend the same.

    Raises
    ------
    ConvergenceError
        No amount is positive, or chains that were asked for have not converged.
    SummaryError
        An amount is impossible.
    """
    if settings.spend != "gamma-gamma":
        return Together(
            why=f"all partners share one level of spend: {settings.spend} knows no partners"
        )
    if amounts_data(customers).rows is None:
        return Together(why="all customers spend (nearly) the same, whatever their partner")
    known = _known(covariates, partners)
    return _pooled(
        lambda: fit_partner_spend(
            customers,
            partners.home,
            partners=len(partners.groups.partner_ids),
            segments=_segments(partners),
            apart=settings.pooling == "none",
            covariates=covariates,
            draws=settings.draws,
            rng=rng,
            progress=chains.progress,
        ),
        lambda how: sample_partner_spend(customers, partners, how, covariates=known, rng=rng),
        _flagged_spend,
        settings=settings,
        chains=chains,
        on_refusal=on_refusal,
    )


def with_flags(found: Diagnostics, flags: Sequence[str]) -> Diagnostics:
    """Add findings to a verdict.

    Parameters
    ----------
    found : Diagnostics
    flags : sequence of str

    Returns
    -------
    Diagnostics
    """
    told = [flag for flag in flags if flag]
    if not told:
        return found
    note = " ".join(f"{flag[0].upper()}{flag[1:]}." for flag in told)
    return replace(found, flags=(*found.flags, *told), verdict=f"{found.verdict} {note}")


def _pooled(
    fast: Callable[[], _Fit | Refused],
    sample: Callable[[ChainSettings], _Fit],
    flagged: Callable[[_Fit, Sequence[str]], _Fit],
    *,
    settings: FitSettings,
    chains: ChainSettings,
    on_refusal: OnRefusal,
) -> _Fit | Together:
    """Fit by the method asked for, and by chains where the fast posterior is refused."""
    if settings.method in ("nuts", "advi"):
        return sample(chains)
    found = fast()
    if not isinstance(found, Refused):
        return flagged(found, (_ALONE,) if settings.pooling == "none" else ())
    why = _after_refusal(found, settings, on_refusal)
    if isinstance(why, Together):
        return why
    try:
        sampled = sample(_told(chains, found))
    except ConvergenceError as unconverged:
        return _given_up(found, unconverged)
    return flagged(sampled, why)


def _flagged_purchases(fit: PartnerPurchases, flags: Sequence[str]) -> PartnerPurchases:
    told = with_flags(fit.purchase.diagnostics, flags)
    return replace(fit, purchase=replace(fit.purchase, diagnostics=told))


def _flagged_spend(fit: PartnerSpend, flags: Sequence[str]) -> PartnerSpend:
    told = with_flags(fit.spend.diagnostics, flags)
    return replace(fit, spend=replace(fit.spend, diagnostics=told))


def _known(design: CovariateDesign | None, partners: Partners) -> Covariates | None:
    return None if design is None else Covariates(design=design, home=partners.home)


def _segments(partners: Partners) -> list[str]:
    return [partners.groups.segments[k] for k in partners.groups.segment_of]


def _after_refusal(
    found: Refused, settings: FitSettings, on_refusal: OnRefusal
) -> tuple[str, ...] | Together:
    """Say what is done instead of a fast posterior that fails its gates."""
    reason = f"the fast posterior of {found.what} was refused ({'; '.join(found.gates)})"
    if on_refusal == "together":
        return Together(why=f"{reason}: partners are taken together (complete pooling)")
    if settings.pooling == "none":
        raise ConvergenceError(
            f"{found.what}, each partner by itself, can't be fitted reliably: "
            f"{'; '.join(found.gates)}",
            expected="a posterior that passes its gates",
            remedy="choose pooling 'partial' or 'complete'",
        )
    return (f"{reason}, and Markov chains were run instead",)


def _given_up(found: Refused, unconverged: ConvergenceError) -> Together:
    """Treat partners alike where no method can tell them apart, and say so."""
    return Together(
        why=f"these data don't tell reliably how {found.what} differ: the fast posterior was "
        f"refused ({'; '.join(found.gates)}), and so were Markov chains ({unconverged.found}); "
        "partners are taken together (complete pooling)"
    )


def _told(chains: ChainSettings, found: Refused) -> ChainSettings:
    """Let the progress say why it takes longer."""
    tell = chains.progress
    if tell is None:
        return chains

    def progress(label: str, done: int, total: int) -> None:
        tell(f"fast posterior of {found.what} refused, {label}", done, total)

    return replace(chains, method="nuts", progress=progress)
