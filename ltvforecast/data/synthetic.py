"""A partner programme with known truth, simulated forward from each customer's first purchase."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ltvforecast.errors import ConfigError
from ltvforecast.output import refuse_existing, whole_file
from ltvforecast.types import FloatArray, IntArray

__all__ = ["SyntheticProgramme", "simulate_programme", "write_programme"]

DEFAULT_AS_OF = dt.date(2025, 12, 31)
MOST_PURCHASES = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticProgramme:
    """Simulated transactions up to ``as_of``, and what happened afterwards.

    Attributes
    ----------
    transactions : pandas.DataFrame
        ``partner_id``, ``customer_id``, ``date``, ``amount``; sorted by date, up to ``as_of``.
    parameters : mapping
        Everything the simulation was given, times in days.
    partners : pandas.DataFrame
        Sorted by ``partner_id``: ``customers`` (distinct, up to ``as_of``), ``revenue_to_date``,
        ``future_revenue`` and ``future_purchases`` in the ``horizon_days`` after ``as_of``, from
        customers known at ``as_of``. Partners without any customer are there, with zeros.
    customers : pandas.DataFrame
        Sorted by ``customer_id``: ``partner_id`` (home), ``purchase_rate`` (a day), ``dropout``,
        ``mean_spend``, ``alive`` (at the end of ``as_of``), ``future_purchases``,
        ``future_revenue``.
    as_of : datetime.date
    horizon_days : int
    """

    transactions: pd.DataFrame
    parameters: Mapping[str, object]
    partners: pd.DataFrame
    customers: pd.DataFrame
    as_of: dt.date
    horizon_days: int


def simulate_programme(
    *,
    partners: int = 200,
    customers: int = 20_000,
    seed: int = 20_260_101,
    days: int = 730,
    horizon_days: int = 365,
    r: float = 0.8,
    alpha: float = 60.0,
    a: float = 0.8,
    b: float = 4.0,
    p: float = 4.0,
    q: float = 4.0,
    v: float = 60.0,
    size_spread: float = 1.0,
    shared_customers: float = 0.0,
    season: Sequence[float] | None = None,
    step: tuple[float, float] | None = None,
    as_of: dt.date = DEFAULT_AS_OF,
) -> SyntheticProgramme:
    """Simulate a partner programme whose customers buy by BG/NBD and spend by Gamma-Gamma.

    Parameters
    ----------
    partners, customers : int
        ``customers`` is the number acquired up to ``as_of``, at uniform times over ``days``.
    seed : int
        Same seed, same programme.
    days : int
        Length of the history.
    horizon_days : int
        How far the same customers are followed beyond ``as_of`` for the truth.
    r, alpha, a, b : float
        BG/NBD: purchase rate a day ~ Gamma(r, rate alpha), dropout after each repeat purchase ~
        Beta(a, b).
    p, q, v : float
        Gamma-Gamma: amount ~ Gamma(p, rate nu), nu ~ Gamma(q, rate v); mean ``p v / (q - 1)``.
    size_spread : float
        Standard deviation of the log of the partners' expected number of customers.
    shared_customers : float
        Fraction of customers who buy at two or three partners (if there are as many), in
        Dirichlet(1) shares drawn per customer.
    season : sequence of 12 floats, optional
        Factors on everybody's purchase rate from January to December, before and after ``as_of``.
        First purchases have no season.
    step : tuple of float, optional
        ``(day, factor)``: from that day of the history on all purchase rates are multiplied.
    as_of : datetime.date
        Last day of the history.

    Returns
    -------
    SyntheticProgramme

    Raises
    ------
    ConfigError
        A number that makes no programme (no partners, a negative spread, ...).

    Notes
    -----
    Simulated from birth by the model's story, with none of its conditional formulas, so that it
    can judge them. Amounts are rounded to cents, at least .01; times are cut to whole days, so
    that two purchases on one day are two rows. Customers first acquired after ``as_of`` are not
    simulated.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, section 3, assumptions (i)-(v);
    Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value".

    Examples
    --------
    >>> programme = simulate_programme(partners=3, customers=50, seed=1)
    >>> sorted(programme.transactions.columns)
    ['amount', 'customer_id', 'date', 'partner_id']
    >>> programme.customers["customer_id"].nunique()
    50
    """
    parameters = {
        "partners": partners, "customers": customers, "seed": seed, "days": days,
        "horizon_days": horizon_days, "r": r, "alpha": alpha, "a": a, "b": b, "p": p, "q": q,
        "v": v, "size_spread": size_spread, "shared_customers": shared_customers,
        "as_of": as_of.isoformat(),
    }  # fmt: skip
    if season is not None:
        parameters["season"] = [float(factor) for factor in season]
    if step is not None:
        parameters["step"] = [float(number) for number in step]
    _check(parameters, season=season, step=step)
    clock = _clock(season, step, days=days, horizon_days=horizon_days, as_of=as_of)
    rng = np.random.default_rng(seed)
    birth = rng.uniform(0.0, days, customers)
    rate = rng.gamma(r, 1.0 / alpha, customers)
    dropout = np.clip(rng.beta(a, b, customers), 1e-300, 1.0 - 1e-16)
    nu = np.maximum(rng.gamma(q, 1.0 / v, customers), 1e-9)
    who, time, alive = _purchases(rng, birth, rate, dropout, clock=clock, end=days)
    amount = np.maximum(np.round(rng.gamma(p, 1.0, len(who)) / nu[who], 2), 0.01)
    home, where = _partner_of_purchases(
        rng, who, customers, partners, size_spread=size_spread, shared=shared_customers
    )
    events = pd.DataFrame({"partner": where, "customer": who, "time": time, "amount": amount})
    partner_names = _names("P", partners)
    customer_names = _names("C", customers)
    past = events[events["time"] < days]
    future = events[events["time"] >= days]
    return SyntheticProgramme(
        transactions=_dated(past, partner_names, customer_names, days=days, as_of=as_of),
        parameters=parameters,
        partners=_partner_truth(past, future, partner_names),
        customers=pd.DataFrame(
            {
                "customer_id": customer_names,
                "partner_id": partner_names[home],
                "purchase_rate": rate,
                "dropout": dropout,
                "mean_spend": p / nu,
                "alive": alive,
                "future_purchases": np.bincount(future["customer"], minlength=customers),
                "future_revenue": _cents(future["customer"], future["amount"], customers),
            }
        ),
        as_of=as_of,
        horizon_days=horizon_days,
    )


def write_programme(
    programme: SyntheticProgramme, path: str | Path, *, overwrite: bool = False
) -> tuple[Path, Path]:
    """Write the transactions as Parquet and the truth as JSON beside them.

    Parameters
    ----------
    programme : SyntheticProgramme
    path : str or pathlib.Path
        Of the Parquet file, ``name.parquet``; the truth becomes ``name.truth.json``.
    overwrite : bool
        Replace files of these names.

    Returns
    -------
    tuple of pathlib.Path
        The Parquet file and the truth file; each appears whole or not at all.

    Raises
    ------
    OutputExistsError
        One of the names is taken and ``overwrite`` is False.
    ConfigError
        The name does not end in ``.parquet``, or the place can't be written to.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> programme = simulate_programme(partners=2, customers=10, seed=1)
    >>> [made.name for made in write_programme(programme, Path(folder.name) / "toy.parquet")]
    ['toy.parquet', 'toy.truth.json']
    >>> folder.cleanup()
    """
    path = Path(path)
    if path.suffix != ".parquet":
        raise ConfigError(
            f"the name {path.name!r}",
            expected="a name ending in .parquet",
            remedy=f"write {path.with_suffix('.parquet').name!r}",
        )
    truth = path.with_suffix(".truth.json")
    refuse_existing(truth, overwrite=overwrite)
    content = {
        "parameters": dict(programme.parameters),
        "as_of": programme.as_of.isoformat(),
        "horizon_days": programme.horizon_days,
        "future_revenue": round(float(programme.partners["future_revenue"].sum()), 2),
        "partners": programme.partners.to_dict(orient="records"),
    }
    with whole_file(path, overwrite=overwrite) as made:
        programme.transactions.to_parquet(made, index=False)
        with whole_file(truth, overwrite=overwrite) as made_truth:
            text = json.dumps(content, indent=1, allow_nan=False)
            made_truth.write_text(text + "\n", encoding="utf-8")
    return path, truth


def _purchases(
    rng: np.random.Generator,
    birth: FloatArray,
    rate: FloatArray,
    dropout: FloatArray,
    *,
    clock: FloatArray,
    end: int,
) -> tuple[IntArray, FloatArray, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Simulate who buys when until the clock ends, and who is alive at ``end``.

    A customer drops out after its D-th repeat purchase, D geometric with its dropout
    probability; of its Poisson times, even on the clock, only the first D happen.
    """
    days = np.arange(len(clock), dtype=np.float64)
    start, left = np.interp(birth, days, clock), clock[-1] - np.interp(birth, days, clock)
    lifetime = np.floor(np.log1p(-rng.random(len(birth))) / np.log1p(-dropout)) + 1.0
    candidates = rng.poisson(rate * left)
    who = np.repeat(np.arange(len(birth)), candidates)
    time = np.interp(start[who] + rng.random(len(who)) * left[who], clock, days)
    order = np.lexsort((time, who))
    who, time = who[order], time[order]
    rank = np.arange(len(who)) - np.repeat(np.cumsum(candidates) - candidates, candidates)
    happens = rank < lifetime[who]
    who, time = who[happens], time[happens]
    repeats = np.bincount(who[time < end], minlength=len(birth))
    everyone = np.concatenate([np.arange(len(birth)), who])
    return everyone, np.concatenate([birth, time]), repeats < lifetime


