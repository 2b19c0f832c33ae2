"""What the README shows is what happens: its own-data commands and its Python run as written."""

from __future__ import annotations

import datetime as dt
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from ltvforecast.cli import main
from ltvforecast.data.synthetic import simulate_programme

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


TERMS = """\
margin = 0.6
commission = 0.10
bounty = 5
acquisition_cost = 400
[segment."referral"]
commission = 0.15
"""


@pytest.fixture
def orders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programme = simulate_programme(
        partners=4, customers=300, days=400, seed=5, as_of=dt.date(2025, 12, 31)
    )
    programme.transactions.to_csv(tmp_path / "orders.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return next(text for text in blocks if containing in text)


def test_the_commands_for_own_data_run(orders: Path) -> None:
    lines = block("sh", "ltvforecast check").splitlines()
    assert len(lines) == 5
    for line in lines:
        program, *words = shlex.split(line, comments=True)
        assert program == "ltvforecast"
        assert main(words) == 0, line
    assert (orders / "orders.html").exists()


def test_the_commands_for_later_run(orders: Path) -> None:
    for line in block("sh", "ltvforecast score").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "ltvforecast"
        assert main(words) == 0, line


def test_the_commands_for_partners_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programme = simulate_programme(
        partners=12, customers=500, days=500, seed=5, as_of=dt.date(2025, 12, 31)
    )
    programme.transactions.to_csv(tmp_path / "orders.csv", index=False)
    names = sorted(set(programme.transactions["partner_id"]))
    pd.DataFrame(
        {
            "partner_id": [*names, "not yet signed"],
            "segment": ["reseller", "referral"] * (len(names) // 2) + ["referral"],
            "certified": ["yes", "no", "no"] * (len(names) // 3) + ["yes"],
            "commission_rate": [0.2] + [None] * len(names),
        }
    ).to_csv(tmp_path / "partners.csv", index=False)
    (tmp_path / "terms.toml").write_text(TERMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for line in block("sh", "--partners partners.csv").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "ltvforecast"
        assert main(words) == 0, line
    forecast = tmp_path / "forecasts" / "partners"
    table = pd.read_csv(forecast / "partners.csv")
    assert set(table["segment"]) == {"reseller", "referral"}
    assert "not yet signed" in set(pd.read_csv(forecast / "new_partners.csv")["partner_id"])
    assert (tmp_path / "partners.xlsx").exists()


def test_the_python_runs(orders: Path) -> None:
    names: dict[str, object] = {}
    exec(block("python", "import ltvforecast"), names)  # noqa: S102 (the README's own text)
    assert (orders / "orders.html").exists()
    assert len(names["forecast"].partners) == 4


def test_every_link_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
