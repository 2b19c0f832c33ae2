"""The CDNOW sample as 39-week calibration histories, built from the raw transactions."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

CALIBRATION_END = pd.Timestamp("1997-09-30")


@dataclass(frozen=True)
class Histories:
    """One entry a customer, weeks; ``zbar`` is the mean of the repeat purchase days."""

    x: npt.NDArray[np.float64]
    t_x: npt.NDArray[np.float64]
    T: npt.NDArray[np.float64]
    zbar: npt.NDArray[np.float64]
    holdout: npt.NDArray[np.float64]


@pytest.fixture(scope="session")
def cdnow() -> Histories:
    path = files("lifetimes") / "datasets" / "CDNOW_sample.txt"
    rows = pd.read_csv(
        str(path), sep=r"\s+", header=None, names=["master", "customer", "date", "cds", "amount"]
    )
    rows["date"] = pd.to_datetime(rows["date"].astype(str), format="%Y%m%d")
    days = rows.groupby(["customer", "date"], as_index=False)["amount"].sum()
    known = days[days["date"] <= CALIBRATION_END]
    first = known.groupby("customer")["date"].min()
    repeats = known[known["date"] > known["customer"].map(first)]
    later = days[days["date"] > CALIBRATION_END].groupby("customer").size()
    return Histories(
        x=repeats.groupby("customer").size().reindex(first.index, fill_value=0).to_numpy(float),
        t_x=((known.groupby("customer")["date"].max() - first).dt.days / 7).to_numpy(float),
        T=((CALIBRATION_END - first).dt.days / 7).to_numpy(float),
        zbar=repeats.groupby("customer")["amount"]
        .mean()
        .reindex(first.index, fill_value=0.0)
        .to_numpy(float),
        holdout=later.reindex(first.index, fill_value=0).to_numpy(float),
    )
