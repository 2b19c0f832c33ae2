"""Models side by side: information criteria on all data, and forecasts from past dates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from narwhals.stable.v2.typing import IntoFrame

from ltvforecast.data.attribution import Attribution
from ltvforecast.data.partner_table import PartnerTable
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ConfigError, ConvergenceError, ForecastError
from ltvforecast.evaluate.backtest import backtest
from ltvforecast.evaluate.model_specs import AXES, ModelSpec, parse_models
from ltvforecast.evaluate.records import MODEL, Comparison, Evaluation
from ltvforecast.evaluate.side_by_side import (
    PARTS,
    crps_difference,
    high_k_hat_notes,
    information_sentences,
    score_sentences,
)
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.information import (
    Information,
    compare_information,
    information_criteria,
)
from ltvforecast.fitting.pointwise import Part, observations
from ltvforecast.forecast_types import Horizon
from ltvforecast.transaction_types import CustomerSummary, Transactions
from ltvforecast.types import DEFAULT_SEED, TimeUnit

__all__ = ["compare"]

Progress = Callable[[str, int, int], None]
SCORES = ("wape", "bias", "crps", "coverage_50", "coverage_90")


def compare(
    transactions: Transactions | IntoFrame,
    models: str | Sequence[str],
    *,
    horizon: str | Horizon,
    origins: int = 4,
    min_customers: int = 20,
    partners: PartnerTable | None = None,
    attribution: Attribution = "share",
    time_unit: TimeUnit = "day",
    draws: int = 1000,
    seed: int = DEFAULT_SEED,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare models by how they predict customers they have not seen, and by past forecasts.

    Parameters
    ----------
    transactions : Transactions or dataframe
        A dataframe is first read with :func:`ltvforecast.read_transactions`.
    models : str or sequence of str
        Such as ``"bg-nbd/gamma-gamma, bg-nbd/gamma-gamma-mean"``: options of
        :func:`ltvforecast.fit`, see :func:`ltvforecast.evaluate.model_specs.parse_models`.
    horizon, origins, min_customers, partners, attribution, time_unit, draws, seed, workers
        As in :func:`ltvforecast.backtest`.
    progress : callable, optional
        Called as ``progress(label, done, total)``.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError
        A specification or option that means nothing, or a history too short for the horizon.

    Notes
    -----
    Two views. *Information criteria* (PSIS-LOO, WAIC) ask how well the model fitted to all data
    predicts a customer left out: purchases and spend apart, each customer one observation. They
    are compared only between likelihoods of the same data: the density of all amounts and that of
    mean amounts have different units, and a seasonal clock measures time otherwise. *Rolling
    origins* ask how well partner totals were forecast from past dates; all models forecast the
    same money, so that any two can be compared. They are compared bare, without the layers that a
    forecast learns from its own past errors, which would hide what a model gets wrong.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432; Sivula, Magnusson,
    Matamoros & Vehtari (2020), arXiv:2008.10296; Tashman (2000), International Journal of
    Forecasting 16, 437-450.
    """
    specs = parse_models(models)
    known = (
        transactions if isinstance(transactions, Transactions) else read_transactions(transactions)
    )
    asked = _Asked(
        horizon=horizon,
        origins=origins,
        min_customers=min_customers,
        partners=partners,
        attribution=attribution,
        time_unit=time_unit,
        draws=draws,
        seed=seed,
        workers=workers,
    )
    found: list[_Model] = []
    summary: CustomerSummary | None = None
    for number, spec in enumerate(specs):
        tell = _labelled(progress or _silent, f"{spec.name} ({number + 1} of {len(specs)})")
        refused: dict[str, str] = {}
        evaluation = _replayed(known, spec, asked, refused=refused, tell=tell)
        if summary is None:  # after the first replay, which refuses what is too short
            summary = summarize(
                known, attribution=attribution, time_unit=time_unit, partners=partners
            )
        information = _information(summary, spec, asked, refused=refused, tell=tell)
        found.append(
            _Model(spec=spec, evaluation=evaluation, information=information, refused=refused)
        )
    return _comparison(found, asked)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What is the same for every model."""

    horizon: str | Horizon
    origins: int
    min_customers: int
    partners: PartnerTable | None
    attribution: Attribution
    time_unit: TimeUnit
    draws: int
    seed: int
    workers: int | None

    def record(self, names: Sequence[str]) -> dict[str, object]:
        """Give it as JSON; the number of workers changes nothing."""
        return {
            "models": list(names),
            "horizon": self.horizon if isinstance(self.horizon, str) else self.horizon.text,
            "origins": self.origins,
            "min_customers": self.min_customers,
            "attribution": self.attribution,
            "time_unit": self.time_unit,
            "draws": self.draws,
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    """All that was found of one specification, and what was refused."""

    spec: ModelSpec
    evaluation: Evaluation | None
    information: Mapping[Part, Information]
    refused: Mapping[str, str]


def _replayed(
    known: Transactions,
    spec: ModelSpec,
    asked: _Asked,
    *,
    refused: dict[str, str],
    tell: Progress,
) -> Evaluation | None:
    """Forecast from past dates; if it can't be done, ``refused`` says why."""
    try:
        return backtest(
            known,
            horizon=asked.horizon,
            target="existing",
            origins=asked.origins,
            min_customers=asked.min_customers,
            baselines=(),
            partners=asked.partners,
            attribution=asked.attribution,
            time_unit=asked.time_unit,
            method=spec.settings.method,
            model=spec.settings.model,
            spend=spec.settings.spend,
            dependence=spec.settings.dependence,
            pooling=spec.settings.pooling,
            layers="off",
            draws=asked.draws,
            seed=asked.seed,
            workers=asked.workers,
            progress=tell,
        )
    except (ForecastError, ConvergenceError) as error:
        refused["rolling origins"] = error.found
        return None


