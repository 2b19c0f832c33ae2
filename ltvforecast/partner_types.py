"""The frozen record of how partners differ in a fitted model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from ltvforecast.types import FloatArray

__all__ = ["PartnerPooling"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPooling:
    """How partners differ, how much of each is its own, and what a new partner is drawn from.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a partner, as in ``CustomerSummary.partner_ids``: ``partner_id, segment,
        customers``; ``purchase_rate`` (purchases per unit of time while active, ``r / alpha``),
        ``dropout`` (after a repeat purchase, ``a / (a + b)``) and ``mean_spend`` (``p v /
        (q - 1)``; absent where all partners share one spend), each with ``_lo_90``, ``_hi_90`` and
        ``_shrinkage`` (1: the partner's own data decide; 0: the segment's average);
        ``warnings`` in plain words.
    shared : mapping of str to float64 array
        Draws of what partners share. Of shape (draw,): ``log_r, log_phi`` (of ``a + b``), ``log_p,
        log_excess`` (of ``q - 1``), ``sd_log_rate, sd_dropout_logit, sd_log_spend``. Of shape
        (draw, segment): ``mean_log_rate, mean_dropout_logit, mean_log_spend``. Time in the model's
        unit.
    segment_names : tuple of str
    how : str
        Plain words.
    """

    table: pd.DataFrame
    shared: Mapping[str, FloatArray]
    segment_names: tuple[str, ...]
    how: str

    def _repr_html_(self) -> str:
        shown = str(self.table.head(20).to_html(index=False, escape=True))
        return f"<p>{escape(self.how)}</p>{shown}"
