"""A chart as markup for a web page: its colours obey the page, its text can be read out."""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable
from unicodedata import east_asian_width

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from ltvforecast.plots.style import BAND, EMPHASIS, GRID, INK, MUTED, VALUE

__all__ = ["Drawing", "chart_svg"]

Drawing = Callable[[Axes], object]
"""Draws into the Axes it is given."""

FONT_SIZE = 9.5
WIDER = 0.45
"""Of the font size: a full-width letter less the box that stands for it when it is measured."""
_PAGE_COLOURS = {
    INK: "ink",
    "#000000": "ink",
    MUTED: "muted",
    GRID: "grid",
    VALUE: "value",
    BAND: "band",
    EMPHASIS: "emphasis",
}


def chart_svg(
    draw: Drawing,
    *,
    name: str,
    title: str,
    description: str,
    width: float = 6.6,
    height: float = 3.8,
) -> str:
    """Draw a chart as one inline ``<svg>`` element.

    Parameters
    ----------
    draw : callable
        See :data:`Drawing`.
    name : str
        Prefix of all ids inside, so that several charts can stand on one page; letters,
        digits and hyphens.
    title, description : str
        What a screen reader says instead of the picture.
    width, height : float
        In inches; the page may scale it.

    Returns
    -------
    str
        The same arguments give the same text. Colours are custom properties of the page
        (``var(--chart-ink, #1b1e21)`` and so on), text stays text, and there are no references
        to anything outside.

    Examples
    --------
    >>> markup = chart_svg(lambda ax: ax.plot([0, 1]), name="line", title="A line", description="")
    >>> markup.startswith("<svg") and 'role="img"' in markup
    True
    """
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,
                "font.size": FONT_SIZE,
                "text.usetex": False,
            }
        )
        # The page's fonts have glyphs that the font used to measure the labels may lack.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        figure.patch.set_visible(False)
        for ax in figure.axes:
            ax.patch.set_visible(False)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None})
    return _for_page(written.getvalue(), name=name, title=title, description=description)


def _for_page(text: str, *, name: str, title: str, description: str) -> str:
    root = ET.fromstring(text)  # noqa: S314  (our own output, and no entities in it)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in list(element.attrib):
            value = element.attrib.pop(key)
            element.set(key.rpartition("}")[2], _attribute(key, value, name))
    for unwanted in ("metadata", "style"):
        for parent in list(root.iter()):
            for child in parent.findall(unwanted):
                parent.remove(child)
    _make_room(root)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-title {name}-desc")
    for place, (tag, words) in enumerate((("title", title), ("desc", description))):
        spoken = ET.Element(tag, {"id": f"{name}-{tag}"})
        spoken.text = words
        root.insert(place, spoken)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _make_room(root: ET.Element) -> None:
    """Widen the view to the left for letters that are wider than the box they were measured as."""
    texts = ["", *(text.text or "" for text in root.iter("text"))]
    wide = max(sum(east_asian_width(letter) in ("W", "F") for letter in text) for text in texts)
    left, top, width, height = (float(edge) for edge in root.get("viewBox", "").split())
    room = WIDER * FONT_SIZE * wide
    root.set("viewBox", f"{left - room:g} {top:g} {width + room:g} {height:g}")


def _attribute(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key.rpartition("}")[2] == "href" and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    value = re.sub(r"font-family: [^;]*; ?", "", value.replace("url(#", f"url(#{name}-"))
    for colour, role in _PAGE_COLOURS.items():
        value = re.sub(re.escape(colour), f"var(--chart-{role}, {colour})", value)
    return value
