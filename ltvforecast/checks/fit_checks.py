"""All fit checks of a model in one call."""

from __future__ import annotations

import numpy as np

from ltvforecast.check_types import FitCheck, FitChecks
from ltvforecast.checks.dependence import check_dependence
from ltvforecast.checks.frequency import check_frequency
from ltvforecast.checks.holdout import HoldOut, check_holdout, hold_out
from ltvforecast.checks.predictive import check_predictive
from ltvforecast.checks.regularity import check_regularity
from ltvforecast.checks.sample import take_sample
from ltvforecast.checks.tracking import check_tracking
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.customer_draws import differs

__all__ = ["check_fit"]


def check_fit(model: FittedModel) -> FitChecks:
    """Check whether a fitted model is like the data it was fitted to, and say what to do if not.

    Parameters
    ----------
    model : FittedModel
        What :func:`ltvforecast.fit` gives. A model loaded from a folder knows its customers'
        histories but not their single purchases: some checks are left out then, and the checks
        made at the time of fitting are in ``model.checks``.

    Returns
    -------
    FitChecks
        Each check with a verdict, a sentence, a remedy and the table behind its chart.

    Notes
    -----
    ``fine``: no misfit beyond chance, or one too small to matter. ``look``: a misfit that could
    matter for some uses. ``fails``: the forecast should not be relied on for what the sentence
    names. Of more than 20,000 customers, so many are drawn for all but the histogram. Random
    numbers come from the seed of the fit: same model, same checks.

    Examples
    --------
    >>> import ltvforecast as ltv
    >>> programme = ltv.simulate_programme(partners=5, customers=200, seed=1)
    >>> model = ltv.fit(ltv.summarize(programme.transactions), method="mle", layers="off")
    >>> check_fit(model)["frequency"].verdict
    'fine'
    """
    streams = np.random.SeedSequence([model.settings.seed, len(model.summary)]).spawn(5)
    sampling, tracking, dependence, predictive, holding = map(np.random.default_rng, streams)
    sample = take_sample(model, rng=sampling)
    done: list[FitCheck] = [
        check_frequency(model),
        *check_predictive(model, sample, rng=predictive),
        check_dependence(model, sample, rng=dependence),
    ]
    if sample.purchases is None:
        reason = (
            "purchases over time, their regularity and a forecast of the last part of the history: "
            "single purchases are not kept with a saved model"
        )
        return FitChecks(done=tuple(done), left_out=(reason,))
    left_out = []
    found = check_tracking(model, sample, rng=tracking)
    done.extend(found)
    if not found:
        left_out.append("purchases over time: the history is shorter than eight weeks")
    regularity = check_regularity(sample.purchases)
    if regularity is None:
        left_out.append("regularity of purchases: fewer than 30 customers have bought three times")
    else:
        done.append(regularity)
    if differs(model):
        reason = (
            "forecast of the last part of the history: it is made without differences between "
            "partners and without covariates; a backtest has them"
        )
        return FitChecks(done=tuple(done), left_out=(*left_out, reason))
    held = hold_out(model, sample, rng=holding)
    if isinstance(held, HoldOut):
        done.extend(check_holdout(held))
    else:
        left_out.append(f"forecast of the last part of the history: {held}")
    return FitChecks(done=tuple(done), left_out=tuple(left_out))
