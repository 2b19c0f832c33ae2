"""Partners that borrow strength against partners taken to be alike, on programmes of known truth.

Run as ``python -m tests.benchmarks.partial_pooling [--programmes N] [--draws M] [--write]``. Every
programme has 40 partners of 2 to 400 customers (log-normal, median 20) that differ: log purchase
rate by a standard deviation of .5, logit of the dropout by .6, log mean spend by .4. What every
partner's customers buy in the next 26 weeks, and what it is worth, is forecast from two fits,
partners that borrow strength (partial pooling) and one set of parameters for all (complete
pooling), and from the parameters that the programme was made with: nobody can know those, and no
fit can be better. Customers of one partner differ in how often they buy, by a coefficient of
variation of 1 (``r = 1``) or of 1.4 (``r = .5``): the more customers differ, the less a partner's
level tells of them, and the less there is to win. Standard errors are over programmes: partners of
one programme share their luck. Everything follows from the seeds. ``--write`` puts the tables into
ACCURACY.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import expit

from ltvforecast.evaluate.scores import crps_from_draws, randomised_pit
from ltvforecast.fitting.hierarchy import fit_partner_purchases
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_spend import fit_partner_spend
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.spend import fit_spend
from tests.benchmarks.accuracy_page import table, write_section
from tests.benchmarks.partner_data import (
    Array,
    Spenders,
    by_partner,
    for_all,
    future_money,
    future_purchases,
    spenders,
)
from tests.fitting.partner_chain import Programme, programme

HORIZON = 26.0
LEVELS = (50, 80, 90, 95)
SMALL, LARGE = 10, 50
PARTIAL, COMPLETE = "partial pooling", "complete pooling"
KNOWN = "true parameters, unknowable"
SHAPES = (1.0, 0.5)
"""How alike customers of one partner are in how often they buy."""
PHI = 3.0
PURCHASES, MONEY = "purchases", "money"
SD_SPEND, P, Q, MEAN = 0.4, 3.0, 4.0, 50.0
GAIN_BAR = 0.12
LOWEST, HIGHEST = 0.87, 0.93


@dataclass(frozen=True, slots=True, kw_only=True)
class Fits:
    """Parameters by partner, of both processes.

    Attributes
    ----------
    purchase, spend : mapping of str to array, shape (draw, n_partners)
    first_purchase : bool
        Whether the spend fit learnt from first purchases.
    spreads : mapping of str to array, shape (draw,)
        How much partners differ in their levels; nothing where they are taken to be alike.
    """

    purchase: Mapping[str, Array]
    spend: Mapping[str, Array]
    first_purchase: bool
    spreads: Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One simulated programme.

    Attributes
    ----------
    data : Programme
    amounts : Spenders
    known : Fits
        The parameters it was made with, as if they had been found.
    """

    data: Programme
    amounts: Spenders
    known: Fits


def made(seed: int, *, r: float, sd: tuple[float, float, float], draws: int) -> Made:
    """Simulate a programme whose partners' levels differ by so much."""
    data = programme(seed=seed, sd_u=sd[0], sd_v=sd[1], r=r, phi=PHI)
    rng = np.random.default_rng([seed, 1])
    level = np.log(MEAN) + sd[2] * rng.standard_normal(data.partners)
    purchase = {"r": np.full(data.partners, r), "alpha": r * np.exp(-data.u)}
    purchase |= {"a": PHI * expit(data.v), "b": PHI * expit(-data.v)}
    spend = {"p": np.full(data.partners, P), "q": np.full(data.partners, Q)}
    spend["v"] = np.exp(level) * (Q - 1.0) / P
    known = Fits(
        purchase={name: np.tile(values, (draws, 1)) for name, values in purchase.items()},
        spend={name: np.tile(values, (draws, 1)) for name, values in spend.items()},
        first_purchase=True,
        spreads={},
    )
    amounts = spenders(data.x, level[data.home], p=P, q=Q, rng=rng)
    return Made(data=data, amounts=amounts, known=known)


