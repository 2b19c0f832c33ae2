"""Reference values, 15 significant digits computed with 30-40 digit mpmath arithmetic.

Six of them (six values of ``cond_pmf`` around 1e-52 and below) with 120 digits: the finite sum of
the published probability cancels more than 40. ``mpmath`` evaluated the published formulas, so
that these numbers owe nothing to the forms used in the package.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Reference:
    """All rows of one quantity: inputs by name, one entry a row, and the values."""

    columns: dict[str, npt.NDArray[np.float64]]
    values: npt.NDArray[np.float64]

    def __getitem__(self, names: str) -> list[npt.NDArray[np.float64]]:
        """Return the columns named, separated by blanks."""
        return [self.columns[name] for name in names.split()]


def reference(model: str, quantity: str) -> Reference:
    """Read the rows of one quantity."""
    with (Path(__file__).parent / "reference_values.csv").open(encoding="utf-8", newline="") as f:
        rows = [
            (json.loads(row["parameters"]) | json.loads(row["inputs"]), float(row["value"]))
            for row in csv.DictReader(f)
            if row["model"] == model and row["quantity"] == quantity
        ]
    columns = {name: np.array([float(row[name]) for row, _ in rows]) for name in rows[0][0]}
    return Reference(columns, np.array([value for _, value in rows]))
