from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.errors import ForecastError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.content import OPTIONAL, SECTIONS, build_report
from ltvforecast.report.html import render_html
from tests.report.made_forecast import HOSTILE, make_forecast

VOID = {"meta", "input", "br", "link", "img"}


class Page(HTMLParser):
    """Read a page strictly: every element that opens closes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def forecast() -> PartnerForecast:
    return make_forecast()


@pytest.fixture(scope="module")
def text(forecast: PartnerForecast) -> str:
    return render_html(build_report(forecast))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


@pytest.fixture(scope="module")
def hostile() -> str:
    """Hostile names of partners and segments, in every section there is."""
    made = make_forecast(
        names=HOSTILE,
        newcomers=True,
        segments=HOSTILE[:6],
        costs=(1.0, 5.0),
        economics=Economics(
            margin=0.5, commission=0.1, by_partner={HOSTILE[0]: Terms(commission=0.2)}
        ),
    )
    return render_html(build_report(made))


def test_the_same_forecast_gives_the_same_bytes(text: str) -> None:
    assert render_html(build_report(make_forecast())) == text


def test_every_section_has_its_heading(page: Page) -> None:
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert set(SECTIONS) - set(OPTIONAL) <= ids
    assert len(page.named("h1")) == 1
    headings = [attributes["id"] for attributes in page.named("h2")]
    for section in page.named("section"):
        assert section["aria-labelledby"] in headings
    links = {link["href"] for link in page.named("a")}
    assert {f"#{key}" for key in SECTIONS if key not in OPTIONAL} <= links


def test_a_missing_section_is_an_error_by_name(forecast: PartnerForecast) -> None:
    report = build_report(forecast)
    cut = replace(report, sections=tuple(s for s in report.sections if s.key != "watch-list"))
    with pytest.raises(ForecastError, match="no section “watch-list”"):
        render_html(cut)


def test_ids_are_unique_and_references_lead_somewhere(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for name in ("aria-labelledby", "for"):
            for target in (attributes.get(name) or "").split():
                assert target in ids
        if (attributes.get("href") or "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_nothing_comes_from_outside(text: str, hostile: str) -> None:
    for words in (text, hostile):
        assert not re.search(
            r"""(?:src|href|action|url)\s*[=(]\s*["']?(?!#)""", words.split("<style>")[0]
        )
        assert "@import" not in words
        assert not re.search(r"https?://", words)
        assert "//cdn" not in words


def test_only_our_own_script_may_run(text: str, hostile: str) -> None:
    for words in (text, hostile):
        scripts = re.findall(r"<script>(.*?)</script>", words, flags=re.DOTALL)
        assert len(scripts) == 1
        digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
        policy = next(
            meta["content"]
            for meta in Page(words).named("meta")
            if meta.get("http-equiv") == "Content-Security-Policy"
        )
        assert policy.startswith("default-src 'none'")
        assert f"script-src 'sha256-{digest}'" in policy
        assert not [a for _, attrs in Page(words).elements for a in attrs if a.startswith("on")]


def test_hostile_names_stay_text(hostile: str) -> None:
    page = Page(hostile)
    assert not page.named("img")
    names = [text.strip() for text in page.texts]
    assert "<script>alert(1)</script>" in names
    assert '"><img src=x onerror=alert(1)>' in names
    assert "$\\frac{1}{0}$ & $x" in names
    assert "שלום עולם" in names
    assert "&lt;b&gt;" in names
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", hostile)
    assert "x" * 200 not in hostile
    assert "\U0001f984" in names
    hostile.encode("utf-8")


def test_light_and_dark_and_paper(text: str) -> None:
    style = re.search(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    assert style is not None
    assert "prefers-color-scheme: dark" in style[1]
    assert "@media print" in style[1]
    light, dark = (
        set(re.findall(r"(--[a-z-]+):", part)) for part in style[1].split("prefers-color-scheme")
    )
    assert {name for name in light if name.startswith("--chart")} <= dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_on_its_ground(text: str, scheme: str) -> None:
    """WCAG 2.1: contrast of text at least 4.5, of marks in a chart at least 3."""
    blocks = re.findall(r":root \{(.*?)\}", text, flags=re.DOTALL)
    colours = dict(re.findall(r"(--[a-z-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))

    def light(colour: str) -> float:
        parts = [int(colours[colour][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(first: str, second: str) -> float:
        high, low = sorted((light(first), light(second)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    for ground in ("--page", "--panel"):
        for ink in ("--text", "--soft", "--link"):
            assert contrast(ink, ground) >= 4.5
    assert contrast("--text", "--alert") >= 4.5
    for mark in ("--chart-ink", "--chart-muted", "--chart-value", "--chart-emphasis"):
        assert contrast(mark, "--page") >= 3


def test_every_chart_reads_itself_out(page: Page) -> None:
    charts = page.named("svg")
    assert len(charts) == 8
    for chart in charts:
        assert chart["role"] == "img"
        assert chart["aria-labelledby"]


def test_tables_say_what_they_are(page: Page) -> None:
    assert len(page.named("caption")) == len(page.named("table"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.named("th"))


def test_the_partner_table_has_every_partner(text: str) -> None:
    body = (
        text.split('<table id="partner-table"')[1]
        .split("<tbody>")[1]
        .split("</tbody>", maxsplit=1)[0]
    )
    assert body.count("<tr>") == 30


def test_it_works_without_the_script(page: Page) -> None:
    tools = [p for p in page.named("p") if p.get("class") == "tools"]
    assert tools
    assert all("hidden" in attributes for attributes in tools)
    assert not page.named("button")


@pytest.mark.parametrize(
    "unusual",
    [
        {"partners": 1, "customers": 3},
        {"revenue_scale": 0.0},
        {"history_days": 1, "decline_known": False},
        {"newcomers": True, "partners": 2},
        {"costs": (0.0,), "partners": 3},
        {"economics": Economics(margin=0.1, commission=0.3), "costs": (1.0, 1e6), "partners": 4},
    ],
    ids=lambda unusual: next(iter(unusual)),
)
def test_unusual_forecasts_have_a_report(unusual: dict[str, object]) -> None:
    page = Page(render_html(build_report(make_forecast(**unusual))))
    assert set(SECTIONS) - set(OPTIONAL) <= {
        attributes.get("id") for _, attributes in page.elements
    }
    assert not re.search(r"\b(nan|inf)\b", " ".join(page.texts).replace("infer", ""))


def test_thousands_of_partners() -> None:
    text = render_html(build_report(make_forecast(partners=2100, customers=9000)))
    body = text.split('<table id="partner-table"')[1].split("<tbody>")[1].split("</tbody>")[0]
    assert body.count("<tr>") == 2000
    assert "first 2,000 of 2,100 partners; all of them are in partners.csv" in text
    assert len(text) < 4_000_000
