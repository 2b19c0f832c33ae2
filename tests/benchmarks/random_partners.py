"""CDNOW with customers given to partners by lot: partners that do not differ must be found alike.

Run as ``python -m tests.benchmarks.random_partners [--partitions N] [--draws M] [--write]``. The
2,357 customers of the CDNOW sample, known up to 1997-09-30, are dealt out to 59 partners of 40
(the last of 37), several times over. Three things are shown: what the fit by partner says of how
much partners differ; how often partners' totals of the next 39 weeks fall into their intervals, as
it came and in futures simulated from the model itself (what differs between the two is the model's
error on CDNOW, which both fits share); and the score beside that of the fit that makes no
difference. Everything follows from the seeds. ``--write`` puts the tables into ACCURACY.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.data.datasets import load_cdnow_sample
from tests.benchmarks.accuracy_page import table, write_section
from tests.benchmarks.partial_pooling import (
    COMPLETE,
    LEVELS,
    MONEY,
    PARTIAL,
    PURCHASES,
    Fits,
    fits,
    forecast,
    scored,
    share,
)
from tests.benchmarks.partner_data import Array, by_partner, future_money, future_purchases
from tests.fitting.made_summary import AS_OF, cdnow_customers

CUSTOMERS, EACH = 2357, 40
PARTNERS = -(-CUSTOMERS // EACH)
HORIZON = 39.0
REAL, MODEL = "as it came", "simulated from the model"
NEAR_ZERO = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Dealt:
    """One partition, fitted.

    Attributes
    ----------
    rows : pandas.DataFrame
        A row for every partner, quantity, fit and future.
    spreads : mapping of str to array, shape (draw,)
        How much partners differ, by level.
    """

    rows: pd.DataFrame
    spreads: Mapping[str, Array]


def homes(seed: int) -> Array:
    """Deal the customers out."""
    return np.random.default_rng([seed, 3]).permutation(np.arange(CUSTOMERS) // EACH)


def what_came() -> dict[str, Array]:
    """Purchase days and money of every customer in the 39 weeks after."""
    log = load_cdnow_sample()
    later = log[log["date"] > pd.Timestamp(AS_OF)]
    daily = later.groupby(["customer_id", "date"])["amount"].sum().reset_index()
    each = daily.groupby("customer_id")["amount"].agg(["size", "sum"])
    each = each.reindex(sorted(log["customer_id"].unique()), fill_value=0)
    return {PURCHASES: each["size"].to_numpy(float), MONEY: each["sum"].to_numpy(float)}


def history_of(customers: pd.DataFrame) -> tuple[Array, Array, Array]:
    """``x, t_x, T`` in weeks."""
    x, t_x, T = (customers[name].to_numpy(float) for name in ("frequency", "recency", "T"))
    return x, t_x, T


def own_future(
    found: Fits,
    history: tuple[Array, Array, Array],
    customers: pd.DataFrame,
    home: Array,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Simulate what one draw of the model makes of every customer."""
    purchase = {name: values[:1] for name, values in found.purchase.items()}
    spend = {name: values[:1] for name, values in found.spend.items()}
    count = future_purchases(history, home, purchase, HORIZON, rng)
    worth = future_money(customers, home, spend, count, rng, first_purchase=found.first_purchase)
    return {PURCHASES: count[0], MONEY: worth[0]}


def dealt(seed: int, customers: pd.DataFrame, came: Mapping[str, Array], *, draws: int) -> Dealt:
    """Deal the customers out once, fit both ways and score both futures."""
    home, history = homes(seed), history_of(customers)
    both = fits(history, customers, home, partners=PARTNERS, draws=draws, seed=seed)
    rng = np.random.default_rng([seed, 5])
    futures = {REAL: came, MODEL: own_future(both[COMPLETE], history, customers, home, rng)}
    tables = []
    for name, found in both.items():
        told = forecast(found, history, customers, home, horizon=HORIZON, rng=rng)
        for future, values in futures.items():
            truth = {key: by_partner(each[None], home, PARTNERS)[0] for key, each in values.items()}
            tables.append(scored(truth, told, rng).assign(method=name, future=future))
    rows = pd.concat(tables, ignore_index=True).assign(programme=seed)
    return Dealt(rows=rows, spreads=both[PARTIAL].spreads)


def spread_table(spreads: Mapping[str, Array]) -> str:
    """Write what is known of how much partners differ."""
    rows = []
    for name, draws in spreads.items():
        low, middle, high = np.quantile(draws, (0.05, 0.5, 0.95))
        near = float(np.mean(draws < NEAR_ZERO))
        rows.append([name, f"{middle:.3f}", f"{low:.3f} to {high:.3f}", f"{near:.0%}"])
    head = ["standard deviation of partners'", "median", "90 % interval", f"below {NEAR_ZERO}"]
    return table(head, rows)


def coverage_table(rows: pd.DataFrame) -> str:
    """Write coverage and scores."""
    lines = []
    for (future, quantity, method), part in rows.groupby(
        ["future", "quantity", "method"], sort=False
    ):
        shares = [share(part, level) for level in LEVELS]
        bias = part["mean"].sum() / part["actual"].sum() - 1
        lines.append(
            [
                quantity, future, method, *(f"{mean:.1%}" for mean, _ in shares),
                f"{part['crps'].mean():,.2f}", f"{bias:+.1%}",
            ]
        )  # fmt: skip
    lines.sort(key=lambda line: (line[0] != PURCHASES, line[1] != REAL))
    head = ["total of", "future", "fit", *(f"inside {level} %" for level in LEVELS), "CRPS", "bias"]
    return table(head, lines)


def main() -> None:
    """Deal, fit, print both tables, and write them into the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--partitions", type=int, default=10)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    customers, came = cdnow_customers(), what_came()
    found = []
    for seed in range(asked.partitions):
        found.append(dealt(seed, customers, came, draws=asked.draws))
        print(f"\rpartition {seed + 1} of {asked.partitions}", end="", flush=True)
    spreads = {
        name: np.concatenate([each.spreads[name] for each in found]) for name in found[0].spreads
    }
    rows = pd.concat([each.rows for each in found], ignore_index=True)
    text = (
        f"{asked.partitions} partitions, {PARTNERS} partners each; posterior draws of all "
        f"partitions together.\n\n{spread_table(spreads)}\n\n{coverage_table(rows)}"
    )
    print(f"\n\n{text}")
    if asked.write:
        write_section("random-partners", text)


if __name__ == "__main__":
    main()