def _silent(_label: str, _done: int, _total: int) -> None:
    return


def _labelled(tell: Progress, name: str) -> Progress:
    return lambda label, done, total: tell(f"{name}: {label}", done, total)


def _information(
    summary: CustomerSummary,
    spec: ModelSpec,
    asked: _Asked,
    *,
    refused: dict[str, str],
    tell: Progress,
) -> dict[Part, Information]:
    """Fit to all data and leave customers out; what is not possible goes to ``refused``."""
    try:
        model: FittedModel = fit_model(
            summary,
            method=spec.settings.method,
            model=spec.settings.model,
            spend=spec.settings.spend,
            dependence=spec.settings.dependence,
            pooling=spec.settings.pooling,
            draws=asked.draws,
            seed=asked.seed,
        )
    except ConvergenceError as error:
        refused["information criteria"] = error.found
        return {}
    found: dict[Part, Information] = {}
    for part in PARTS:
        try:
            found[part] = information_criteria(observations(model, part), progress=tell)
        except ConfigError as error:
            refused[f"information criteria ({part})"] = f"{error.found}; {error.expected}"
    return found


def _comparison(models: Sequence[_Model], asked: _Asked) -> Comparison:
    rows = [_option_columns(model) | _score_columns(model) for model in models]
    names = [model.spec.name for model in models]
    for part in PARTS:
        for row, cells in zip(rows, _information_columns(models, part), strict=True):
            row.update(cells)
    crps = crps_difference(
        [None if each.evaluation is None else each.evaluation.forecasts for each in models],
        min_customers=asked.min_customers,
    )
    for row, (difference, error) in zip(rows, crps, strict=True):
        row.update({"crps_diff": difference, "crps_diff_se": error})
    table = pd.DataFrame(rows)
    first = ["spec", *AXES]
    last = ["wape", "bias", "crps", "crps_diff", "crps_diff_se", "coverage_50", "coverage_90"]
    middle = [name for name in table.columns if name not in (*first, *last)]
    pooled = [
        each.evaluation.pooled.assign(spec=each.spec.name)
        for each in models
        if each.evaluation is not None
    ]
    scores = pd.concat(pooled, ignore_index=True) if pooled else pd.DataFrame(columns=["spec"])
    columns = ["spec", *(name for name in scores.columns if name not in ("spec", "method"))]
    by_part = {part: [each.information.get(part) for each in models] for part in PARTS}
    return Comparison(
        table=table[[*first, *middle, *last]],
        scores=scores[columns],
        sentences=(
            *(s for part in PARTS for s in information_sentences(names, by_part[part], part)),
            *score_sentences(names, crps),
        ),
        notes=(
            *_refusals(models),
            *(note for part in PARTS for note in high_k_hat_notes(names, by_part[part], part)),
            *_replay_notes(models),
        ),
        settings=asked.record(names),
    )


def _refusals(models: Sequence[_Model]) -> list[str]:
    return [
        f"{each.spec.name}: no {what}: {why}"
        for each in models
        for what, why in each.refused.items()
    ]


def _replay_notes(models: Sequence[_Model]) -> list[str]:
    """Give the notes of the replays: once where all say the same, else with the model's name."""
    replays = [(each.spec.name, each.evaluation.notes) for each in models if each.evaluation]
    shared = (
        [note for note in replays[0][1] if all(note in notes for _, notes in replays)]
        if (replays)
        else []
    )
    own = [f"{name}: {note}" for name, notes in replays for note in notes if note not in shared]
    return [*shared, *own]


def _option_columns(model: _Model) -> dict[str, object]:
    settings = model.spec.settings
    return {"spec": model.spec.name, **{axis: getattr(settings, axis) for axis in AXES}}


def _score_columns(model: _Model) -> dict[str, object]:
    if model.evaluation is None:
        return dict.fromkeys(SCORES, math.nan)
    pooled = model.evaluation.pooled
    row = pooled[(pooled["level"] == "partner") & (pooled["method"] == MODEL)]
    return {name: float(row[name].iloc[0]) if len(row) else math.nan for name in SCORES}


def _information_columns(models: Sequence[_Model], part: Part) -> list[dict[str, object]]:
    """Give each model's criteria, and the difference to the best of those of the same data."""
    found = [model.information.get(part) for model in models]
    columns = []
    for mine in found:
        cells: dict[str, float] = dict.fromkeys(
            ("elpd_loo", "elpd_loo_se", "elpd_diff", "elpd_diff_se", "p_loo", "elpd_waic"), math.nan
        )
        cells["high_k_hat"] = math.nan
        if mine is not None:
            same = [each for each in found if each and each.fingerprint == mine.fingerprint]
            cells |= {
                "elpd_loo": mine.elpd_loo,
                "elpd_loo_se": mine.elpd_loo_se,
                "p_loo": mine.p_loo,
                "elpd_waic": mine.elpd_waic,
                "high_k_hat": float(mine.high_k_hat),
            }
            if len(same) > 1:
                best = max(same, key=lambda each: each.elpd_loo)
                difference = compare_information(mine, best)
                cells["elpd_diff"] = difference.elpd_diff
                cells["elpd_diff_se"] = difference.elpd_diff_se
        columns.append({f"{part}_{name}": value for name, value in cells.items()})
    return [dict(each) for each in columns]
