"""What it does to a customer's revenue that frequent buyers spend more per purchase, or less.

With the purchase rate and the spend level joined by a Gaussian copula, the expected revenue of a
customer is the independent one times

    E[N Z | copula] / (E[N] E[Z]),

N being the purchases in the horizon and Z the mean purchase
(:mod:`ltvforecast.formulas.copula`). This factor is put on the customer's amounts, in the closed
form as in every simulated future, so that the two agree. It contains all three ways in which the
relation matters: how often a customer buys tells what it spends, what it spends tells how often it
buys, and where neither is known, those who turn out to buy often spend more.

The numbers of purchases, and with them P(alive) and P(active), stay those of BG/NBD alone: what
amounts tell about frequency shows in the money, not in the counts. Spread is scaled like the mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ltvforecast.forecast.records import Customers, Draws
from ltvforecast.formulas.bgnbd import p_alive
from ltvforecast.formulas.copula import log_spend_factor
from ltvforecast.formulas.copula_tables import (
    CopulaTables,
    beta_nodes,
    copula_tables,
    limit_spend,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["SpendFactors", "tabulate_factors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendFactors:
    """All that is needed to compute customers' factors.

    Attributes
    ----------
    point : mapping of str to float
        ``r, alpha, a, b, p, q, v`` as fitted: how they are uncertain hardly moves a factor.
    own : Draws or None
        Each customer's parameters in the middle of the posterior, where customers differ. Its
        purchase rate, its dropout and its mean spend are its own; the shapes ``r, p, q`` stay
        those of the point.
    each_x, each_n : float64 array
        Numbers of repeat purchases and of known amounts that occur, rising.
    tables : CopulaTables
        For these.
    horizon : float
        In the model's time unit.
    highest_spend : float
        What a customer's average purchase can't exceed.
    rho : float
        Around which the logarithm of a factor is taken as linear.
    deviation : float64 array, shape (draw,)
        Of each draw's correlation from it.
    """

    point: Mapping[str, float]
    own: Draws | None
    each_x: FloatArray
    each_n: FloatArray
    tables: CopulaTables
    horizon: float
    highest_spend: float
    rho: float
    deviation: FloatArray

    def of(self, customers: Customers, place: slice = slice(None)) -> FloatArray:
        """Compute the factors of some customers, shape (customer, draw).

        Parameters
        ----------
        customers : Customers
        place : slice
            Their places among all customers, to which ``own`` belongs.

        Returns
        -------
        float64 array
        """
        p, q = self.point["p"], self.point["q"]
        x, t_x, T, n, total = customers
        alpha, v, alive = self._scales(customers, place)
        tables, row_x = self._tables(x, place)
        tables, row_n = limit_spend(
            tables,
            np.searchsorted(self.each_n, n),
            p * n + q,
            p * (v + total) / self.highest_spend,
        )
        log_mean, slope = log_spend_factor(
            (row_x, row_n),
            (-np.log1p(T / alpha), -np.log1p(t_x / alpha), -np.log1p(total / v)),
            alive,
            self.horizon / (alpha + T),
            self.rho,
            tables,
        )
        return np.asarray(np.exp(log_mean[:, None] + slope[:, None] * self.deviation))

    def _tables(self, x: FloatArray, place: slice) -> tuple[CopulaTables, IntArray]:
        """Give the tables, and each customer's row of them: its own where dropout is its own."""
        row_x = np.searchsorted(self.each_x, x)
        if self.own is None or len(self.own.a) == 1:
            return self.tables, row_x
        a, b = self.own.a[place], self.own.b[place]
        nodes, mass = beta_nodes(a[:, None], b + x)
        rate_nodes = self.tables.rate_nodes[row_x]
        own = self.tables._replace(rate_nodes=rate_nodes, dropout=nodes, dropout_mass=mass)
        return own, np.arange(len(x))

    def _scales(
        self, customers: Customers, place: slice
    ) -> tuple[float | FloatArray, float | FloatArray, FloatArray]:
        """Give the scales of rate and spend for the shapes of the tables, and P(alive)."""
        r, alpha, a, b, p, q, v = (self.point[name] for name in ("r", "alpha", "a", "b", *"pqv"))
        x, t_x, T = customers[:3]
        if self.own is None:
            return alpha, v, p_alive(x, t_x, T, r, alpha, a, b)
        own = Draws(*(values if len(values) == 1 else values[place] for values in self.own))
        alive = p_alive(x, t_x, T, own.r, own.alpha, own.a, own.b)
        # a mean exists above q = 1 only
        heavier = (q - 1.0) / (own.q - 1.0) if q > 1.0 and (own.q > 1.0).all() else 1.0
        return own.alpha * r / own.r, own.v * (own.p / p) * heavier, alive


def tabulate_factors(
    customers: Customers,
    point: Mapping[str, float],
    rho: FloatArray,
    *,
    horizon: float,
    highest_spend: float,
    own: Draws | None = None,
) -> SpendFactors:
    """Prepare the factors of these customers.

    Parameters
    ----------
    customers : Customers
        All of them.
    point : mapping of str to float
        ``r, alpha, a, b, p, q, v``.
    rho : float64 array, shape (draw,)
        Correlation of purchase rate and spend level in each draw.
    horizon : float
        In the model's time unit.
    highest_spend : float
        What a customer's average purchase can't exceed; infinite for no limit.
    own : Draws, optional
        Each customer's parameters, each of shape (n_customers,) or (1,), where they differ.

    Returns
    -------
    SpendFactors
    """
    each_x, each_n = np.unique(customers.x), np.unique(customers.spend_n)
    middle = float(rho.mean())
    return SpendFactors(
        point=point,
        own=own,
        each_x=each_x,
        each_n=each_n,
        tables=copula_tables(
            *(point[name] for name in ("r", "a", "b", "p", "q")), n=each_n, x=each_x
        ),
        horizon=horizon,
        highest_spend=highest_spend,
        rho=middle,
        deviation=rho - middle,
    )
