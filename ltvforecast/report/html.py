"""The report as one HTML file that needs nothing else: no network, no fonts, no pictures."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup

from ltvforecast.errors import ForecastError
from ltvforecast.plots.economics import plot_commission, plot_ltv_to_cac
from ltvforecast.plots.forecast import (
    plot_forecast,
    plot_pareto,
    plot_partner_intervals,
    plot_watch_list,
)
from ltvforecast.plots.svg import Drawing, chart_svg
from ltvforecast.report.content import OPTIONAL, SECTIONS
from ltvforecast.report.document import Chart, ChartName, Report

__all__ = ["render_html"]

WIDTHS = {"wide": 6.6, "narrow": 3.9}
"""Of the charts, in inches: each is drawn twice, and the page shows the one that fits."""
_TEMPLATES = files("ltvforecast.report") / "templates"
_UNPRINTABLE = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if code not in (9, 10)}


def render_html(report: Report) -> str:
    """Show a report as one self-contained page.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        The same report gives the same text. Names from the data are escaped; the page's only
        script (sorting and searching the tables, which it does without, too) is allowed by
        its hash, and everything from outside is forbidden.

    Raises
    ------
    ForecastError
        A section is missing.
    """
    there = {section.key for section in report.sections}
    for key in SECTIONS:
        if key not in there and key not in OPTIONAL:
            raise ForecastError(
                f"the report has no section “{key}”",
                expected="every section of the report",
                remedy="build the report with build_report",
            )
    sources = {name: _template(name) for name in ("report.html", "report.css", "report.js")}
    script = sources["report.js"]
    environment = Environment(
        loader=DictLoader(sources),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    charts = {
        (section.chart.name, shape): _draw(section.chart, report, shape=shape)
        for section in report.sections
        if section.chart is not None
        for shape in WIDTHS
    }
    page = environment.get_template("report.html").render(
        report=report,
        charts=charts,
        style=Markup(sources["report.css"]),  # noqa: S704  (our own)
        script=Markup(script),  # noqa: S704  (our own)
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page.translate(_UNPRINTABLE).encode("utf-8", "replace").decode("utf-8")


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _draw(chart: Chart, report: Report, *, shape: str) -> Markup:
    forecast, level = report.forecast, report.level
    draw: dict[ChartName, tuple[Drawing, float]] = {
        "partners": (
            lambda ax: plot_partner_intervals(forecast, level=level, ax=ax),
            0.9 + 0.22 * min(20, len(forecast.partners)),
        ),
        "pareto": (lambda ax: plot_pareto(forecast, level=level, ax=ax), 3.4),
        "watch-list": (lambda ax: plot_watch_list(forecast, ax=ax), 3.6),
        "months": (lambda ax: plot_forecast(forecast, level=level, ax=ax), 3.6),
        "economics": (
            lambda ax: plot_ltv_to_cac(forecast, level=level, ax=ax),
            0.9 + 0.22 * min(20, int((forecast.partners["cac"] > 0).sum())),
        ),
        "commission": (lambda ax: plot_commission(forecast, level=level, ax=ax), 3.2),
    }
    drawn, height = draw[chart.name]
    text = chart_svg(
        drawn,
        name=f"{chart.name}-{shape}",
        title=chart.title,
        description=chart.description,
        width=WIDTHS[shape],
        height=height,
    )
    return Markup(text)  # noqa: S704  (written by ElementTree, which escapes)
