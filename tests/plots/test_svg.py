from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
from matplotlib.axes import Axes

from ltvforecast.plots.svg import chart_svg
from tests.report.made_forecast import HOSTILE


def draw(ax: Axes) -> None:
    ax.plot([0, 1], [0, 1], color="#0072b2")
    ax.set_title("<b>&amp; ]]>")


def markup(name: str = "one") -> str:
    return chart_svg(draw, name=name, title='A "title" <i>', description="What & where")


def test_the_same_chart_gives_the_same_text() -> None:
    assert markup() == markup()


def test_it_is_one_element_that_reads_itself_out() -> None:
    root = ET.fromstring(markup())  # noqa: S314  (our own output)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == "one-title one-desc"
    assert root.find("title").text == 'A "title" <i>'
    assert root.find("desc").text == "What & where"
    assert "<b>&amp; ]]>" in "".join(root.itertext())


def test_nothing_points_outside_and_every_reference_is_there() -> None:
    text = markup()
    assert "http" not in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(name.startswith("one-") for name in ids)
    wanted = re.findall(r'href="#([^"]+)"', text) + re.findall(r"url\(#([^)]+)\)", text)
    assert wanted
    assert set(wanted) <= set(ids)


def test_ids_of_two_charts_differ() -> None:
    first, second = (set(re.findall(r'\bid="([^"]+)"', markup(name))) for name in ("one", "two"))
    assert not first & second


def test_every_colour_obeys_the_page() -> None:
    bare = re.sub(r"var\(--chart-[a-z]+, #[0-9a-f]{6}\)", "", markup())
    assert not re.search(r"#[0-9a-f]{6}\b", bare)
    assert "var(--chart-value, #0072b2)" in markup()


def test_matplotlib_is_left_as_it_was() -> None:
    before = dict(mpl.rcParams)
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        inside = markup()
        assert mpl.rcParams["font.size"] == 30
    assert inside == markup()
    assert dict(mpl.rcParams) == before


def test_any_name_can_be_a_label() -> None:
    from ltvforecast.plots.labels import display_name

    def name_them(ax: Axes) -> None:
        names = [display_name(name, width=26) for name in HOSTILE]
        ax.set_yticks(range(len(names)), labels=names, parse_math=False)

    text = chart_svg(name_them, name="names", title="", description="")
    root = ET.fromstring(text)  # noqa: S314  (our own output)
    texts = [element.text for element in root.iter("text")]
    for name in HOSTILE:
        assert display_name(name, width=26) in texts


def test_wide_letters_get_the_room_their_own_fonts_need() -> None:
    def name_it(ax: Axes, name: str) -> None:
        ax.set_yticks([0], labels=[name])

    def left(name: str) -> float:
        text = chart_svg(lambda ax: name_it(ax, name), name="n", title="", description="")
        return float(ET.fromstring(text).get("viewBox", "").split()[0])  # noqa: S314  (our own)

    assert left("Partner") == 0
    assert left("漢字漢字漢字漢字漢字") <= -40
