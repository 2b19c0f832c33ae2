"""The layout's rules, read from the source: who imports whom, and who may use which library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ltvforecast

PACKAGE = Path(ltvforecast.__file__).parent
MODULES = sorted(
    path for path in PACKAGE.rglob("*.py") if path.name not in ("__init__.py", "__main__.py")
)

# part -> the parts it may import (itself always)
ALLOWED_PARTS: dict[str, set[str]] = {
    "errors": set(),
    # the records of one subject each; below types, the others only where a record holds another
    "types": set(),
    "transaction_types": {"types"},
    "check_types": {"types"},
    "layer_types": {"types"},
    "economics_types": {"types"},
    "partner_types": {"types"},
    "covariate_types": {"types"},
    "acquisition_types": {"types", "fit_types"},
    "fit_types": {
        "types",
        "transaction_types",
        "check_types",
        "layer_types",
        # for annotations only
        "acquisition_types",
        "covariate_types",
        "partner_types",
    },
    "forecast_types": {"types", "economics_types"},
    "formulas": set(),
    "config": {"errors"},
    "output": {"errors"},
    "sealed": {"errors", "output"},
    "data": {
        "errors",
        "types",
        "transaction_types",
        "fit_types",
        "acquisition_types",
        "covariate_types",
        "economics_types",
        "output",
    },
    "fitting": {
        "errors",
        "types",
        "transaction_types",
        "check_types",
        "layer_types",
        "fit_types",
        "acquisition_types",
        "covariate_types",
        "partner_types",
        "formulas",
        "output",
        "sealed",
    },
    "engines": {"errors", "types"},
    "forecast": {
        "errors",
        "types",
        "transaction_types",
        "layer_types",
        "fit_types",
        "forecast_types",
        "acquisition_types",
        "covariate_types",
        "economics_types",
        "formulas",
        "engines",
        "output",
        "sealed",
        # inside functions only: how the covariates of a new partner are coded
        "fitting",
    },
    # fit checks are computed in checks; the charts draw their tables
    "plots": {"errors", "types", "check_types", "fit_types", "forecast_types", "checks"},
    "report": {"errors", "types", "forecast_types", "economics_types", "plots", "output"},
    "evaluate": {
        "errors",
        "types",
        "transaction_types",
        "layer_types",
        "fit_types",
        "forecast_types",
        "acquisition_types",
        "covariate_types",
        "output",
        "data",
        "engines",
        "fitting",
        "forecast",
    },
    "checks": {
        "errors",
        "types",
        "transaction_types",
        "check_types",
        "fit_types",
        "formulas",
        "data",
        "fitting",
        "evaluate",
    },
    "cli": {
        "checks",
        "errors",
        "types",
        "transaction_types",
        "check_types",
        "layer_types",
        "fit_types",
        "forecast_types",
        "config",
        "output",
        "data",
        "fitting",
        "forecast",
        "report",
        "evaluate",
    },
}

# library -> the modules that may import it
ALLOWED_LIBRARIES: dict[str, set[str]] = {
    "arviz": {"fitting/psis.py", "fitting/chain_diagnostics.py", "fitting/predictive.py"},
    "arviz_stats": {"fitting/psis.py", "fitting/chain_diagnostics.py"},
    "pymc": {"fitting/pymc_models.py", "fitting/mcmc.py"},
    "pytensor": {
        "fitting/pymc_likelihoods.py",
        "fitting/pymc_models.py",
        "fitting/mcmc.py",
    },
    "nutpie": {"fitting/mcmc.py"},
    "lifetimes": {"evaluate/lifetimes_baseline.py", "fitting/lifetimes_bridge.py"},
    "scoringrules": {"evaluate/scores.py"},
    "matplotlib": {"plots/"},
    "jinja2": {"report/html.py"},
    "xlsxwriter": {"report/workbook.py"},
    "weasyprint": {"report/pdf.py"},
    "narwhals": {
        "data/",
        "evaluate/backtest.py",
        "evaluate/compare.py",
        "evaluate/score_forecast.py",
    },
    "openpyxl": {"data/"},
    "typer": {"cli/"},
    "rich": {"cli/"},
    "numba": {"formulas/"},
}

FORBIDDEN_NAMES = {"utils", "helpers", "misc", "common", "base"}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names.add(node.module or "")
            if node.module == "ltvforecast":
                names.update(f"ltvforecast.{alias.name}" for alias in node.names)
    return names


def assert_runs(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_each_part_imports_only_the_parts_it_may(path: Path) -> None:
    part = part_of(path)
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("ltvforecast.")}
    assert ours <= ALLOWED_PARTS[part] | {part}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_each_library_is_used_only_where_it_may(path: Path) -> None:
    used = {name.split(".")[0] for name in imported(path)}
    for library, places in ALLOWED_LIBRARIES.items():
        if library in used:
            assert any(relative(path).startswith(place) for place in places), library


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_what_is_private_stays_in_its_module(path: Path) -> None:
    taken = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ltvforecast")
        for alias in node.names
        if alias.name.startswith("_")
    }
    assert not taken


def test_formulas_know_only_arrays() -> None:
    for path in (PACKAGE / "formulas").glob("*.py"):
        foreign = {name.split(".")[0] for name in imported(path)} - {
            "__future__",
            "collections",
            "math",
            "numba",
            "threading",
            "numpy",
            "scipy",
            "typing",
            "ltvforecast",
        }
        assert not foreign, f"{path.name}: {foreign}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_no_printing_and_no_pickle(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "print" not in calls
    assert not {name.split(".")[0] for name in imported(path)} & {"pickle", "dill", "joblib"}


def test_no_module_is_called_by_nothing() -> None:
    for path in MODULES:
        assert path.stem not in FORBIDDEN_NAMES


def test_help_loads_no_heavy_library() -> None:
    script = (
        "import sys, ltvforecast.cli as c; c.main(['--help']); c.main(['fit', '--help']);"
        "heavy = {'pymc', 'arviz', 'matplotlib', 'numba', 'lifetimes'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_predict_never_loads_the_fitting_libraries() -> None:
    script = (
        "import sys, ltvforecast.forecast.predict, ltvforecast.report.html;"
        "heavy = {'pymc', 'arviz', 'lifetimes', 'ltvforecast.fitting'} & set(sys.modules);"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_map_in_the_package_docstring_is_true() -> None:
    told = ltvforecast.__doc__ or ""
    for path in MODULES:
        first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()
        assert first, f"{relative(path)} has no docstring"
        assert f"{relative(path)}: {first[0]}" in " ".join(told.split()), relative(path)


def test_every_public_name_is_there() -> None:
    for name in ltvforecast.__all__:
        assert callable(getattr(ltvforecast, name))
