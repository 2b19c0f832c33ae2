"""A fitted model as plain JSON values, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from ltvforecast.check_types import FitCheck, FitChecks
from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.fit_types import (
    Calendar,
    Dependence,
    Diagnostics,
    FitSettings,
    FittedModel,
    PurchaseFit,
    SpendFit,
)
from ltvforecast.fitting.covariate_record import coding_records, codings_from
from ltvforecast.layer_types import LayerEstimate, Layers, RiskBand, TrackRecord
from ltvforecast.partner_types import PartnerPooling
from ltvforecast.transaction_types import Account, AccountLine, Allocation, CustomerSummary
from ltvforecast.types import FloatArray

__all__ = ["effect_tables", "fitted_model", "model_record", "parameter_summary"]


def model_record(model: FittedModel) -> dict[str, Any]:
    """Everything about a model that is not a table, as JSON values.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    dict
        Infinite half-lives, concentrations and Pareto k are given as None. ``parameters`` are
        those of the average customer where partners differ
        (:attr:`ltvforecast.fit_types.FittedModel.average_draws`).
    """
    summary, average = model.summary, model.average_draws
    fits: tuple[tuple[str, PurchaseFit | SpendFit], ...] = (
        ("purchase", model.purchase),
        ("spend", model.spend),
    )
    return {
        "package_version": model.package_version,
        "settings": asdict(model.settings),
        "data_fingerprint": summary.fingerprint,
        "as_of": summary.as_of.isoformat(),
        "time_unit": summary.time_unit,
        "customers": len(summary),
        "partners": len(summary.partner_ids),
        "parameters": {
            name: parameter_summary({each: average[each][:, None] for each in fit.draws})
            for name, fit in fits
        },
        "log_likelihood": {name: fit.log_likelihood for name, fit in fits},
        "diagnostics": {name: _diagnostics_record(fit.diagnostics) for name, fit in fits},
        "point": {name: dict(fit.point) for name, fit in fits},
        "models": {
            "purchase": model.purchase.model,
            "spend": model.spend.model,
            "first_purchase": model.spend.first_purchase,
        },
        "allocation": {
            **asdict(summary.allocation),
            "half_life_days": _finite(summary.allocation.half_life_days),
            "concentration": _finite(summary.allocation.concentration),
        },
        "account": _account_record(summary.account),
        "warnings": list(summary.warnings),
        "checks": _checks_record(model.checks),
        "layers": None if model.layers is None else _layers_record(model.layers),
        "dependence": None if model.dependence is None else _dependence_record(model.dependence),
        "calendar": _calendar_record(model.calendar),
        **_effects_record(model.effects),
        **_partner_levels_record(model.partner_levels),
    }


def parameter_summary(draws: Mapping[str, FloatArray]) -> dict[str, dict[str, float]]:
    """Mean, standard deviation and quantiles of every parameter.

    Parameters
    ----------
    draws : mapping of str to float64 array, shape (draw, group)

    Returns
    -------
    dict of dict
        ``mean, sd, q05, q50, q95`` by parameter.

    Examples
    --------
    >>> parameter_summary({"r": np.array([[1.0], [3.0]])})["r"]["mean"]
    2.0
    """
    return {
        name: {
            "mean": float(np.mean(values)),
            "sd": float(np.std(values)),
            "q05": float(np.quantile(values, 0.05)),
            "q50": float(np.quantile(values, 0.5)),
            "q95": float(np.quantile(values, 0.95)),
        }
        for name, values in draws.items()
    }


def fitted_model(
    record: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    draws: Mapping[str, FloatArray],
) -> FittedModel:
    """Put a model together again.

    Parameters
    ----------
    record : mapping
        What :func:`model_record` gave.
    tables : mapping of str to pandas.DataFrame
        ``summary``, ``shares``, ``partners`` and ``history``; ``streams`` if there are any; those
        of :func:`effect_tables`; ``partner_levels`` if partners differ.
    draws : mapping of str to float64 array, shape (draw, 1) or (draw, partner)
        Also ``rho``, ``season`` and the effects of covariates, and ``level_`` and a name: what
        partners share.

    Returns
    -------
    FittedModel

    Raises
    ------
    KeyError, TypeError, ValueError
        The parts do not fit together.
    """
    point, models = record["point"], record["models"]
    return FittedModel(
        purchase=PurchaseFit(
            model=models["purchase"],
            draws={name: draws[name] for name in point["purchase"]},
            point=point["purchase"],
            log_likelihood=record["log_likelihood"]["purchase"],
            diagnostics=_diagnostics(record["diagnostics"]["purchase"]),
        ),
        spend=SpendFit(
            model=models["spend"],
            first_purchase=models["first_purchase"],
            draws={name: draws[name] for name in point["spend"]},
            point=point["spend"],
            log_likelihood=record["log_likelihood"]["spend"],
            diagnostics=_diagnostics(record["diagnostics"]["spend"]),
        ),
        summary=_summary(record, tables),
        settings=FitSettings(
            **{
                **record["settings"],
                "covariates": tuple(record["settings"].get("covariates", ())),
            }
        ),
        package_version=record["package_version"],
        checks=_checks(record.get("checks", {"done": (), "left_out": ()})),
        layers=_layers(record.get("layers")),
        dependence=_dependence(record.get("dependence"), draws),
        calendar=_calendar(record.get("calendar"), draws),
        effects=_effects(record.get("effects"), tables, draws),
        partner_levels=_partner_levels(record.get("partner_levels"), tables, draws),
    )


def effect_tables(effects: CovariateEffects | None) -> dict[str, pd.DataFrame]:
    """Give what is known of covariates as tables, one column for each of them.

    Parameters
    ----------
    effects : CovariateEffects or None

    Returns
    -------
    dict of pandas.DataFrame
        ``patterns``, ``customer_patterns`` and ``partner_covariates``; none without effects.
    """
    if effects is None:
        return {}
    columns = [str(number) for number in range(len(effects.names))]
    return {
        "patterns": pd.DataFrame(effects.patterns, columns=columns),
        "customer_patterns": pd.DataFrame({"pattern": effects.customer_pattern}),
        "partner_covariates": pd.DataFrame(effects.partner_rows, columns=columns),
    }


def _effects_record(effects: CovariateEffects | None) -> dict[str, Any]:
    if effects is None:
        return {}
    return {
        "effects": {
            "names": list(effects.names),
            "level": list(effects.level),
            "codings": coding_records(effects.codings),
        }
    }


def _effects(
    record: Mapping[str, Any] | None,
    tables: Mapping[str, pd.DataFrame],
    draws: Mapping[str, FloatArray],
) -> CovariateEffects | None:
    if record is None:
        return None
    return CovariateEffects(
        names=tuple(record["names"]),
        level=tuple(record["level"]),
        draws={
            name: draws[f"effect_{name}"][:, 0]
            for name in ("log_rate", "dropout_logit", "log_spend")
        },
        patterns=tables["patterns"].to_numpy(dtype=np.float64),
        customer_pattern=tables["customer_patterns"]["pattern"].to_numpy(dtype=np.int64),
        partner_rows=tables["partner_covariates"].to_numpy(dtype=np.float64),
        codings=codings_from(record["codings"]),
    )


def _partner_levels_record(pooling: PartnerPooling | None) -> dict[str, Any]:
    if pooling is None:
        return {}
    return {
        "partner_levels": {
            "shared": list(pooling.shared),
            "segment_names": list(pooling.segment_names),
            "how": pooling.how,
        }
    }


def _partner_levels(
    record: Mapping[str, Any] | None,
    tables: Mapping[str, pd.DataFrame],
    draws: Mapping[str, FloatArray],
) -> PartnerPooling | None:
    if record is None:
        return None
    return PartnerPooling(
        table=tables["partner_levels"],
        shared={name: draws[f"level_{name}"] for name in record["shared"]},
        segment_names=tuple(record["segment_names"]),
        how=record["how"],
    )


def _summary(record: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> CustomerSummary:
    customers, shares, partners = tables["summary"], tables["shares"], tables["partners"]
    counts = np.bincount(shares["customer"].to_numpy(), minlength=len(customers))
    if len(counts) != len(customers) or len(customers) != record["customers"]:
        message = f"{len(customers)} customers, {len(counts)} with shares"
        raise ValueError(message)
    allocation = record["allocation"]
    return CustomerSummary(
        customers=customers,
        partner_ids=tuple(partners["partner_id"].tolist()),
        share_start=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        share_partner=shares["partner"].to_numpy(dtype=np.int64),
        share_weight=shares["weight"].to_numpy(dtype=np.float64),
        programme_share=partners["programme_share"].to_numpy(dtype=np.float64),
        history=tables["history"],
        partner_customers=partners["customers"].to_numpy(dtype=np.int64),
        as_of=dt.date.fromisoformat(record["as_of"]),
        time_unit=record["time_unit"],
        allocation=Allocation(
            **{
                **allocation,
                "half_life_days": _or_infinite(allocation["half_life_days"]),
                "concentration": _or_infinite(allocation["concentration"]),
            }
        ),
        account=_account(record["account"]),
        warnings=tuple(record["warnings"]),
        fingerprint=record["data_fingerprint"],
        stream_history=tables.get("streams"),
        partner_table=tables.get("partner_table"),
        covariates=tables.get("customer_covariates"),
    )


def _diagnostics_record(diagnostics: Diagnostics) -> dict[str, Any]:
    return {
        **asdict(diagnostics),
        "k_hat": None if diagnostics.k_hat is None else _finite(diagnostics.k_hat),
        "flags": list(diagnostics.flags),
    }


def _diagnostics(record: Mapping[str, Any]) -> Diagnostics:
    return Diagnostics(**{**record, "flags": tuple(record["flags"])})


def _dependence_record(dependence: Dependence) -> dict[str, Any]:
    """Give all but the draws, which stand beside those of the parameters."""
    return {name: value for name, value in asdict(dependence).items() if name != "draws"}


def _dependence(
    record: Mapping[str, Any] | None, draws: Mapping[str, FloatArray]
) -> Dependence | None:
    return None if record is None else Dependence(**record, draws=draws["rho"][:, 0])


def _calendar_record(calendar: Calendar) -> dict[str, Any]:
    return {
        "kind": calendar.kind,
        "index": calendar.index.tolist(),
        "events": [
            {"start_date": first.isoformat(), "end_date": last.isoformat(), "factor": factor}
            for first, last, factor in calendar.events
        ],
        "how": calendar.how,
    }


def _calendar(record: Mapping[str, Any] | None, draws: Mapping[str, FloatArray]) -> Calendar:
    """Put the calendar together; models saved before there was one have it off."""
    if record is None:
        return Calendar(how="off: saved by an earlier version")
    return Calendar(
        kind=record["kind"],
        index=np.array(record["index"], dtype=np.float64),
        draws=draws["season"][:, 0] if "season" in draws else np.empty((0, 0)),
        events=tuple(
            (
                dt.date.fromisoformat(event["start_date"]),
                dt.date.fromisoformat(event["end_date"]),
                float(event["factor"]),
            )
            for event in record["events"]
        ),
        how=record["how"],
    )


def _layers_record(layers: Layers) -> dict[str, Any]:
    return {**asdict(layers), "origins": [day.isoformat() for day in layers.origins]}


def _layers(record: Mapping[str, Any] | None) -> Layers | None:
    if record is None:
        return None
    return Layers(
        estimates=tuple(LayerEstimate(**each) for each in record["estimates"]),
        track_record=tuple(TrackRecord(**each) for each in record["track_record"]),
        origins=tuple(dt.date.fromisoformat(day) for day in record["origins"]),
        how=record["how"],
        risk_bands=tuple(RiskBand(**each) for each in record.get("risk_bands", ())),
    )


def _checks_record(checks: FitChecks) -> dict[str, Any]:
    return {
        "done": [
            {
                "name": check.name,
                "verdict": check.verdict,
                "size": check.size,
                "p_value": check.p_value,
                "sentence": check.sentence,
                "remedy": check.remedy,
                "table": {str(name): check.table[name].tolist() for name in check.table},
            }
            for check in checks.done
        ],
        "left_out": list(checks.left_out),
    }


def _checks(record: Mapping[str, Any]) -> FitChecks:
    return FitChecks(
        done=tuple(
            FitCheck(**{**check, "table": pd.DataFrame(check["table"])}) for check in record["done"]
        ),
        left_out=tuple(record["left_out"]),
    )


def _account_record(account: Account) -> dict[str, Any]:
    return {
        **asdict(account),
        "columns": dict(account.columns),
        "rows": {name: account.rows_with(name) for name in ("kept", "adjusted", "rejected")},
    }


def _account(record: Mapping[str, Any]) -> Account:
    lines = tuple(
        AccountLine(
            **{
                **line,
                "first_rows": tuple(line["first_rows"]),
                "examples": tuple(line["examples"]),
            }
        )
        for line in record["lines"]
    )
    kept = {name: value for name, value in record.items() if name != "rows"}
    return Account(**{**kept, "lines": lines, "notes": tuple(record["notes"])})


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _or_infinite(value: float | None) -> float:
    return np.inf if value is None else float(value)
