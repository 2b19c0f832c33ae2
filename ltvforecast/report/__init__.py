"""The report for people who never see code: what it says (``content``) and how it looks (``html``).

``document`` holds the records a report is made of, ``wording`` puts numbers into words,
``sections`` and ``explanation`` write the parts. Whoever renders a report, in whatever format,
reads the :class:`~ltvforecast.report.document.Report` and computes nothing.
"""

from __future__ import annotations

__all__: list[str] = []
