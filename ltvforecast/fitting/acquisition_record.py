"""An acquisition fit as plain JSON values and labelled arrays, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from ltvforecast.acquisition_types import AcquisitionCounts, AcquisitionFit
from ltvforecast.fit_types import Diagnostics

__all__ = ["acquisition_arrays", "acquisition_record", "restored_acquisition"]


def acquisition_record(fit: AcquisitionFit) -> dict[str, Any]:
    """Everything about the fit that is not an array, as JSON values.

    Parameters
    ----------
    fit : AcquisitionFit

    Returns
    -------
    dict
        An infinite Pareto k is given as None.
    """
    k_hat = fit.diagnostics.k_hat
    return {
        "status": fit.status,
        "reason": fit.reason,
        "p_open": float(fit.p_open),
        "point": {name: float(value) for name, value in fit.point.items()},
        "segments": list(fit.segments),
        "log_likelihood": float(fit.log_likelihood),
        "diagnostics": {
            **asdict(fit.diagnostics),
            "k_hat": None if k_hat is None or not np.isfinite(k_hat) else float(k_hat),
            "flags": list(fit.diagnostics.flags),
        },
        "partner_ids": list(fit.counts.partner_ids),
        "unit": fit.counts.unit,
        "left_out": int(fit.counts.left_out),
        "as_of": fit.counts.as_of.isoformat(),
    }


def acquisition_arrays(fit: AcquisitionFit) -> xr.Dataset:
    """Draws, counts and exposures, for one group of a NetCDF file.

    Parameters
    ----------
    fit : AcquisitionFit

    Returns
    -------
    xarray.Dataset
        Each draw as ``draw_`` and its name.
    """
    counts = fit.counts
    arrays: dict[str, Any] = {
        "partner_segment": ("partner", fit.partner_segment),
        "edges_day": ("edge", counts.edges_day),
        "edges": ("edge", counts.edges),
        "counts": (("partner", "period"), counts.counts),
        "first_counts": ("period", counts.first_counts),
        "exposure": (("partner", "period"), counts.exposure),
        "start": ("partner", counts.start),
    }
    for name, values in fit.draws.items():
        arrays[f"draw_{name}"] = (("draw", f"column_{name}"), values)
    return xr.Dataset(arrays)


def restored_acquisition(record: Mapping[str, Any], arrays: xr.Dataset) -> AcquisitionFit:
    """Put an acquisition fit together again.

    Parameters
    ----------
    record : mapping
        What :func:`acquisition_record` gave.
    arrays : xarray.Dataset
        What :func:`acquisition_arrays` gave.

    Returns
    -------
    AcquisitionFit
        Equal to the one recorded.

    Raises
    ------
    KeyError, TypeError, ValueError
        The two do not fit together.
    """
    known = {str(name): arrays[name].to_numpy() for name in arrays.data_vars}
    names = tuple(record["partner_ids"])
    if len(names) != len(known["start"]) or len(known["edges"]) != len(known["first_counts"]) + 1:
        message = f"{len(names)} partners, {len(known['start'])} with a start"
        raise ValueError(message)
    diagnostics = record["diagnostics"]
    return AcquisitionFit(
        status=record["status"],
        reason=record["reason"],
        p_open=record["p_open"],
        draws={
            name.removeprefix("draw_"): values.astype(np.float64)
            for name, values in known.items()
            if name.startswith("draw_")
        },
        point=record["point"],
        segments=tuple(record["segments"]),
        partner_segment=known["partner_segment"].astype(np.int64),
        counts=AcquisitionCounts(
            partner_ids=names,
            unit=record["unit"],
            edges_day=known["edges_day"].astype(np.int64),
            edges=known["edges"].astype(np.float64),
            counts=known["counts"].astype(np.int64),
            first_counts=known["first_counts"].astype(np.int64),
            exposure=known["exposure"].astype(np.float64),
            start=known["start"].astype(np.float64),
            left_out=record["left_out"],
            as_of=dt.date.fromisoformat(record["as_of"]),
        ),
        log_likelihood=record["log_likelihood"],
        diagnostics=Diagnostics(**{**diagnostics, "flags": tuple(diagnostics["flags"])}),
    )
