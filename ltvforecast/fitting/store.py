"""Saves a fitted model as a folder of open formats, and loads it back, whole or not at all.

::

    model.json        settings, as-of date, parameters, diagnostics, data account, checksums
    posterior.nc      parameter draws (NetCDF-4, group ``posterior``: arviz.from_netcdf reads it)
    summary.parquet   one row a customer       shares.parquet    customer, partner, weight
    partners.parquet  one row a partner        history.parquet   revenue by partner and day
    streams.parquet   revenue by partner and stream, only if the data have streams
    partner_levels.parquet   one row a partner, only if partners have parameters of their own
    patterns.parquet, customer_patterns.parquet, partner_covariates.parquet
                      covariates, only if there are any
    partner_table.parquet, customer_covariates.parquet
                      what users told of partners and customers, only if they did
    MODEL_CARD.md     the same for a reader

There is no time stamp and no pickle: same model, same bytes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.acquisition_record import (
    acquisition_arrays,
    acquisition_record,
    restored_acquisition,
)
from ltvforecast.fitting.model_card import model_card
from ltvforecast.fitting.model_record import effect_tables, fitted_model, model_record
from ltvforecast.sealed import FolderKind, damaged, index_record, read_index, sealed_folder
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray

__all__ = ["FORMAT_VERSION", "load_model", "save_model"]

FORMAT_VERSION = 1
"""Raised whenever an older version of this package could not read what is written."""

_KIND = FolderKind(
    name="model",
    index="model.json",
    format_name="ltvforecast model",
    format_version=FORMAT_VERSION,
    written_by="`ltvforecast fit` or save_model()",
    again="fit the model again",
)
_TABLES = ("summary", "shares", "partners", "history")
_OPTIONAL_TABLES = (
    "streams",
    "partner_levels",
    "patterns",
    "customer_patterns",
    "partner_covariates",
    "partner_table",
    "customer_covariates",
)
_FILES = (
    "history.parquet",
    "partners.parquet",
    "posterior.nc",
    "shares.parquet",
    "summary.parquet",
)


def save_model(model: FittedModel, folder: str | Path, *, overwrite: bool = False) -> None:
    """Write a fitted model to a folder.

    Parameters
    ----------
    model : FittedModel
    folder : str or pathlib.Path
        Appears whole or not at all. Missing parents are made.
    overwrite : bool
        Replace a saved model of that name. Another folder is never replaced.

    Raises
    ------
    OutputExistsError
        The name is taken and ``overwrite`` is False, or what has it is no saved model.
    ConfigError
        The place can't be written to.
    """
    with sealed_folder(Path(folder), _KIND, overwrite=overwrite) as made:
        _write_posterior(model, made / "posterior.nc")
        tables = _tables(model)
        for name, table in tables.items():
            pq.write_table(
                pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None),
                made / f"{name}.parquet",
                compression="zstd",
            )
        (made / "MODEL_CARD.md").write_text(model_card(model), encoding="utf-8", newline="\n")
        more = tuple(f"{name}.parquet" for name in _OPTIONAL_TABLES if name in tables)
        content = model_record(model)
        if model.acquisition is not None:
            content["acquisition"] = acquisition_record(model.acquisition)
        record = index_record(made, _KIND, content, files=_FILES + more)
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        (made / _KIND.index).write_text(text, encoding="utf-8", newline="\n")


def load_model(folder: str | Path) -> FittedModel:
    """Read a fitted model from the folder that :func:`save_model` wrote.

    Parameters
    ----------
    folder : str or pathlib.Path

    Returns
    -------
    FittedModel
        Equal to the one saved.

    Raises
    ------
    StoredFileError
        The model is missing, damaged, or written in a newer format.
    """
    source = Path(folder)
    record = read_index(source, _KIND, files=_FILES)
    try:
        there = [name for name in _OPTIONAL_TABLES if f"{name}.parquet" in record["files"]]
        tables = {name: _read_table(source / f"{name}.parquet") for name in (*_TABLES, *there)}
        draws = _read_posterior(source / "posterior.nc")
        if "partner_levels" in tables:
            draws |= _read_levels(source / "posterior.nc")
        model = fitted_model(record, tables, draws)
        if "acquisition" not in record:
            return model
        with xr.open_dataset(
            source / "posterior.nc", group="acquisition", engine="h5netcdf"
        ) as arrays:
            joining = restored_acquisition(record["acquisition"], arrays)
        return replace(model, acquisition=joining)
    except (OSError, KeyError, TypeError, ValueError, IndexError, pa.ArrowException) as error:
        raise damaged(source, _KIND, f"its content does not fit together ({error!r})") from error


def _step_by_step(values: FloatArray) -> FloatArray:
    """Put (chain, draw, ...) in one row again: step by step, all chains in turn."""
    return np.moveaxis(values, 0, 1).reshape(-1, *values.shape[2:])


def _write_posterior(model: FittedModel, path: Path) -> None:
    posterior = model.posterior
    posterior = posterior.assign_coords(
        {
            name: np.arange(size)
            for name, size in posterior.sizes.items()
            if name not in posterior.coords
        }
    ).assign_attrs(inference_library="ltvforecast", as_of=model.summary.as_of.isoformat())
    large = [name for name in posterior.data_vars if "partner" in posterior[name].dims]
    packed = {name: {"zlib": True, "complevel": 4, "shuffle": True} for name in large}
    posterior.to_netcdf(path, group="posterior", engine="h5netcdf", encoding=packed)
    if model.partner_levels is not None:
        levels = xr.Dataset(
            {
                name: (("draw", "segment")[: values.ndim], values)
                for name, values in model.partner_levels.shared.items()
            }
        )
        levels.to_netcdf(path, group="partner_levels", engine="h5netcdf", mode="a")
    if model.acquisition is not None:
        arrays = acquisition_arrays(model.acquisition)
        arrays.to_netcdf(path, group="acquisition", engine="h5netcdf", mode="a")


def _read_posterior(path: Path) -> dict[str, FloatArray]:
    with xr.open_dataset(path, group="posterior", engine="h5netcdf") as stored:
        draws = {
            str(name): (_step_by_step(each.to_numpy()), "partner" in each.dims)
            for name, each in stored.data_vars.items()
        }
    return {name: values if own else values[:, None] for name, (values, own) in draws.items()}


def _read_levels(path: Path) -> dict[str, FloatArray]:
    with xr.open_dataset(path, group="partner_levels", engine="h5netcdf") as stored:
        return {f"level_{name}": each.to_numpy() for name, each in stored.data_vars.items()}


def _tables(model: FittedModel) -> dict[str, pd.DataFrame]:
    summary, levels = model.summary, model.partner_levels
    customer = np.repeat(np.arange(len(summary)), np.diff(summary.share_start))
    return {
        "summary": summary.customers,
        "shares": pd.DataFrame(
            {
                "customer": customer,
                "partner": summary.share_partner,
                "weight": summary.share_weight,
            }
        ),
        "partners": pd.DataFrame(
            {
                "partner_id": pd.Series(summary.partner_ids, dtype="str"),
                "programme_share": summary.programme_share,
                "customers": summary.partner_customers,
            }
        ),
        "history": summary.history,
        **({} if summary.stream_history is None else {"streams": summary.stream_history}),
        **({} if levels is None else {"partner_levels": levels.table}),
        **effect_tables(model.effects),
        **{name: told for name, told in _told_tables(summary).items() if told is not None},
    }


def _told_tables(summary: CustomerSummary) -> dict[str, pd.DataFrame | None]:
    """Give what the user told of partners and customers beside their purchases."""
    return {"partner_table": summary.partner_table, "customer_covariates": summary.covariates}


def _read_table(path: Path) -> pd.DataFrame:
    """Read a table; yes, no and unknown stay what they are where users told them."""
    told = path.stem in ("partner_table", "customer_covariates")
    mapper = {pa.bool_(): pd.BooleanDtype()}.get if told else None
    table: pd.DataFrame = pq.read_table(path).to_pandas(types_mapper=mapper)
    return table
