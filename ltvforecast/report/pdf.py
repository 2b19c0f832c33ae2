"""The report as a PDF: the printed page, tagged so that screen readers can follow it."""

from __future__ import annotations

import re
from pathlib import Path

from ltvforecast.errors import ConfigError

__all__ = ["write_pdf"]


def write_pdf(page: str, path: Path) -> None:
    """Print a page that stands for itself into a PDF.

    Parameters
    ----------
    page : str
        HTML; nothing is fetched from outside.
    path : pathlib.Path
        Replaced if it is there.

    Raises
    ------
    ConfigError
        The package WeasyPrint, or the library Pango that it needs, is not installed.
    """
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as missing:
        raise ConfigError(
            f"reports that end in .pdf need WeasyPrint: {missing}",
            expected="the package WeasyPrint, and the library Pango that it needs",
            remedy='install it with: pip install "ltvforecast[pdf]", or print the .html report',
        ) from missing
    HTML(string=_with_colours(page), url_fetcher=_nothing).write_pdf(
        path, pdf_tags=True, pdf_variant="pdf/ua-1"
    )


def _with_colours(page: str) -> str:
    """Write out the charts' own colours, since a PDF's drawings know no variables."""
    return re.sub(r"var\(--chart-[a-z]+, (#[0-9a-f]{6})\)", r"\1", page)


def _nothing(url: str) -> dict[str, object]:
    raise ValueError(f"a report asks for nothing from outside, but {url!r} was asked for")
