"""ltvforecast: what each partner's customers will be worth, with intervals that are true.

The job is one line, and each stage hands a small frozen record (``types``) to the next::

    transactions ─► customer summary ─► fitted model ─► partner forecast ─► report
       data/             data/            fitting/          forecast/       plots/, report/

Start with :func:`read_transactions`, :func:`summarize`, :func:`fit`, :func:`predict` and
:func:`write_report`; the command ``ltvforecast`` does the same from a shell.

(The folder of the fitting stage is called ``fitting`` and not ``fit``, because a subpackage of
that name would hide the function :func:`fit`.)

Map of the modules, each with its own first line:

{map}
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
    from ltvforecast.data.summary import summarize
    from ltvforecast.data.synthetic import simulate_programme
    from ltvforecast.data.transactions import read_transactions
    from ltvforecast.fitting.fit_model import fit
    from ltvforecast.fitting.store import load_model, save_model
    from ltvforecast.forecast.predict import predict
    from ltvforecast.forecast.store import load_forecast, save_forecast
    from ltvforecast.plots.forecast import (
        plot_forecast,
        plot_pareto,
        plot_partner_intervals,
        plot_watch_list,
    )
    from ltvforecast.plots.model import plot_frequency_fit
    from ltvforecast.report.html import write_report
    from ltvforecast.types import Economics

__all__ = [
    "Economics",
    "fit",
    "load_cdnow_sample",
    "load_complete_journey",
    "load_forecast",
    "load_model",
    "plot_forecast",
    "plot_frequency_fit",
    "plot_pareto",
    "plot_partner_intervals",
    "plot_watch_list",
    "predict",
    "read_transactions",
    "save_forecast",
    "save_model",
    "simulate_programme",
    "summarize",
    "write_report",
]

__version__ = version("ltvforecast")

_HOME = {
    "Economics": "types",
    "fit": "fitting.fit_model",
    "load_cdnow_sample": "data.datasets",
    "load_complete_journey": "data.datasets",
    "load_forecast": "forecast.store",
    "load_model": "fitting.store",
    "plot_forecast": "plots.forecast",
    "plot_frequency_fit": "plots.model",
    "plot_pareto": "plots.forecast",
    "plot_partner_intervals": "plots.forecast",
    "plot_watch_list": "plots.forecast",
    "predict": "forecast.predict",
    "read_transactions": "data.transactions",
    "save_forecast": "forecast.store",
    "save_model": "fitting.store",
    "simulate_programme": "data.synthetic",
    "summarize": "data.summary",
    "write_report": "report.html",
}


def __getattr__(name: str) -> object:
    """Import a public name's module when it is first used, so that ``--help`` stays instant."""
    if name not in _HOME:
        message = f"module 'ltvforecast' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"ltvforecast.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
