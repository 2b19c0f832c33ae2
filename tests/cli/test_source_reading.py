"""Files named on the command line: transactions with covariates, and the table of partners."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from ltvforecast.cli import main
from ltvforecast.cli.source_reading import read_partner_table, read_source
from ltvforecast.cli.terminal import Terminal
from ltvforecast.config import Reading
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.fitting.store import load_model

READING = Reading(
    columns={},
    amount_unit=None,
    decimal="comma",
    date_format="%d/%m/%Y",
    timezone=None,
    currency=None,
    refunds="net",
    pending="keep",
    duplicates="drop",
    on_bad_rows="fail",
    trim_ids=True,
    sheet=None,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("programme")
    made = simulate_programme(partners=4, customers=150, days=365, seed=3).transactions
    made.to_csv(folder / "orders.csv", index=False)
    ids = sorted(made["partner_id"].unique())
    partners = pd.DataFrame(
        {
            "partner_id": [*ids[1:], "newcomer"],
            "segment": "reseller",
            "commission_rate": 0.1,
            "region": "north",
        }
    )
    partners.to_csv(folder / "partners.csv", index=False)
    return folder / "orders.csv", folder / "partners.csv"


def test_check_tells_who_is_missing_in_the_table_and_who_is_new(
    files: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    orders, partners = files
    assert main(["check", str(orders), "--partners", str(partners), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert any("1 of 4 partners with transactions are not in" in each for each in told["warnings"])
    assert "'newcomer'" in json.dumps(told["account"])


def test_fit_saves_the_table_with_the_model(files: tuple[Path, Path], tmp_path: Path) -> None:
    orders, partners = files
    words = ["fit", str(orders), "--partners", str(partners), "--out", str(tmp_path / "m")]
    assert main([*words, "--method", "mle", "--layers", "off", "--quiet"]) == 0
    table = load_model(tmp_path / "m").summary.partner_table
    assert table is not None
    assert table["segment"].tolist().count("reseller") == 4
    assert table["segment"].tolist().count("other") == 1


def test_a_table_that_cannot_be_used_is_refused_without_a_traceback(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orders, _ = files
    bad = tmp_path / "partners.csv"
    bad.write_text("partner_id,commission_rate\nP1,15\nP1,0.1\n", encoding="utf-8")
    assert main(["check", str(orders), "--partners", str(bad)]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "several rows of one partner: 'P1' (line 2 and 3)" in said
    assert "commission_rate is above 1" in said
    assert main(["check", str(orders), "--partners", str(tmp_path / "none.csv")]) == 2
    assert "there is no file" in capsys.readouterr().err


def test_numbers_dates_and_ids_are_read_as_in_the_transactions(tmp_path: Path) -> None:
    table = tmp_path / "partners.csv"
    table.write_text(
        "partner_id;commission_rate;joined_on\n p 1 ;0,15;31/01/2025\n", encoding="utf-8"
    )
    found = read_partner_table(str(table), READING)
    assert found is not None
    assert found.frame.loc[0].tolist() == ["p 1", "other", 0.15, pd.Timestamp("2025-01-31")]
    assert read_partner_table(None, READING) is None


def test_covariates_of_transactions_are_kept(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text(
        "partner_id;customer_id;date;amount;visits\np;c;31/01/2025;1,5;2,5\n", encoding="utf-8"
    )
    read = read_source(
        str(orders),
        READING,
        terminal=Terminal(as_json=False, quiet=True),
        rejects=None,
        overwrite=False,
        covariates=["visits"],
    )
    assert read.frame["covariate: visits"].tolist() == [2.5]
