from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xarray as xr

from ltvforecast.errors import OutputExistsError, StoredFileError
from ltvforecast.fit_types import Calendar, FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.model_record import fitted_model, model_record
from ltvforecast.fitting.store import FORMAT_VERSION, load_model, save_model
from ltvforecast.layer_types import Layers, RiskBand
from ltvforecast.transaction_types import Allocation
from tests.fitting.made_summary import summary_of


def assert_same(one: object, other: object, where: str = "model") -> None:
    """Compare records field by field, arrays and frames by value and type."""
    assert type(one) is type(other), where
    if dataclasses.is_dataclass(one):
        for field in dataclasses.fields(one):
            name = field.name
            assert_same(getattr(one, name), getattr(other, name), f"{where}.{name}")
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, obj=where)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype, where
        np.testing.assert_array_equal(one, other, err_msg=where)
    elif isinstance(one, dict):
        assert list(one) == list(other), where
        for key in one:
            assert_same(one[key], other[key], f"{where}[{key}]")
    elif isinstance(one, tuple):
        assert len(one) == len(other), where
        for k, (left, right) in enumerate(zip(one, other, strict=True)):
            assert_same(left, right, f"{where}[{k}]")
    else:
        assert one == other, where


@pytest.fixture
def saved(cdnow_model: FittedModel, tmp_path: Path) -> Path:
    save_model(cdnow_model, tmp_path / "models" / "cdnow")
    return tmp_path / "models" / "cdnow"


def test_a_loaded_model_is_the_saved_one(cdnow_model: FittedModel, saved: Path) -> None:
    assert_same(load_model(saved), cdnow_model)


def test_a_point_fit_comes_back_too(cdnow, tmp_path: Path) -> None:
    summary = summary_of(cdnow.head(300))
    finite = dataclasses.replace(
        summary,
        allocation=Allocation(rule="share", half_life_days=90.0, novelty=0.25, concentration=7.5),
        warnings=(),
    )
    model = fit_model(finite, method="mle", spend="gamma-gamma-mean")
    save_model(model, tmp_path / "m")
    assert_same(load_model(tmp_path / "m"), model)


def test_customers_without_any_repeat_purchase_or_history_come_back(cdnow, tmp_path: Path) -> None:
    summary = summary_of(cdnow[cdnow["frequency"] == 0].head(5).reset_index(drop=True))
    model = fit_model(dataclasses.replace(summary, history=summary.history.head(0)), draws=50)
    save_model(model, tmp_path / "m")
    assert_same(load_model(tmp_path / "m"), model)


def test_the_folder_holds_what_the_contract_names(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == [
        "MODEL_CARD.md",
        "history.parquet",
        "model.json",
        "partners.parquet",
        "posterior.nc",
        "shares.parquet",
        "summary.parquet",
    ]
    record = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    for name in ("format_version", "package_version", "settings", "data_fingerprint", "as_of"):
        assert name in record
    assert record["time_unit"] == "week"
    assert set(record["parameters"]["purchase"]["r"]) == {"mean", "sd", "q05", "q50", "q95"}
    assert set(record["parameters"]["spend"]) == {"p", "q", "v", "zero_share"}
    # Fader, Hardie & Lee (2005): r = .243 by maximum likelihood, close to the posterior here
    assert record["parameters"]["purchase"]["r"]["mean"] == pytest.approx(0.243, abs=0.01)
    assert record["log_likelihood"]["purchase"] == pytest.approx(-9582.43, abs=0.05)
    assert record["diagnostics"]["purchase"]["verdict"]
    assert record["allocation"]["half_life_days"] is None
    assert record["account"]["rows"] == {"kept": 2357, "adjusted": 0, "rejected": 0}


def test_there_is_no_nan_infinity_time_or_machine_in_the_json(saved: Path) -> None:
    text = (saved / "model.json").read_text(encoding="utf-8")

    def refuse(constant: str) -> None:
        pytest.fail(constant)

    json.loads(text, parse_constant=refuse)
    assert str(saved.parent) not in text
    assert not re.search(r"\d\d:\d\d:\d\d", text)


def test_arviz_reads_the_posterior(cdnow_model: FittedModel, saved: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ 0.23 announces its successor when imported
        import arviz

    stored = arviz.from_netcdf(str(saved / "posterior.nc"))["posterior"]
    np.testing.assert_array_equal(stored["alpha"].to_numpy(), cdnow_model.purchase.draws["alpha"].T)


def test_same_model_same_bytes(cdnow_model: FittedModel, saved: Path, tmp_path: Path) -> None:
    save_model(cdnow_model, tmp_path / "again")
    for path in saved.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


# --- what is already there ----------------------------------------------------------------------


def test_a_taken_name_is_not_overwritten_unless_asked(
    cdnow_model: FittedModel, saved: Path
) -> None:
    before = (saved / "model.json").read_bytes()
    with pytest.raises(OutputExistsError, match="already there"):
        save_model(cdnow_model, saved)
    assert (saved / "model.json").read_bytes() == before
    point = dataclasses.replace(cdnow_model, package_version="9.9.9")
    save_model(point, saved, overwrite=True)
    assert load_model(saved).package_version == "9.9.9"
    assert [path.name for path in saved.parent.iterdir()] == ["cdnow"]


def test_a_folder_of_something_else_is_never_replaced(
    cdnow_model: FittedModel, tmp_path: Path
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter1.txt").write_text("years of work")
    with pytest.raises(OutputExistsError, match="something else than a saved model"):
        save_model(cdnow_model, tmp_path / "thesis", overwrite=True)
    assert (tmp_path / "thesis" / "chapter1.txt").read_text() == "years of work"


def test_nothing_is_left_when_saving_fails(
    cdnow_model: FittedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_model: FittedModel) -> str:
        raise MemoryError

    monkeypatch.setattr("ltvforecast.fitting.store.model_card", fail)
    with pytest.raises(MemoryError):
        save_model(cdnow_model, tmp_path / "m")
    assert list(tmp_path.iterdir()) == []


# --- damage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["posterior.nc", "summary.parquet", "shares.parquet", "partners.parquet", "history.parquet"],
)
@pytest.mark.parametrize("harm", ["missing", "truncated", "changed", "empty"])
def test_a_damaged_file_is_named(saved: Path, name: str, harm: str) -> None:
    path = saved / name
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    elif harm == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif harm == "changed":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    else:
        path.write_bytes(b"")
    with pytest.raises(StoredFileError, match=re.escape(name)) as refused:
        load_model(saved)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "something else"}', '"ltvforecast model"', "\x00"]
)
def test_a_damaged_record_is_refused(saved: Path, text: str) -> None:
    (saved / "model.json").write_text(text)
    with pytest.raises(StoredFileError, match=r"model\.json"):
        load_model(saved)