def _clock(
    season: Sequence[float] | None,
    step: tuple[float, float] | None,
    *,
    days: int,
    horizon_days: int,
    as_of: dt.date,
) -> FloatArray:
    """Operational time at the start of each day: the sum of the daily factors before it."""
    factors = np.ones(days + horizon_days)
    if season is not None:
        first = (as_of - dt.date(1970, 1, 1)).days - (days - 1)
        day = (first + np.arange(len(factors))).astype("datetime64[D]")
        month = day.astype("datetime64[M]").astype(np.int64) % 12
        factors *= np.asarray(season, dtype=np.float64)[month]
    if step is not None:
        factors[np.arange(len(factors)) >= step[0]] *= step[1]
    return np.concatenate(([0.0], np.cumsum(factors)))


def _partner_of_purchases(
    rng: np.random.Generator,
    who: IntArray,
    customers: int,
    partners: int,
    *,
    size_spread: float,
    shared: float,
) -> tuple[IntArray, IntArray]:
    """Give each customer a home partner, and each purchase a partner."""
    size = rng.lognormal(0.0, size_spread, partners)
    home = rng.choice(partners, customers, p=size / size.sum())
    touched = np.minimum(
        np.where(rng.random(customers) < shared, rng.integers(2, 4, customers), 1), partners
    )
    # Distinct other partners: steps around the circle of partners from the home partner.
    step_1 = rng.integers(1, max(partners, 2), customers)
    step_2 = rng.integers(1, max(partners - 1, 2), customers)
    step_2 += step_2 >= step_1
    places = (np.column_stack([np.zeros(customers, np.int64), step_1, step_2]) + home[:, None]) % (
        partners
    )
    share = rng.standard_exponential((customers, 3)) * (np.arange(3) < touched[:, None])
    cumulative = np.cumsum(share, axis=1)
    cumulative /= cumulative[:, -1:]
    pick = np.minimum(
        (rng.random(len(who))[:, None] >= cumulative[who]).sum(axis=1), touched[who] - 1
    )
    return home, places[who, pick]