def fits(
    history: tuple[Array, Array, Array],
    customers: pd.DataFrame,
    home: Array,
    *,
    partners: int,
    draws: int,
    seed: int,
) -> dict[str, Fits]:
    """Fit the customers both ways."""
    rngs = [np.random.default_rng([seed, k]) for k in range(4)]
    bought = fit_partner_purchases(*history, home, partners=partners, draws=draws, rng=rngs[0])
    paid = fit_partner_spend(customers, home, partners=partners, draws=draws, rng=rngs[1])
    if isinstance(bought, Refused) or isinstance(paid, Refused):
        raise TypeError(f"refused: {bought} {paid}")
    alike = fit_purchase(*history, draws=draws, rng=rngs[2])
    same = fit_spend(customers, draws=draws, rng=rngs[3])
    return {
        PARTIAL: Fits(
            purchase=for_all(bought.purchase.draws, partners),
            spend=for_all(paid.spend.draws, partners),
            first_purchase=paid.spend.first_purchase,
            spreads={
                "log purchase rate": bought.shared["sd_log_rate"],
                "dropout logit": bought.shared["sd_dropout_logit"],
                "log mean spend": paid.shared["sd_log_spend"],
            },
        ),
        COMPLETE: Fits(
            purchase=for_all(alike.draws, partners),
            spend=for_all(same.draws, partners),
            first_purchase=same.first_purchase,
            spreads={},
        ),
    }


