"""Simulated programmes of known truth: does all future revenue fall into its intervals?

Run as ``python -m tests.benchmarks.whole_future [--programmes N] [--draws M] [--write]``. Partners
join, bring customers at their own pace with good and bad months, and stop; customers buy, spend and
leave. In one kind of programme everything is steady, in one it grows and has campaigns (months far
above and below the trend), in one partners die early, in one the year has a season. Each programme
is fitted with and without what past forecasts teach, and forecast for the next twelve months; what
really came is known. Coverage is by randomised place among the draws. Everything follows from the
seeds. ``--write`` puts the table into ACCURACY.md.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.evaluate.fit_programme import add_layers, fit
from ltvforecast.evaluate.scores import coverage, randomised_pit
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.predict import predict
from tests.benchmarks.accuracy_page import table, write_section
from tests.forecast.made_newcomers import MadeNewcomers, made_newcomers

KINDS: Mapping[str, Mapping[str, float]] = {
    "steady": {},
    "growth and campaigns": {"growth": 0.3, "kappa": 1.0},
    "dying partners": {"beta": 10.0},
    "season": {"season": 0.4},
}
QUANTITIES = ("new_customers", "new_revenue", "existing_revenue", "future_revenue")
WITH, WITHOUT = "with layers", "bare model"
HORIZON = "12mo"


def forecast_rows(
    model: FittedModel, made: MadeNewcomers, *, draws: int, seed: int
) -> pd.DataFrame:
    """Place what came among the draws, for each partner and for the programme.

    Returns
    -------
    pandas.DataFrame
        ``quantity, level, pit``, and ``squared`` of the chance that a partner still brings new
        customers, less whether it does.
    """
    told = predict(model, horizon=HORIZON, draws=draws, seed=seed)
    ids = list(model.summary.partner_ids)
    found = {
        name: told.draws[name].to_numpy().astype(np.float64)
        for name in ("new_customers", "new_revenue", "existing_revenue")
    }
    found["future_revenue"] = found["new_revenue"] + found["existing_revenue"]
    came = {
        name: np.array([float(getattr(made, name)[partner]) for partner in ids])
        for name in ("new_customers", "new_revenue", "existing_revenue")
    }
    came["future_revenue"] = came["new_revenue"] + came["existing_revenue"]
    rng = np.random.default_rng([seed, 5])
    rows = []
    for name in QUANTITIES:
        for level, actual, future in (
            ("partner", came[name], found[name]),
            ("programme", came[name].sum(keepdims=True), found[name].sum(axis=1)[:, None]),
        ):
            pit = randomised_pit(actual, future, rng=rng)
            rows.append(pd.DataFrame({"quantity": name, "level": level, "pit": pit}))
    chance = told.partners.set_index("partner_id")["p_acquiring"].reindex(ids).to_numpy(float)
    active = np.array([float(made.active[partner]) for partner in ids])
    rows.append(pd.DataFrame({"quantity": "active", "squared": (chance - active) ** 2}))
    return pd.concat(rows, ignore_index=True)


def study(programmes: int, *, draws: int) -> pd.DataFrame:
    """Simulate, fit and forecast programmes of every kind, with layers and without."""
    rows = []
    for number, (kind, options) in enumerate(KINDS.items()):
        for programme in range(programmes):
            seed = 1000 * number + programme
            made = made_newcomers(seed, **options)  # type: ignore[arg-type]
            summary = summarize(read_transactions(made.transactions), as_of=made.as_of)
            bare = fit(summary, draws=draws, seed=seed, layers="off")
            for name, model in ((WITHOUT, bare), (WITH, add_layers(bare))):
                found = forecast_rows(model, made, draws=draws, seed=seed)
                rows.append(found.assign(kind=kind, layers=name, programme=programme))
            print(f"{kind}, programme {programme + 1} of {programmes}", flush=True)
    return pd.concat(rows, ignore_index=True)


def markdown(rows: pd.DataFrame) -> str:
    """Write coverage by quantity, kind and level, and the score of who is still active."""
    lines = []
    told = rows[rows["quantity"] != "active"]
    kinds = [*KINDS, "all"]
    for layers in (WITHOUT, WITH):
        for quantity in QUANTITIES:
            for kind in kinds if quantity == "future_revenue" else ["all"]:
                chosen = told[(told["layers"] == layers) & (told["quantity"] == quantity)]
                chosen = chosen if kind == "all" else chosen[chosen["kind"] == kind]
                lines.append([layers, quantity, kind, *_coverages(chosen)])
    head = ["forecast", "quantity", "programmes", "partners", "inside 50 %", "inside 90 %"]
    found = table([*head, "programme inside 50 %", "inside 90 %"], lines)
    brier = rows.loc[rows["layers"] == WITHOUT].groupby("kind", sort=False)["squared"].mean()
    scored = ", ".join(f"{kind} {score:.3f}" for kind, score in brier.items())
    number = rows.groupby("kind")["programme"].nunique().max()
    return (
        f"{number} programmes of each kind, twelve months ahead. Brier score of the chance that a "
        f"partner still brings new customers: {scored}.\n\n{found}"
    )


def _coverages(rows: pd.DataFrame) -> list[str]:
    shares = []
    for level in ("partner", "programme"):
        pit = rows.loc[rows["level"] == level, "pit"].to_numpy(np.float64)
        shares += [f"{coverage(pit, level=nominal):.1%}" for nominal in (50, 90)]
    return [f"{int((rows['level'] == 'partner').sum()):,}", *shares]


def main() -> None:
    """Print the table, and write it into ACCURACY.md if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programmes", type=int, default=6)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rows = study(asked.programmes, draws=asked.draws)
    text = markdown(rows)
    print(text)
    if asked.write:
        write_section("whole-future", text)


if __name__ == "__main__":
    main()
