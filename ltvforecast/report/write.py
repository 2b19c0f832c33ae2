"""Writes the report of a forecast: as a page, a workbook or a PDF, chosen by the name's ending."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ltvforecast.errors import ConfigError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.output import whole_file
from ltvforecast.report.content import build_report
from ltvforecast.report.html import render_html
from ltvforecast.report.pdf import write_pdf
from ltvforecast.report.workbook import write_workbook

__all__ = ["write_report"]

ENDINGS = (".html", ".htm", ".xlsx", ".pdf")


def write_report(
    forecast: PartnerForecast, path: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write the report of a forecast for people who never see code.

    Parameters
    ----------
    forecast : PartnerForecast
    path : path-like
        Its ending chooses the format: ``.html`` (one page that needs nothing else), ``.xlsx`` (the
        same tables as numbers) or ``.pdf`` (the page, printed).
    overwrite : bool
        Replace a file of that name.

    Raises
    ------
    ConfigError
        Another ending, a folder that is not there or can't be written to, or a package that the
        format needs is not installed.
    OutputExistsError
        There is such a file and ``overwrite`` is False.
    ForecastError
        The forecast lacks something that a section must say.
    """
    target = Path(path)
    ending = target.suffix.lower()
    if ending not in ENDINGS:
        raise ConfigError(
            f"a report ending in {target.suffix or 'nothing'!r}",
            expected="a name that ends in .html, .xlsx or .pdf",
            remedy=f"write it to {target.with_suffix('.html').name}",
        )
    if not target.parent.is_dir():
        raise ConfigError(
            f"the folder {target.parent} is not there",
            expected="a folder to write the report into",
            remedy="make the folder first, or choose another place",
        )
    with whole_file(target, overwrite=overwrite) as made:
        report = build_report(forecast)
        if ending == ".xlsx":
            write_workbook(report, made)
        elif ending == ".pdf":
            write_pdf(render_html(report), made)
        else:
            made.write_text(render_html(report), encoding="utf-8", newline="\n")
