"""Saves a forecast as a folder of plain files, and loads it back, whole or not at all.

::

    partners.csv   periods.csv   segments.csv        the tables
    customers.parquet   streams.csv                  (streams only where they are told)
    new_partners.csv                                 (only where acquisition is known)
    programme.json                                   the whole programme
    draws.nc                                         draws by partner (NetCDF-4)
    history.parquet                                  revenue by partner and day up to as_of
    forecast.json                                    what was asked, provenance, checksums

In the CSV files an id that a spreadsheet would take for a formula (it begins with ``=``, ``+``,
``-``, ``@``, a tab or a line break), or that begins with an apostrophe, gets an apostrophe before
it; :func:`load_forecast` takes it off again. There is no time stamp: same forecast, same bytes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr

from ltvforecast.forecast.economics_file import economics_from_table, economics_record
from ltvforecast.forecast_types import ForecastSpec, Horizon, PartnerForecast
from ltvforecast.output import spreadsheet_safe
from ltvforecast.sealed import FolderKind, damaged, index_record, read_index, sealed_folder

__all__ = ["FORMAT_VERSION", "load_forecast", "save_forecast"]

FORMAT_VERSION = 1
"""Raised whenever an older version of this package could not read what is written."""

_KIND = FolderKind(
    name="forecast",
    index="forecast.json",
    format_name="ltvforecast forecast",
    format_version=FORMAT_VERSION,
    written_by="`ltvforecast predict` or save_forecast()",
    again="predict again",
)
_FILES = (
    "customers.parquet",
    "draws.nc",
    "history.parquet",
    "partners.csv",
    "periods.csv",
    "programme.json",
    "segments.csv",
)
_STREAMS = "streams.csv"
"""Only where the transactions tell revenue streams."""
_NEW_PARTNERS = "new_partners.csv"
"""Only where something can be said of partners without data."""
_TEXT = (
    "partner_id",
    "segment",
    "revenue_stream",
    "period_start",
    "period_end",
    "tail",
    "warnings",
)
_NAMES = ("partner_id", "segment", "revenue_stream")
"""From the data, and so guarded."""
_WHOLE = ("customers", "partners")
_FLAGS = ("lifespan_censored",)


def save_forecast(
    forecast: PartnerForecast, folder: str | Path, *, overwrite: bool = False
) -> None:
    """Write a forecast to a folder.

    Parameters
    ----------
    forecast : PartnerForecast
    folder : str or pathlib.Path
        Appears whole or not at all. Missing parents are made.
    overwrite : bool
        Replace a saved forecast of that name. Another folder is never replaced.

    Raises
    ------
    OutputExistsError
        The name is taken and ``overwrite`` is False, or what has it is no saved forecast.
    ConfigError
        The place can't be written to.
    """
    with sealed_folder(Path(folder), _KIND, overwrite=overwrite) as made:
        _write_csv(forecast.partners, made / "partners.csv")
        _write_csv(forecast.periods, made / "periods.csv")
        _write_csv(forecast.segments, made / "segments.csv")
        files = list(_FILES)
        for name, told in ((_STREAMS, forecast.streams), (_NEW_PARTNERS, forecast.new_partners)):
            if told is not None:
                _write_csv(told, made / name)
                files.append(name)
        for name, table in (("customers", forecast.customers), ("history", forecast.history)):
            pq.write_table(
                pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None),
                made / f"{name}.parquet",
                compression="zstd",
            )
        forecast.draws.to_netcdf(made / "draws.nc", engine="h5netcdf")
        _write_json(forecast.programme, made / "programme.json")
        content = {
            "package_version": forecast.provenance.get("package_version"),
            "spec": _spec_record(forecast.spec),
            "provenance": forecast.provenance,
        }
        _write_json(index_record(made, _KIND, content, files=tuple(files)), made / _KIND.index)


def load_forecast(folder: str | Path) -> PartnerForecast:
    """Read a forecast from the folder that :func:`save_forecast` wrote.

    Parameters
    ----------
    folder : str or pathlib.Path

    Returns
    -------
    PartnerForecast
        Equal to the one saved.

    Raises
    ------
    StoredFileError
        The forecast is missing, damaged, or written in a newer format.
    """
    source = Path(folder)
    record = read_index(source, _KIND, files=_FILES)
    try:
        return PartnerForecast(
            partners=_read_csv(source / "partners.csv"),
            customers=pq.read_table(source / "customers.parquet").to_pandas(),
            periods=_read_csv(source / "periods.csv"),
            segments=_read_csv(source / "segments.csv"),
            streams=_read_csv(source / _STREAMS) if _STREAMS in record["files"] else None,
            programme=json.loads((source / "programme.json").read_text(encoding="utf-8")),
            draws=_read_draws(source / "draws.nc"),
            history=pq.read_table(source / "history.parquet").to_pandas(),
            spec=_spec(record["spec"]),
            provenance=record["provenance"],
            new_partners=_read_csv(source / _NEW_PARTNERS)
            if _NEW_PARTNERS in record["files"]
            else None,
        )
    except (OSError, KeyError, TypeError, ValueError, IndexError, pa.ArrowException) as error:
        raise damaged(source, _KIND, f"its content does not fit together ({error!r})") from error


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    guarded = {name: table[name].map(_guarded) for name in _NAMES if name in table}
    # with plain line feeds the writer doesn't see that a carriage return needs quotes
    returns = any(names.str.contains("\r", regex=False).any() for names in guarded.values())
    text = table.assign(**guarded).to_csv(
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL,
    )
    path.write_text(text, encoding="utf-8", newline="")


def _guarded(name: str) -> str:
    """Make an id safe so that taking one apostrophe off its front gives it back."""
    return f"'{name}" if name.startswith("'") else spreadsheet_safe(name)


def _read_csv(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8", newline="") as lines:
        header, *rows = csv.reader(lines)
    columns: dict[str, object] = {}
    for name, values in zip(header, zip(*rows, strict=True), strict=True):
        if name in _WHOLE:
            columns[name] = np.array([int(value) for value in values], dtype=np.int64)
        elif name in _FLAGS:
            columns[name] = np.array([value == "True" for value in values])
        elif name in _TEXT:
            columns[name] = pd.array(values, dtype="str")
        else:
            columns[name] = np.array([float(value or "nan") for value in values])
    table = pd.DataFrame(columns)
    for name in _NAMES:
        if name in table:
            guarded = table[name].str.startswith("'")
            table[name] = table[name].where(~guarded, table[name].str[1:])
    return table


def _read_draws(path: Path) -> xr.Dataset:
    with xr.open_dataset(path, engine="h5netcdf") as stored:
        return stored.load()


def _write_json(content: Mapping[str, object], path: Path) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def _spec_record(spec: ForecastSpec) -> dict[str, object]:
    return {
        "horizon": {"text": spec.horizon.text, "days": spec.horizon.days},
        "draws": spec.draws,
        "levels": list(spec.levels),
        "economics": economics_record(spec.economics),
        "seed": spec.seed,
        "layers": list(spec.layers),
        "acquisition": spec.acquisition,
    }


def _spec(record: dict[str, Any]) -> ForecastSpec:
    return ForecastSpec(
        horizon=Horizon(**record["horizon"]),
        draws=record["draws"],
        levels=tuple(record["levels"]),
        economics=economics_from_table(record["economics"]),
        seed=record["seed"],
        layers=tuple(record["layers"]),
        acquisition=bool(record["acquisition"]),
    )
