"""The page ACCURACY.md: every table between two marks, written by the command it names."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).with_name("ACCURACY.md")


def write_section(name: str, text: str, *, page: Path = PAGE) -> None:
    """Replace what stands between the marks ``<!-- name -->`` and ``<!-- /name -->``.

    Parameters
    ----------
    name : str
    text : str
        Markdown.
    page : pathlib.Path
    """
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, rest = page.read_text(encoding="utf-8").split(begin)
    _, after = rest.split(end)
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def table(head: list[str], rows: list[list[str]]) -> str:
    """Write a table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])