def _names(letter: str, count: int) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    width = len(str(count))
    return np.array([f"{letter}{k:0{width}d}" for k in range(1, count + 1)], dtype=object)


def _dated(
    events: pd.DataFrame,
    partner_names: np.ndarray[tuple[int], np.dtype[np.object_]],
    customer_names: np.ndarray[tuple[int], np.dtype[np.object_]],
    *,
    days: int,
    as_of: dt.date,
) -> pd.DataFrame:
    events = events.sort_values(["time", "customer"], ignore_index=True)
    last = np.datetime64(as_of, "D")
    day = np.floor(events["time"].to_numpy()).astype(np.int64) - (days - 1)
    return pd.DataFrame(
        {
            "partner_id": partner_names[events["partner"]],
            "customer_id": customer_names[events["customer"]],
            "date": (last + day).astype("datetime64[s]"),
            "amount": events["amount"],
        }
    ).astype({"partner_id": "str", "customer_id": "str"})


def _partner_truth(
    past: pd.DataFrame,
    future: pd.DataFrame,
    names: np.ndarray[tuple[int], np.dtype[np.object_]],
) -> pd.DataFrame:
    count = len(names)
    pairs = past[["partner", "customer"]].drop_duplicates()
    return pd.DataFrame(
        {
            "partner_id": names,
            "customers": np.bincount(pairs["partner"], minlength=count),
            "revenue_to_date": _cents(past["partner"], past["amount"], count),
            "future_revenue": _cents(future["partner"], future["amount"], count),
            "future_purchases": np.bincount(future["partner"], minlength=count),
        }
    )


def _cents(group: pd.Series[int], amount: pd.Series[float], count: int) -> FloatArray:
    """Add amounts up by group, in whole cents so that sums of sums agree."""
    cents = np.bincount(group, np.round(amount * 100.0), minlength=count)
    return np.asarray(cents / 100.0)


def _check(
    parameters: Mapping[str, object],
    *,
    season: Sequence[float] | None,
    step: tuple[float, float] | None,
) -> None:
    number = {name: _number(value) for name, value in parameters.items()}
    shape = ("r", "alpha", "a", "b", "p", "q", "v")
    wrong = [
        name
        for name in ("partners", "customers", "days", "horizon_days", *shape)
        if not number[name] > 0
    ]
    if not number["size_spread"] >= 0:
        wrong.append("size_spread")
    if not 0 <= number["shared_customers"] <= 1:
        wrong.append("shared_customers")
    if season is not None and not (
        len(season) == 12 and all(0.0 < factor <= 100.0 for factor in season)
    ):
        wrong.append("season")
    if step is not None and not (step[0] >= 0.0 and 0.0 < step[1] <= 100.0):
        wrong.append("step")
    if wrong:
        raise ConfigError(
            ", ".join(f"{name} = {parameters[name]}" for name in wrong),
            expected="positive numbers; size_spread at least 0; shared_customers from 0 to 1; "
            "12 seasonal factors and a step's factor above 0 and up to 100",
            remedy="correct these",
        )
    time = number["days"] + number["horizon_days"]
    expected = number["customers"] * number["r"] / number["alpha"] * time
    if expected > MOST_PURCHASES:
        raise ConfigError(
            f"these settings make up to {expected:,.0f} purchases",
            expected=f"at most {MOST_PURCHASES:,}, so that they fit into memory",
            remedy="take fewer customers or days, or a larger alpha (times are in days)",
        )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and np.isfinite(value) else float("nan")
