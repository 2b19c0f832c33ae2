"""Saves a fitted model as a folder of open formats, and loads it back, whole or not at all.

::

    model.json        settings, as-of date, parameters, diagnostics, data account, checksums
    posterior.nc      parameter draws (NetCDF-4, group ``posterior``: arviz.from_netcdf reads it)
    summary.parquet   one row a customer       shares.parquet    customer, partner, weight
    partners.parquet  one row a partner        history.parquet   revenue by partner and day
    MODEL_CARD.md     the same for a reader

There is no time stamp and no pickle: same model, same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ltvforecast.fitting.model_card import model_card
from ltvforecast.fitting.model_record import fitted_model, model_record
from ltvforecast.sealed import FolderKind, damaged, index_record, read_index, sealed_folder
from ltvforecast.types import CustomerSummary, FittedModel, FloatArray

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
        for name, table in _tables(model.summary).items():
            pq.write_table(
                pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None),
                made / f"{name}.parquet",
                compression="zstd",
            )
        (made / "MODEL_CARD.md").write_text(model_card(model), encoding="utf-8", newline="\n")
        record = index_record(made, _KIND, model_record(model), files=_FILES)
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
        tables = {name: pq.read_table(source / f"{name}.parquet").to_pandas() for name in _TABLES}
        with xr.open_dataset(
            source / "posterior.nc", group="posterior", engine="h5netcdf"
        ) as stored:
            draws = {
                str(name): _step_by_step(stored[name].to_numpy())[:, None]
                for name in stored.data_vars
            }
        return fitted_model(record, tables, draws)
    except (OSError, KeyError, TypeError, ValueError, IndexError, pa.ArrowException) as error:
        raise damaged(source, _KIND, f"its content does not fit together ({error!r})") from error


def _step_by_step(values: FloatArray) -> FloatArray:
    """Put (chain, draw, ...) in one row again: step by step, all chains in turn."""
    return np.moveaxis(values, 0, 1).reshape(-1, *values.shape[2:])


def _write_posterior(model: FittedModel, path: Path) -> None:
    posterior = model.posterior
    posterior = posterior.assign_coords(
        {name: np.arange(size) for name, size in posterior.sizes.items()}
    ).assign_attrs(inference_library="ltvforecast", as_of=model.summary.as_of.isoformat())
    posterior.to_netcdf(path, group="posterior", engine="h5netcdf")


def _tables(summary: CustomerSummary) -> dict[str, pd.DataFrame]:
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
    }
