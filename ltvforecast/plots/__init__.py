"""Charts: each takes a record and an optional Axes, draws, and returns the Axes.

``chart_data`` picks and orders what a chart shows, so that the table behind a chart holds the same
numbers; ``forecast`` and ``model`` draw; ``svg`` turns a chart into markup for a web page.
Nothing here is imported until a chart is wanted, because Matplotlib takes a second to load.
"""

from __future__ import annotations

__all__: list[str] = []
