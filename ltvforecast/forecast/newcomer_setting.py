"""What the new customers of all partners share: parameters, clock, and where purchases can go."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.exposure import forecast_clock
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.new_customers import AcquisitionPlan
from ltvforecast.forecast.newcomer_parameters import NewcomerParameters, newcomer_parameters
from ltvforecast.forecast.newcomer_records import Law, Pairing, Terms, Timing
from ltvforecast.forecast.newcomer_repeats import RepeatTable, tabulate_repeats
from ltvforecast.forecast.newcomer_value import PairedSpend, later_purchases, paired_spend
from ltvforecast.forecast.streams import open_named_stream
from ltvforecast.types import FloatArray

__all__ = [
    "SIDE_STREAM",
    "VALUE_STREAM",
    "NewcomerSetting",
    "newcomer_setting",
    "newcomer_timing",
]

VALUE_STREAM = 0x76616C
""""val": apart from the stream of the counts."""
SIDE_STREAM = 0x656C69
""""eli": of what is eligible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewcomerSetting:
    """What is known of new customers before any is simulated.

    Attributes
    ----------
    plan : AcquisitionPlan
    parameters : NewcomerParameters
    timing : Timing
    terms : Terms
        Of nobody in particular: partner and eligible days are still to be filled in.
    paired : PairedSpend or None
        None where purchase rate and spend level are not related.
    shared : tuple or None
        Law and later purchases, where they are those of all partners.
    pairing : Pairing or None
        Where it is that of all partners.
    repeats : RepeatTable or None
        Of later purchases, where partners are many.
    """

    plan: AcquisitionPlan
    parameters: NewcomerParameters
    timing: Timing
    terms: Terms
    paired: PairedSpend | None
    shared: tuple[Law, FloatArray] | None
    pairing: Pairing | None
    repeats: RepeatTable | None = None

    def of(self, place: int) -> tuple[Law, FloatArray, Pairing]:
        """Give law, expected later purchases (draw, piece) and pairing of a partner's customers."""
        if self.shared is None:
            law = self.parameters.law(place)
            later = later_purchases(law, self.timing, self.paired, self.repeats)
        else:
            law, later = self.shared
        return law, later, self.parameters.pairing(law) if self.pairing is None else self.pairing

    def stream(self, purpose: int, name: str) -> np.random.Generator:
        """Open the random stream of the partner of that name."""
        return open_named_stream(self.plan.seed, purpose, name=name)


def newcomer_setting(
    model: FittedModel, plan: AcquisitionPlan, *, periods: Periods, draws: int, quantum: float
) -> NewcomerSetting:
    """Put together what all partners share.

    Parameters
    ----------
    model : FittedModel
    plan : AcquisitionPlan
    periods : Periods
    draws : int
    quantum : float
        Money in one quantum.

    Returns
    -------
    NewcomerSetting
    """
    summary = model.summary
    parameters = newcomer_parameters(model, draws, seed=plan.seed)
    timing = newcomer_timing(model, plan, periods=periods, draws=draws)
    programme = np.cumsum(summary.programme_share, dtype=np.float64)
    paired, law = paired_spend(parameters), parameters.law(0)
    return NewcomerSetting(
        plan=plan,
        parameters=parameters,
        timing=timing,
        terms=Terms(
            0,
            programme / programme[-1],
            float(summary.allocation.novelty),
            float(summary.allocation.concentration),
            quantum,
            parameters.highest_spend,
            -1.0,
        ),
        paired=paired,
        shared=None if parameters.groups > 1 else (law, later_purchases(law, timing, paired)),
        pairing=parameters.pairing(law) if parameters.shared_shapes else None,
        repeats=tabulate_repeats(parameters, timing.clock[:, -1]),
    )


def newcomer_timing(
    model: FittedModel, plan: AcquisitionPlan, *, periods: Periods, draws: int
) -> Timing:
    """Put the pieces of a plan on the model's clock.

    Parameters
    ----------
    model : FittedModel
    plan : AcquisitionPlan
    periods : Periods
    draws : int

    Returns
    -------
    Timing
    """
    inner = Periods(starts=periods.starts, ends=periods.ends, edges_days=plan.days)
    clock, _ = forecast_clock(model, inner, draws=draws, discount=0.0)
    return Timing(clock.edges, plan.days, plan.target)
