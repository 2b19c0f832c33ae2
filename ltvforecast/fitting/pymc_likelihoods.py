"""Likelihoods of the PyMC models as PyTensor graphs, on compressed tables."""

from __future__ import annotations

from typing import Any

from ltvforecast.fitting.purchase_likelihood import PurchaseTable
from ltvforecast.fitting.spend_likelihood import SpendTable

__all__ = [
    "purchase_log_likelihood",
    "purchase_parameters",
    "spend_log_likelihood",
    "spend_parameters",
]


def purchase_parameters(
    log_r: Any, log_rate: Any, logit_dropout: Any, log_phi: Any
) -> tuple[Any, Any, Any, Any]:
    """Turn coordinates into ``r, alpha, a, b``.

    Parameters
    ----------
    log_r, log_rate, logit_dropout, log_phi : tensor
        ``log r, log(r/alpha), logit a/(a+b), log(a+b)``, scalars or of one shape.

    Returns
    -------
    tuple of tensor
    """
    import pytensor.tensor as pt

    phi = pt.exp(log_phi)
    return (
        pt.exp(log_r),
        pt.exp(log_r - log_rate),
        phi * pt.sigmoid(logit_dropout),
        phi * pt.sigmoid(-logit_dropout),
    )


def purchase_log_likelihood(
    table: PurchaseTable,
    r: Any,
    alpha: tuple[Any, Any, Any],
    a: tuple[Any, Any],
    b: tuple[Any, Any],
) -> Any:
    """Sum the BG/NBD log-likelihood over a table.

    Parameters
    ----------
    table : PurchaseTable
    r : tensor
        A scalar.
    alpha : tuple of tensor
        For counts, ages and rows: scalars, or one for every entry of these three parts.
    a, b : tuple of tensor
        For counts and rows.

    Returns
    -------
    tensor
        A scalar.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 6.
    """
    import pytensor.tensor as pt

    x, rows = table.x, table.rows
    by_count = pt.gammaln(r + x) - pt.gammaln(r) - x * pt.log(alpha[0])
    by_count += pt.gammaln(b[0] + x) - pt.gammaln(b[0])
    by_count += pt.gammaln(a[0] + b[0]) - pt.gammaln(a[0] + b[0] + x)
    growth = pt.log1p(table.T / alpha[1])
    by_age = (r * table.customers_by_age + table.purchases_by_age) * growth
    odds = (r + rows.x) * pt.log1p((rows.T - rows.t_x) / (alpha[2] + rows.t_x))
    odds += pt.log(a[1]) - pt.log(b[1] + rows.x - 1.0)
    by_row = rows.weight * pt.softplus(odds)
    return pt.sum(table.customers_by_count * by_count) - pt.sum(by_age) + pt.sum(by_row)


def spend_parameters(log_p: Any, log_mean: Any, log_excess: Any) -> tuple[Any, Any, Any]:
    """Turn coordinates into ``p, q, v``.

    Parameters
    ----------
    log_p, log_mean, log_excess : tensor
        ``log p, log(p v/(q-1)), log(q-1)``, scalars or of one shape.

    Returns
    -------
    tuple of tensor
    """
    import pytensor.tensor as pt

    return pt.exp(log_p), 1.0 + pt.exp(log_excess), pt.exp(log_mean + log_excess - log_p)


def spend_log_likelihood(table: SpendTable, p: Any, q: Any, v: Any, level: Any) -> Any:
    """Sum the Gamma-Gamma log-likelihood over a table.

    Parameters
    ----------
    table : SpendTable
    p, q : tensor
        Scalars.
    v : tensor
        A scalar, or one for every entry of ``table.S``.
    level : tensor
        The sum of ``log v`` over all amounts.

    Returns
    -------
    tensor
        A scalar.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    import pytensor.tensor as pt

    pn = p * table.n
    by_count = pt.gammaln(pn + q) - pt.gammaln(q)
    by_count -= table.n * pt.gammaln(p) if table.single else pt.gammaln(pn)
    growth = pt.log1p(table.S / v)
    value = pt.sum(table.count * by_count) - q * pt.sum(table.weight * growth)
    return value - p * (pt.sum(table.weight_n * growth) + level - table.slope) + table.constant
