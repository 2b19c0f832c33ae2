"""Folders of evaluations: the tables as CSV and a summary as JSON, whole or not at all."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from ltvforecast.evaluate.records import Comparison, Evaluation
from ltvforecast.evaluate.score_records import ForecastScore
from ltvforecast.output import spreadsheet_safe, whole_folder

__all__ = ["comparison_record", "save_comparison", "save_evaluation", "save_score", "score_record"]

FORMAT_VERSION = 1
_IDS = ("partner_id", "customer_id", "spec")


def save_evaluation(evaluation: Evaluation, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write scores, forecasts, risk bands and who was new as tables, and ``summary.json``.

    Parameters
    ----------
    evaluation : Evaluation
    folder : str or pathlib.Path
        Appears whole or not at all.
    overwrite : bool
        Replace a folder of that name.

    Raises
    ------
    OutputExistsError
        The folder is there already and ``overwrite`` is False.
    ConfigError
        The place can't be written to.

    Notes
    -----
    What is not defined or was not forecast is empty in the tables and ``null`` in the summary.
    Ids that a spreadsheet would take for a formula get an apostrophe before them in the tables.
    """
    with whole_folder(Path(folder), overwrite=overwrite) as made:
        for name, table in (
            ("scores", evaluation.scores),
            ("forecasts", evaluation.forecasts),
            ("origins", evaluation.origins),
            ("new_partners", evaluation.new_partners),
            ("moved_customers", evaluation.moved_customers),
            ("decile_lift", evaluation.decile_lift),
            ("risk_bands", evaluation.risk_bands),
        ):
            _write_csv(table, made / f"{name}.csv")
        summary = {
            "format_version": FORMAT_VERSION,
            "settings": dict(evaluation.settings),
            "origins": _records(evaluation.origins),
            "scores": _records(evaluation.pooled),
            "new_customers": _records(evaluation.new_customers),
            "risk_bands": _records(evaluation.risk_bands),
            "notes": list(evaluation.notes),
        }
        _write_json(summary, made / "summary.json")


def save_score(score: ForecastScore, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write ``score.json``, ``partners.csv`` and ``periods.csv``.

    Parameters
    ----------
    score : ForecastScore
    folder : str or pathlib.Path
        Appears whole or not at all.
    overwrite : bool
        Replace a folder of that name.

    Raises
    ------
    OutputExistsError
        The folder is there already and ``overwrite`` is False.
    ConfigError
        The place can't be written to.

    Notes
    -----
    Ids are made safe for spreadsheets as in :func:`save_evaluation`.
    """
    with whole_folder(Path(folder), overwrite=overwrite) as made:
        _write_csv(score.partners, made / "partners.csv")
        _write_csv(score.periods, made / "periods.csv")
        _write_json(score_record(score), made / "score.json")


def score_record(score: ForecastScore) -> dict[str, object]:
    """Give all but the tables by partner and period as JSON; what is not defined is null."""
    verdict, agreement = score.verdict, score.agreement
    return {
        "format_version": FORMAT_VERSION,
        "as_of": score.as_of.isoformat(),
        "window_end": score.window_end.isoformat(),
        "scored_until": score.scored_until.isoformat(),
        "days_passed": score.days_passed,
        "days_scored": score.days_scored,
        "days_asked": score.days_asked,
        "complete": score.complete,
        "verdict": {
            "word": verdict.word,
            "reason": verdict.reason,
            "rule": verdict.rule,
            "p_programme": verdict.p_programme,
            "p_split": verdict.p_split,
            "outside": verdict.outside,
            "outside_usual": None if verdict.outside_usual is None else [*verdict.outside_usual],
        },
        "programme": {name: _plain(value) for name, value in score.programme.items()},
        "scores": _records(score.scores),
        "beside": dict(score.beside),
        "agreement": {
            "customers": agreement.customers,
            "customers_found": agreement.customers_found,
            "partners": agreement.partners,
            "partners_found": agreement.partners_found,
            "revenue_then": round(agreement.revenue_then, 6),
            "revenue_now": round(agreement.revenue_now, 6),
            "missing_partners": list(agreement.missing_partners),
            "restated_partners": _records(agreement.restated_partners),
        },
        "notes": list(score.notes),
    }


def save_comparison(comparison: Comparison, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write ``compare.csv``, ``scores.csv`` and ``summary.json``.

    Parameters
    ----------
    comparison : Comparison
    folder : str or pathlib.Path
        Appears whole or not at all.
    overwrite : bool
        Replace a folder of that name.

    Raises
    ------
    OutputExistsError
        The folder is there already and ``overwrite`` is False.
    ConfigError
        The place can't be written to.
    """
    with whole_folder(Path(folder), overwrite=overwrite) as made:
        _write_csv(comparison.table, made / "compare.csv")
        _write_csv(comparison.scores, made / "scores.csv")
        _write_json(comparison_record(comparison), made / "summary.json")


def comparison_record(comparison: Comparison) -> dict[str, object]:
    """Give a comparison as JSON; what is not defined or not comparable is null."""
    return {
        "format_version": FORMAT_VERSION,
        "settings": dict(comparison.settings),
        "models": _records(comparison.table),
        "sentences": list(comparison.sentences),
        "notes": list(comparison.notes),
    }


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    ids = [name for name in _IDS if name in table]
    safe = table.assign(**{name: table[name].map(spreadsheet_safe) for name in ids})
    # with plain line feeds the writer doesn't see that a carriage return needs quotes
    returns = any("\r" in each for name in ids for each in safe[name])
    safe.to_csv(
        path,
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL,
    )


def _write_json(content: dict[str, object], path: Path) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in table.astype(object).to_dict(orient="records")
    ]


def _plain(value: object) -> object:
    """Give a value as JSON knows it: no NumPy scalars, null for what is not finite."""
    plain = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
