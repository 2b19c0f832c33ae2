"""An evaluation's folder: the tables as CSV and a summary as JSON, whole or not at all."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pandas as pd

from ltvforecast.evaluate.records import Evaluation
from ltvforecast.output import spreadsheet_safe, whole_folder

__all__ = ["save_evaluation"]

FORMAT_VERSION = 1
_IDS = ("partner_id", "customer_id")


def save_evaluation(evaluation: Evaluation, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write ``scores.csv``, ``forecasts.csv``, ``summary.json`` and the lists of who was new.

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
        ):
            _write_csv(table, made / f"{name}.csv")
        summary = {
            "format_version": FORMAT_VERSION,
            "settings": dict(evaluation.settings),
            "origins": _records(evaluation.origins),
            "scores": _records(evaluation.pooled),
            "notes": list(evaluation.notes),
        }
        text = json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False)
        (made / "summary.json").write_text(text + "\n", encoding="utf-8")


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


def _records(table: pd.DataFrame) -> list[dict[str, object]]:
    return [
        {
            str(name): None if isinstance(value, float) and not math.isfinite(value) else value
            for name, value in row.items()
        }
        for row in table.astype(object).to_dict(orient="records")
    ]
