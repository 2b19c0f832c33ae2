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

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ltvforecast.errors import OutputExistsError, StoredFileError
from ltvforecast.fitting.model_card import model_card
from ltvforecast.fitting.model_record import fitted_model, model_record
from ltvforecast.output import whole_folder
from ltvforecast.types import CustomerSummary, FittedModel

__all__ = ["FORMAT_VERSION", "load_model", "save_model"]

FORMAT_VERSION = 1
"""Raised whenever an older version of this package could not read what is written."""

_FORMAT = "ltvforecast model"
_TABLES = ("summary", "shares", "partners", "history")


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
    target = Path(folder)
    _refuse_foreign(target, overwrite=overwrite)
    with whole_folder(target, overwrite=overwrite) as made:
        _write_posterior(model, made / "posterior.nc")
        for name, table in _tables(model.summary).items():
            pq.write_table(
                pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None),
                made / f"{name}.parquet",
                compression="zstd",
            )
        (made / "MODEL_CARD.md").write_text(model_card(model), encoding="utf-8", newline="\n")
        files = {path.name: _sha256(path.read_bytes()) for path in sorted(made.iterdir())}
        record = {
            "format": _FORMAT,
            "format_version": FORMAT_VERSION,
            **model_record(model),
            "files": {name: digest for name, digest in files.items() if name != "MODEL_CARD.md"},
        }
        record["checksum"] = _checksum(record)
        text = json.dumps(record, indent=1, allow_nan=False) + "\n"
        (made / "model.json").write_text(text, encoding="utf-8", newline="\n")


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
    record = _read_record(source)
    tables = {}
    for name, digest in record["files"].items():
        _check_file(source, str(name), str(digest))
    try:
        for name in _TABLES:
            tables[name] = pq.read_table(source / f"{name}.parquet").to_pandas()
        with xr.open_dataset(
            source / "posterior.nc", group="posterior", engine="h5netcdf"
        ) as stored:
            draws = {str(name): stored[name].to_numpy()[0][:, None] for name in stored.data_vars}
        return fitted_model(record, tables, draws)
    except (OSError, KeyError, TypeError, ValueError, IndexError, pa.ArrowException) as error:
        raise _damaged(source, f"its content does not fit together ({error!r})") from error


def _refuse_foreign(folder: Path, *, overwrite: bool) -> None:
    """Never replace a folder that holds something else than a saved model."""
    if not (overwrite and folder.is_dir()):
        return
    if any(folder.iterdir()) and not (folder / "model.json").is_file():
        raise OutputExistsError(
            f"{folder} holds something else than a saved model",
            expected="a new name, or the folder of a saved model to replace",
            remedy="choose another name; nothing was changed",
        )


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


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "model.json"
    if not path.is_file():
        raise StoredFileError(
            f"there is no saved model in {folder}: model.json is missing",
            expected="the folder that `ltvforecast fit` or save_model() wrote",
            remedy="check the name, or fit the model again",
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(folder, f"model.json is not JSON ({error})") from error
    if not isinstance(record, dict) or record.get("format") != _FORMAT:
        raise _damaged(folder, "model.json does not describe a fitted model")
    format_version = record.get("format_version")
    if not isinstance(format_version, int) or format_version < 1:
        raise _damaged(folder, f"model.json has format version {format_version!r}")
    if format_version > FORMAT_VERSION:
        raise StoredFileError(
            f"the model in {folder} has format {format_version}, written by ltvforecast "
            f"{record.get('package_version')}",
            expected=f"format {FORMAT_VERSION} or older",
            remedy="install a newer ltvforecast, or fit the model again",
        )
    if record.get("checksum") != _checksum(record) or not isinstance(record.get("files"), dict):
        raise _damaged(folder, "model.json was changed after it was written")
    return record


def _check_file(folder: Path, name: str, digest: str) -> None:
    path = folder / name
    if not path.is_file():
        raise _damaged(folder, f"{name} is missing")
    try:
        found = _sha256(path.read_bytes())
    except OSError as error:
        raise _damaged(folder, f"{name} can't be read ({error.strerror})") from error
    if found != digest:
        raise _damaged(folder, f"{name} is not what was written: it is truncated or was changed")


def _damaged(folder: Path, why: str) -> StoredFileError:
    return StoredFileError(
        f"the model in {folder} is damaged: {why}",
        expected="all files as they were saved",
        remedy="restore the folder from a copy, or fit the model again",
    )


def _checksum(record: Mapping[str, object]) -> str:
    content = {key: value for key, value in record.items() if key != "checksum"}
    return _sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
