"""Where a forecast came from: everything its report says about itself, ready for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

from ltvforecast.economics_types import TERM_COLUMNS
from ltvforecast.fit_types import Calendar, Diagnostics, FittedModel, PurchaseFit, SpendFit
from ltvforecast.forecast.economics_file import economics_record
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.layers import choose_estimate
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.transaction_types import Account, Allocation
from ltvforecast.types import FloatArray

__all__ = ["build_provenance", "installed_version"]


def installed_version() -> str:
    """Give the version of this package, or ``unknown`` if it runs uninstalled."""
    try:
        return version("ltvforecast")
    except PackageNotFoundError:
        return "unknown"


def build_provenance(
    model: FittedModel,
    spec: ForecastSpec,
    periods: Periods,
    *,
    self_check: Mapping[str, object],
    new_customers: Mapping[str, object],
    warnings: tuple[str, ...],
) -> dict[str, object]:
    """Tell where the model and the data came from, what was asked and what was assumed.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    periods : Periods
    self_check : mapping
        See :func:`ltvforecast.forecast.self_check.check_simulation`.
    new_customers : mapping
        Whether new customers are ``included``, and ``why`` not, or what is known of them.
    warnings : tuple of str
        Of the forecast itself; those of the data and of the fit are added.

    Returns
    -------
    dict
        Texts, numbers, lists and dicts only; no NaN or infinity.
    """
    summary = model.summary
    fits = (("purchase", model.purchase), ("spend", model.spend))
    average = model.average_draws
    flags = [
        f"{name} model: {text}"
        for name, fit in fits
        for text in (() if fit.diagnostics.trusted else (fit.diagnostics.verdict,))
        + fit.diagnostics.flags
    ]
    return {
        "as_of": summary.as_of.isoformat(),
        "horizon": {
            "text": spec.horizon.text,
            "days": spec.horizon.days,
            "start": periods.starts[0].isoformat(),
            "end": periods.ends[-1].isoformat(),
            "periods": len(periods),
        },
        "data_source": summary.account.source,
        "fingerprint": summary.fingerprint,
        "package_version": installed_version(),
        "model_package_version": model.package_version,
        "time_unit": summary.time_unit,
        "customers": len(summary),
        "partners": len(summary.partner_ids),
        "first_day": _first_day(summary.history["day"].to_numpy()),
        "fit": {
            "method": model.settings.method,
            "draws": model.settings.draws,
            "seed": model.settings.seed,
        },
        **{name: _fit_facts(fit, average) for name, fit in fits},
        "economics": economics_record(spec.economics),
        "partner_terms": _told_terms(summary.partner_table),
        "draws": spec.draws,
        "levels": list(spec.levels),
        "seed": spec.seed,
        "new_customers": dict(new_customers),
        "allocation": _allocation_facts(summary.allocation),
        "account": _account_facts(summary.account),
        "warnings": [*summary.warnings, *flags, *warnings],
        "self_check": dict(self_check),
        "layers": _layer_facts(model, spec),
        "dependence": _dependence_facts(model),
        "calendar": _calendar_facts(model.calendar),
        "covariates": _covariate_facts(model),
    }


def _covariate_facts(model: FittedModel) -> dict[str, object]:
    """Tell what covariates go with."""
    from ltvforecast.fitting.covariate_words import effect_record

    return effect_record(model.effects)


def _told_terms(table: pd.DataFrame | None) -> list[str]:
    """Name the money terms that the partner table gives for some partner."""
    if table is None:
        return []
    return [
        term for name, term in TERM_COLUMNS.items() if name in table and table[name].notna().any()
    ]


def _calendar_facts(calendar: Calendar) -> dict[str, object]:
    """Tell the season and the events that the figures contain."""
    return {
        "kind": calendar.kind,
        "index": [float(value) for value in calendar.index],
        "events": [
            {"start_date": first.isoformat(), "end_date": last.isoformat(), "factor": factor}
            for first, last, factor in calendar.events
        ],
        "how": calendar.how,
    }


def _dependence_facts(model: FittedModel) -> dict[str, object] | None:
    """Tell whether frequent buyers spend more, and whether the figures take it into account."""
    found = model.dependence
    if found is None:
        return None
    return {
        "rho": found.rho,
        "sd": found.sd,
        "likelihood_ratio": found.likelihood_ratio,
        "used": found.used,
        "how": found.how,
    }


def _layer_facts(model: FittedModel, spec: ForecastSpec) -> dict[str, object] | None:
    """Tell what past forecasts taught, what of it is in the figures, and how right they were."""
    layers = model.layers
    if layers is None:
        return None
    return {
        "on": list(spec.layers),
        "how": layers.how,
        "origins": [day.isoformat() for day in layers.origins],
        "estimate": asdict(choose_estimate(layers, spec.horizon.days)),
        "track_record": [asdict(each) for each in layers.track_record],
        "risk_bands": [asdict(each) for each in layers.risk_bands],
    }


def _first_day(days: FloatArray) -> str:
    return str(np.datetime64(int(days.min()), "D"))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _fit_facts(fit: PurchaseFit | SpendFit, average: Mapping[str, FloatArray]) -> dict[str, object]:
    facts: dict[str, object] = {"model": fit.model}
    if isinstance(fit, SpendFit):
        facts["first_purchase"] = fit.first_purchase
    return {
        **facts,
        "parameters": {name: _spread(average[name]) for name in fit.draws},
        "point": {name: _finite(value) for name, value in fit.point.items()},
        "log_likelihood": _finite(fit.log_likelihood),
        "diagnostics": _diagnostics_facts(fit.diagnostics),
    }


def _spread(draws: FloatArray) -> dict[str, float]:
    q05, q50, q95 = np.quantile(draws, (0.05, 0.5, 0.95))
    return {
        "mean": float(np.mean(draws)),
        "sd": float(np.std(draws)),
        "q05": float(q05),
        "q50": float(q50),
        "q95": float(q95),
    }


def _diagnostics_facts(diagnostics: Diagnostics) -> dict[str, object]:
    return {
        "trusted": diagnostics.trusted,
        "verdict": diagnostics.verdict,
        "k_hat": _finite(diagnostics.k_hat),
        "effective_draws": _finite(diagnostics.effective_draws),
        "gradient_norm": _finite(diagnostics.gradient_norm),
        "flags": list(diagnostics.flags),
    }


def _allocation_facts(allocation: Allocation) -> dict[str, object]:
    return {
        "rule": allocation.rule,
        "half_life_days": _finite(allocation.half_life_days),
        "novelty": float(allocation.novelty),
        "concentration": _finite(allocation.concentration),
        "how": allocation.how,
    }


def _account_facts(account: Account) -> dict[str, object]:
    return {
        "source": account.source,
        "rows_read": account.rows_read,
        "money_read_micros": account.money_read_micros,
        "money_kept_micros": account.money_kept_micros,
        "columns": dict(account.columns),
        "currency": account.currency,
        "timezone": account.timezone,
        "notes": list(account.notes),
        "lines": [
            {
                "disposition": line.disposition,
                "reason": line.reason,
                "explanation": line.explanation,
                "rows": line.rows,
                "money_in_micros": line.money_in_micros,
                "money_out_micros": line.money_out_micros,
                "first_rows": list(line.first_rows),
                "examples": list(line.examples),
            }
            for line in account.lines
        ],
    }
