"""What a partner hierarchy's numbers mean, in plain words."""

from __future__ import annotations

import numpy as np

from ltvforecast.fit_types import Diagnostics
from ltvforecast.fitting.hierarchy_posterior import HierarchyDraws

__all__ = ["MOSTLY_SEGMENT", "hierarchy_diagnostics"]

MOSTLY_SEGMENT = 0.2
"""A partner whose shrinkage is below this is given mostly its segment's average."""
_ALIKE = 0.1
"""A spread below this is a difference of less than ten percent."""


def hierarchy_diagnostics(
    found: HierarchyDraws, *, what: str, levels: tuple[str, ...], also: tuple[str, ...] = ()
) -> Diagnostics:
    """Judge a hierarchy that has passed its gates.

    Parameters
    ----------
    found : HierarchyDraws
    what : str
        For example ``"the partners' purchase processes"``.
    levels : tuple of str
        What each of the partners' levels says.
    also : tuple of str
        Findings on the data.

    Returns
    -------
    Diagnostics
    """
    flags = [*also] + [
        f"prior-dominated: the data say almost nothing about {name}" for name in found.dominated
    ]
    partners = found.levels.shrinkage.shape[0]
    # of partners fitted apart, the spread is no finding
    learnt = np.ptp(found.shared.sd, axis=0) > 0.0
    for d, name in enumerate(levels):
        if not learnt[d]:
            continue
        alike = float(np.mean(found.shared.sd[:, d] < _ALIKE))
        if alike > 0.25:
            flags.append(f"partners may not differ in {name} (probability {alike:.0%})")
        pooled = int(np.sum(found.levels.shrinkage[:, d] < MOSTLY_SEGMENT))
        if pooled:
            flags.append(
                f"{pooled:,} of {partners:,} partners have too few customers to say {name}: they "
                "are given mostly the average of their segment"
            )
    checks = found.checks
    note = "" if not flags else f" Note {len(flags)}: " + "; ".join(flags) + "."
    return Diagnostics(
        trusted=True,
        verdict=f"The posterior of {what} was sampled reliably (Pareto k {checks.k_hat:.2f}, "
        f"errors of approximation below {max(checks.table_error, checks.quadrature_error):.2g} "
        f"log units).{note}",
        k_hat=checks.k_hat,
        effective_draws=checks.effective_draws,
        gradient_norm=float(np.abs(found.optimum.gradient).max()),
        flags=tuple(flags),
    )