def forecast(
    found: Fits,
    history: tuple[Array, Array, Array],
    customers: pd.DataFrame,
    home: Array,
    *,
    horizon: float,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Purchases and money to come by partner, shape (draw, n_partners)."""
    partners = found.purchase["r"].shape[1]
    count = future_purchases(history, home, found.purchase, horizon, rng)
    worth = future_money(
        customers, home, found.spend, count, rng, first_purchase=found.first_purchase
    )
    return {
        PURCHASES: by_partner(count, home, partners),
        MONEY: by_partner(worth, home, partners),
    }


def scored(
    truth: Mapping[str, Array], draws: Mapping[str, Array], rng: np.random.Generator
) -> pd.DataFrame:
    """One row a partner and quantity: where the truth fell, and the score."""
    tables = []
    for quantity, actual in truth.items():
        values = draws[quantity]
        tables.append(
            pd.DataFrame(
                {
                    "quantity": quantity,
                    "partner": np.arange(len(actual)),
                    "place": randomised_pit(actual, values, rng=rng),
                    "crps": crps_from_draws(actual, values),
                    "actual": actual,
                    "mean": values.mean(axis=0),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def study(
    number: int, *, r: float, draws: int, sd: tuple[float, float, float] = (0.5, 0.6, SD_SPEND)
) -> pd.DataFrame:
    """Simulate one programme, fit it both ways, and score the forecasts."""
    simulated = made(300 + number, r=r, sd=sd, draws=draws)
    data, amounts = simulated.data, simulated.amounts
    rng = np.random.default_rng([number, 7])
    bought = np.minimum(rng.poisson(data.rate * HORIZON), data.left)
    truth = {
        PURCHASES: by_partner(bought[None], data.home, data.partners)[0],
        MONEY: by_partner(amounts.next_money(bought, rng)[None], data.home, data.partners)[0],
    }
    history = (data.x, data.t_x, data.T)
    both = fits(
        history, amounts.customers, data.home, partners=data.partners, draws=draws, seed=number
    )
    tables = []
    for name, found in (both | {KNOWN: simulated.known}).items():
        told = forecast(found, history, amounts.customers, data.home, horizon=HORIZON, rng=rng)
        tables.append(scored(truth, told, rng).assign(method=name))
    table = pd.concat(tables, ignore_index=True)
    return table.assign(programme=number, size=data.sizes[table["partner"]])


def inside(places: pd.Series, level: int) -> pd.Series:
    """Whether each truth lies in the central interval."""
    return (places - 0.5).abs() <= level / 200


def share(rows: pd.DataFrame, level: int) -> tuple[float, float]:
    """Coverage, and its standard error over programmes."""
    hit = inside(rows["place"], level)
    mean = float(hit.mean())
    off = (hit - mean).groupby(rows["programme"]).sum()
    return mean, float(np.sqrt((off**2).sum()) / len(rows))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Coverage and scores by quantity and method."""
    found = []
    for (quantity, method), part in rows.groupby(["quantity", "method"], sort=False):
        small, large = part[part["size"] < SMALL], part[part["size"] >= LARGE]
        line = {"quantity": quantity, "method": method, "partners": len(part)}
        line |= {f"inside_{level}": share(part, level) for level in LEVELS}
        line |= {"small": share(small, 90), "n_small": len(small)}
        line |= {"large": share(large, 90), "n_large": len(large)}
        line |= {"crps": float(part["crps"].mean())}
        found.append(line)
    return pd.DataFrame(found)


def gain(lines: pd.DataFrame, quantity: str, *, method: str = PARTIAL) -> float:
    """By how much a method's CRPS is below that of complete pooling."""
    crps = lines[lines["quantity"] == quantity].set_index("method")["crps"]
    return float(1 - crps[method] / crps[COMPLETE])


def gain_error(rows: pd.DataFrame, quantity: str) -> float:
    """Standard error of the gain over programmes, by the delta method for a ratio of sums."""
    chosen = rows[rows["quantity"] == quantity]
    crps = chosen.pivot_table(index="programme", columns="method", values="crps", aggfunc="sum")
    ratio = crps[PARTIAL].sum() / crps[COMPLETE].sum()
    off = crps[PARTIAL] - ratio * crps[COMPLETE]
    return float(np.sqrt((off**2).sum()) / crps[COMPLETE].sum())


def told(rows: pd.DataFrame) -> str:
    """Write the study as Markdown."""
    lines, cells = summary(rows), []
    for line in lines.to_dict("records"):
        shares = [f"{line[f'inside_{level}'][0]:.1%}" for level in LEVELS]
        shares += [f"{line[name][0]:.1%} ± {line[name][1]:.1%}" for name in ("small", "large")]
        shares[2] += f" ± {line['inside_90'][1]:.1%}"
        cells.append([line["quantity"], line["method"], *shares, f"{line['crps']:,.2f}"])
    first = lines.iloc[0]
    head = ["total of", "fit", *(f"inside {level} %" for level in LEVELS)]
    head += [f"90 %, fewer than {SMALL} ({first['n_small']})"]
    head += [f"90 %, {LARGE} or more ({first['n_large']})", "CRPS"]
    said = []
    for quantity in (PURCHASES, MONEY):
        line = lines[(lines["quantity"] == quantity) & (lines["method"] == PARTIAL)].iloc[0]
        shares90 = [line[name][0] for name in ("inside_90", "small", "large")]
        good = all(LOWEST <= value <= HIGHEST for value in shares90)
        better = gain(lines, quantity)
        said.append(
            f"{quantity}: 90 % intervals of partial pooling {LOWEST:.0%} to {HIGHEST:.0%} overall "
            f"and for small and large partners: {'met' if good else 'MISSED'}; CRPS {better:.1%} ± "
            f"{gain_error(rows, quantity):.1%} below complete pooling (bar {GAIN_BAR:.0%}): "
            f"{'met' if better >= GAIN_BAR else 'MISSED'}; with the true parameters it would be "
            f"{gain(lines, quantity, method=KNOWN):.1%} below."
        )
    return f"{table(head, cells)}\n\n" + "\n".join(f"- {sentence}" for sentence in said)


def main() -> None:
    """Run the study, print its table, and write it into the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programmes", type=int, default=160)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    texts = []
    for r in SHAPES:
        tables = []
        with ProcessPoolExecutor(asked.processes) as pool:
            one = partial(_quiet_study, r=r, draws=asked.draws)
            for rows in pool.map(one, range(asked.programmes)):
                tables.append(rows)
                print(f"\rprogramme {len(tables)} of {asked.programmes}", end="", flush=True)
        rows = pd.concat(tables, ignore_index=True)
        texts.append(
            f"**r = {r:g}**, {asked.programmes} programmes of 40 partners:\n\n{told(rows)}"
        )
        print(f"\n\n{texts[-1]}\n", flush=True)
    if asked.write:
        write_section("partial-pooling", "\n\n".join(texts))


def _quiet_study(number: int, *, r: float, draws: int) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return study(number, r=r, draws=draws)


if __name__ == "__main__":
    main()