def test_a_record_that_is_no_text_is_refused(saved: Path) -> None:
    (saved / "model.json").write_bytes(b"\xff\xfe\x80{}")
    with pytest.raises(StoredFileError, match="damaged"):
        load_model(saved)


def test_a_truncated_or_edited_record_is_refused(saved: Path) -> None:
    path = saved / "model.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: len(text) * 2 // 3], encoding="utf-8")
    with pytest.raises(StoredFileError, match="not JSON"):
        load_model(saved)
    path.write_text(text.replace("1997-09-30", "1997-09-29"), encoding="utf-8")
    with pytest.raises(StoredFileError, match="changed after it was written"):
        load_model(saved)


@pytest.mark.parametrize("format_version", [0, -1, "1", None])
def test_a_nonsense_format_is_damage(saved: Path, format_version: object) -> None:
    path = saved / "model.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["format_version"] = format_version
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(StoredFileError, match="format version"):
        load_model(saved)


def test_a_newer_format_asks_for_a_newer_version(saved: Path) -> None:
    path = saved / "model.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["format_version"] = FORMAT_VERSION + 1
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(StoredFileError, match=f"format {FORMAT_VERSION + 1}") as refused:
        load_model(saved)
    assert "newer ltvforecast" in refused.value.remedy


@pytest.mark.parametrize("make", ["nothing", "file", "empty folder"])
def test_no_model_is_refused(tmp_path: Path, make: str) -> None:
    place = tmp_path / "m"
    if make == "file":
        place.write_text("x")
    elif make == "empty folder":
        place.mkdir()
    with pytest.raises(StoredFileError, match="no saved model"):
        load_model(place)


def test_the_posterior_has_chain_and_draw(saved: Path) -> None:
    with xr.open_dataset(saved / "posterior.nc", group="posterior", engine="h5netcdf") as stored:
        assert dict(stored.sizes) == {"chain": 1, "draw": 500}
        assert "created_at" not in stored.attrs


def test_a_seasonal_clock_comes_back_and_older_models_have_none(
    cdnow_model: FittedModel, tmp_path: Path
) -> None:
    draws = np.random.default_rng(1).uniform(0.5, 2.0, (len(cdnow_model.purchase.draws["r"]), 12))
    clock = Calendar(
        kind="given",
        index=draws.mean(axis=0),
        draws=draws,
        events=((dt.date(2025, 12, 24), dt.date(2026, 1, 1), 0.25),),
        how="1 given events; a season",
    )
    model = dataclasses.replace(cdnow_model, calendar=clock)
    save_model(model, tmp_path / "seasonal")
    assert_same(load_model(tmp_path / "seasonal"), model)
    assert "1 given events" in (tmp_path / "seasonal" / "MODEL_CARD.md").read_text()
    record = model_record(cdnow_model)
    del record["calendar"]
    tables = {
        name: pq.read_table(tmp_path / "seasonal" / f"{name}.parquet").to_pandas()
        for name in ("summary", "shares", "partners", "history")
    }
    draws_then = {
        str(name): values.to_numpy()[0][:, None]
        for name, values in cdnow_model.posterior.data_vars.items()
    }
    old = fitted_model(record, tables, draws_then)
    assert old.calendar.kind == "off"
    assert "earlier version" in old.calendar.how


def test_streams_and_risk_bands_come_back_and_are_guarded(
    cdnow_model: FittedModel, tmp_path: Path
) -> None:
    streams = pd.DataFrame(
        {
            "partner_id": pd.Series(["p", "p"], dtype="str"),
            "revenue_stream": pd.Series(["<b>x</b>", "=1"], dtype="str"),
            "first": [True, False],
            "revenue": [1.5, 0.25],
            "purchases": np.array([2, 1]),
            "recent_revenue": [1.0, 0.25],
            "recent_squares": [0.6, 0.0625],
        }
    )
    band = RiskBand(
        horizon_days=91.0, windows=3, low=0.2, high=0.5, partners=9, expected=0.3, silent=2,
        silent_lo_90=0.1, silent_hi_90=0.5,
    )  # fmt: skip
    layers = Layers(estimates=(), track_record=(), origins=(), how="", risk_bands=(band,))
    model = dataclasses.replace(
        cdnow_model,
        summary=dataclasses.replace(cdnow_model.summary, stream_history=streams),
        layers=layers,
    )
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert_same(loaded.layers, layers)
    assert_same(loaded.summary.stream_history, streams)
    (tmp_path / "m" / "streams.parquet").unlink()
    with pytest.raises(StoredFileError, match=r"streams\.parquet is missing"):
        load_model(tmp_path / "m")
