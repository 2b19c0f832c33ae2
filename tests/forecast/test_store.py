from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ltvforecast.economics_types import Economics
from ltvforecast.errors import OutputExistsError, StoredFileError
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.store import load_forecast, save_forecast
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.sealed import checksum
from tests.forecast.made_model import CDNOW, made_cohort, made_model, made_summary

FILES = {
    "partners.csv", "customers.parquet", "periods.csv", "programme.json", "draws.nc",
    "history.parquet", "forecast.json", "segments.csv",
}  # fmt: skip


@pytest.fixture(scope="module")
def forecast() -> PartnerForecast:
    names = [
        "=1+1",
        "+49",
        "-x",
        "@sum",
        "'quoted",
        "NA",
        "",
        'say "hi", ok',
        "naïve 日本",
        " pad ",
    ]
    cohort = made_cohort(40, CDNOW, observed=60.0, seed=1)
    summary = made_summary(cohort, shares=[{names[k % 10]: 1.0} for k in range(40)])
    return predict(
        made_model(summary),
        horizon="12mo",
        economics=Economics(margin=0.6, commission=0.1, discount_rate=0.08),
        draws=30,
        levels=(80, 90),
    )


def assert_equal(first: PartnerForecast, second: PartnerForecast) -> None:
    for name in ("partners", "customers", "periods", "history"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)
    xr.testing.assert_identical(first.draws, second.draws)
    assert first.programme == second.programme
    assert first.provenance == second.provenance
    assert first.spec == second.spec


def test_what_is_loaded_is_what_was_saved(forecast: PartnerForecast, tmp_path: Path) -> None:
    save_forecast(forecast, tmp_path / "deep" / "kept")
    assert {path.name for path in (tmp_path / "deep" / "kept").iterdir()} == FILES
    assert_equal(load_forecast(tmp_path / "deep" / "kept"), forecast)


def test_a_missing_p_decline_stays_missing(forecast: PartnerForecast, tmp_path: Path) -> None:
    short = dataclasses.replace(forecast, partners=forecast.partners.assign(p_decline=np.nan))
    save_forecast(short, tmp_path / "kept")
    assert_equal(load_forecast(tmp_path / "kept"), short)


def test_the_same_forecast_gives_the_same_bytes(forecast: PartnerForecast, tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_forecast(forecast, tmp_path / name)
    for name in FILES:
        first, second = (tmp_path / which / name for which in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


def test_the_files_are_what_other_programs_expect(
    forecast: PartnerForecast, tmp_path: Path
) -> None:
    save_forecast(forecast, tmp_path / "kept")
    with (tmp_path / "kept" / "partners.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["partner_id"] for row in rows} >= {
        "'=1+1",
        "'+49",
        "'-x",
        "'@sum",
        "''quoted",
        "NA",
    }
    assert float(rows[0]["ltv"]) == forecast.partners["ltv"].iloc[0]
    assert pq.read_table(tmp_path / "kept" / "customers.parquet").num_rows == 40
    programme = json.loads((tmp_path / "kept" / "programme.json").read_text(encoding="utf-8"))
    assert programme["future_revenue_lo_90"] <= programme["future_revenue"]
    with xr.open_dataset(tmp_path / "kept" / "draws.nc", engine="h5netcdf") as draws:
        assert dict(draws.sizes) == {"draw": 30, "partner": 10}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=10, max_size=10))
def test_any_id_survives(forecast: PartnerForecast, tmp_path: Path, names: list[str]) -> None:
    renamed = dataclasses.replace(
        forecast, partners=forecast.partners.assign(partner_id=pd.array(names, dtype="str"))
    )
    save_forecast(renamed, tmp_path / "kept", overwrite=True)
    assert load_forecast(tmp_path / "kept").partners["partner_id"].tolist() == names


def test_nothing_is_replaced_unasked(forecast: PartnerForecast, tmp_path: Path) -> None:
    save_forecast(forecast, tmp_path / "kept")
    with pytest.raises(OutputExistsError):
        save_forecast(forecast, tmp_path / "kept")
    other = dataclasses.replace(forecast, programme={"ltv": 1.0})
    save_forecast(other, tmp_path / "kept", overwrite=True)
    assert load_forecast(tmp_path / "kept").programme == {"ltv": 1.0}
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(OutputExistsError, match="something else"):
        save_forecast(forecast, tmp_path / "home", overwrite=True)
    assert (tmp_path / "home" / "thesis.txt").exists()


def test_a_failed_write_leaves_nothing(forecast: PartnerForecast, tmp_path: Path) -> None:
    broken = dataclasses.replace(forecast, programme={"ltv": float("nan")})
    with pytest.raises(ValueError, match="JSON"):
        save_forecast(broken, tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("how", ["gone", "cut", "changed", "empty", "folder"])
def test_damage_is_found(forecast: PartnerForecast, tmp_path: Path, name: str, how: str) -> None:
    save_forecast(forecast, tmp_path / "kept")
    path = tmp_path / "kept" / name
    content = path.read_bytes()
    if how in ("gone", "folder"):
        path.unlink()
    if how == "folder":
        path.mkdir()
    if how == "cut":
        path.write_bytes(content[:-20])
    if how == "empty":
        path.write_bytes(b"")
    if how == "changed":
        place = len(content) // 2
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(StoredFileError) as refused:
        load_forecast(tmp_path / "kept")
    assert refused.value.exit_code == 3


def test_no_folder_and_another_folder(tmp_path: Path) -> None:
    with pytest.raises(StoredFileError, match="no saved forecast"):
        load_forecast(tmp_path / "nowhere")
    (tmp_path / "forecast.json").write_text('{"format": "other"}', encoding="utf-8")
    with pytest.raises(StoredFileError, match="does not describe"):
        load_forecast(tmp_path)


def rewrite(folder: Path, **changes: object) -> None:
    path = folder / "forecast.json"
    record = json.loads(path.read_text(encoding="utf-8")) | changes
    record["checksum"] = checksum(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def test_a_newer_format_is_refused_and_says_so(forecast: PartnerForecast, tmp_path: Path) -> None:
    save_forecast(forecast, tmp_path / "kept")
    rewrite(tmp_path / "kept", format_version=2)
    with pytest.raises(StoredFileError, match="format 2"):
        load_forecast(tmp_path / "kept")
    rewrite(tmp_path / "kept", format_version="one")
    with pytest.raises(StoredFileError, match="damaged"):
        load_forecast(tmp_path / "kept")


def test_content_that_does_not_fit_together_is_damage(
    forecast: PartnerForecast, tmp_path: Path
) -> None:
    save_forecast(forecast, tmp_path / "kept")
    rewrite(tmp_path / "kept", spec={"draws": 3})
    with pytest.raises(StoredFileError, match="fit together"):
        load_forecast(tmp_path / "kept")
