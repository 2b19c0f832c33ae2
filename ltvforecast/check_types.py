"""The frozen records of fit checks: how like its data a fitted model is."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Literal

import pandas as pd

__all__ = ["FitCheck", "FitChecks", "Verdict"]

Verdict = Literal["fine", "look", "fails"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCheck:
    """One look at whether a fitted model is like the data it was fitted to.

    Attributes
    ----------
    name : str
        Short fixed name, for example ``"frequency"``.
    verdict : {"fine", "look", "fails"}
    size : float
        How large the misfit is, in the unit that the sentence gives; 0 is a perfect fit.
    p_value : float
        How likely so large a misfit is by chance alone, if the model is right.
    sentence, remedy : str
        Plain words: what was found, and what to do about it (empty where nothing is to be done).
    table : pandas.DataFrame
        The numbers behind it, as its chart shows them.
    """

    name: str
    verdict: Verdict
    size: float
    p_value: float
    sentence: str
    remedy: str
    table: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class FitChecks:
    """All checks of a fitted model, and the checks that could not be made.

    Attributes
    ----------
    done : tuple of FitCheck
    left_out : tuple of str
        Plain words: which checks could not be made, and why.
    """

    done: tuple[FitCheck, ...] = ()
    left_out: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> FitCheck:
        """Return the check of that name; KeyError if it was not made."""
        for check in self.done:
            if check.name == name:
                return check
        raise KeyError(name)

    @property
    def noteworthy(self) -> tuple[FitCheck, ...]:
        """Those that are not fine, failures first."""
        return tuple(c for v in ("fails", "look") for c in self.done if c.verdict == v)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th scope='row'>{escape(check.name)}</th><td>{check.verdict}</td>"
            f"<td>{escape(check.sentence)}</td><td>{escape(check.remedy)}</td></tr>"
            for check in self.done
        )
        left_out = "".join(f"<p>Not checked: {escape(reason)}</p>" for reason in self.left_out)
        return (
            "<table><thead><tr><th>check</th><th>verdict</th><th>found</th><th>what to do</th>"
            f"</tr></thead><tbody>{rows}</tbody></table>{left_out}"
        )
