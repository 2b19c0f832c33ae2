"""Records as the few lines a reader needs, and as JSON."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np

from ltvforecast.check_types import FitChecks
from ltvforecast.evaluate.records import Evaluation
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.covariate_words import effect_record, effect_words
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.layer_types import Layers
from ltvforecast.transaction_types import CustomerSummary

__all__ = [
    "check_lines",
    "evaluation_lines",
    "evaluation_record",
    "forecast_lines",
    "model_lines",
    "model_record",
    "summary_lines",
    "summary_record",
]

TOP = 10


def summary_lines(summary: CustomerSummary) -> list[str]:
    """Say what the summary holds, and what is unusual about it."""
    told = summary_record(summary)
    headline = (
        f"as of {told['as_of']}, from {told['first_day']} on: {told['customers']:,} customers of "
        f"{told['partners']:,} partners, {told['repeat_customers']:,} of them bought again, "
        f"revenue {told['revenue_to_date']:,.2f}"
    )
    days = (
        f"{told['purchase_days']:,} purchase days (purchases of one customer and day are one), "
        f"{told['free_purchase_days']:,} of them worth nothing"
    )
    return [
        headline,
        days,
        f"attribution: {told['attribution']}",
        *(f"note: {warning}" for warning in summary.warnings),
    ]


def summary_record(summary: CustomerSummary) -> dict[str, object]:
    """Give the same as JSON."""
    customers = summary.customers
    purchase_days = int(customers["frequency"].sum()) + len(summary)
    first_day = dt.date(1970, 1, 1) + dt.timedelta(days=int(summary.history["day"].min()))
    return {
        "as_of": summary.as_of.isoformat(),
        "first_day": first_day.isoformat(),
        "customers": len(summary),
        "partners": len(summary.partner_ids),
        "repeat_customers": int((customers["frequency"] > 0).sum()),
        "purchase_days": purchase_days,
        "free_purchase_days": purchase_days - int(customers["spend_n"].sum()),
        "revenue_to_date": round(float(customers["revenue_to_date"].sum()), 6),
        "attribution": summary.allocation.how or summary.allocation.rule,
    }


def model_lines(model: FittedModel) -> list[str]:
    """Say what was fitted and whether it is to be trusted."""
    lines = [f"seed {model.settings.seed}, method {model.settings.method}"]
    average = model.average_draws
    for part in (model.purchase, model.spend):
        values = ", ".join(
            f"{name} {float(np.mean(average[name])):.4g} (sd {float(np.std(average[name])):.2g})"
            for name in part.draws
        )
        lines.append(f"{part.model}: {values}")
        lines.append(f"  {part.diagnostics.verdict}")
        lines.extend(f"  note: {flag}" for flag in part.diagnostics.flags)
    if model.dependence is not None:
        lines.append(f"frequency and spend: {model.dependence.how}")
    lines.append(f"seasonal clock: {model.calendar.how}")
    if model.effects is not None:
        lines.append("covariates:")
        lines.extend(f"  {sentence}" for sentence in effect_words(model.effects))
    return [
        *lines,
        *_layer_lines(model.layers),
        *check_lines(model.checks, warned=model.summary.warnings),
    ]


def _layer_lines(layers: Layers | None) -> list[str]:
    """Say how right past forecasts would have been, and what was learnt from them."""
    if layers is None:
        return ["past dates: not tried; the ranges are the model's own claim"]
    lines = [f"past dates: {layers.how}"]
    lines += [
        f"  {each.horizon_days:g} days ahead: inside 90 % {each.coverage_90:.1%} of "
        f"{each.partners:,} partner totals, wape {each.wape:.3f} "
        f"(last window carried forward {each.wape_last_window:.3f})"
        for each in layers.track_record
    ]
    lines += [
        f"  learnt for {each.horizon_days:g} days: correction {each.correction:+.1%}, programme "
        f"spread {each.programme_spread:.1%}, partner width {each.partner_width:.2f}, weight of "
        f"recent revenue {each.weight:.2f}"
        for each in layers.estimates
    ]
    return lines


def check_lines(checks: FitChecks, *, warned: Sequence[str] = (), every: bool = False) -> list[str]:
    """Tell the checks that matter (or every one), each with its remedy, and count the fine ones.

    An unusual rhythm of purchases that the warnings of the data told already is left to them.
    """
    told = any(text.startswith(("regular purchase cycle", "clumpy purchases")) for text in warned)
    lines = []
    for check in checks.done if every else checks.noteworthy:
        if check.name != "regularity" or not told:
            lines.append(f"check {check.verdict}: {check.sentence}")
            lines.extend([f"  what to do: {check.remedy}"] if check.remedy else [])
    fine = len(checks.done) - len(checks.noteworthy)
    if checks.done and not every:
        lines.append(f"{fine} check{'' if fine == 1 else 's'} fine")
    lines.extend(f"not checked: {reason}" for reason in checks.left_out)
    return lines


def model_record(model: FittedModel) -> dict[str, object]:
    """Give the same as JSON."""
    average = model.average_draws
    return {
        "as_of": model.summary.as_of.isoformat(),
        "time_unit": model.summary.time_unit,
        "seed": model.settings.seed,
        "method": model.settings.method,
        "parameters": {
            name: {
                parameter: {
                    "mean": float(np.mean(average[parameter])),
                    "sd": float(np.std(average[parameter])),
                }
                for parameter in part.draws
            }
            for name, part in (("purchase", model.purchase), ("spend", model.spend))
        },
        "log_likelihood": {
            "purchase": model.purchase.log_likelihood,
            "spend": model.spend.log_likelihood,
        },
        "verdict": {
            "purchase": model.purchase.diagnostics.verdict,
            "spend": model.spend.diagnostics.verdict,
        },
        "dependence": None
        if model.dependence is None
        else {
            "rho": model.dependence.rho,
            "sd": model.dependence.sd,
            "likelihood_ratio": model.dependence.likelihood_ratio,
            "used": model.dependence.used,
        },
        "calendar": {
            "kind": model.calendar.kind,
            "index": model.calendar.index.tolist(),
            "how": model.calendar.how,
        },
        "covariates": effect_record(model.effects),
        "checks": {check.name: check.verdict for check in model.checks.done},
    }


def forecast_lines(forecast: PartnerForecast) -> list[str]:
    """Say what the programme is worth, and show the top of the partner table."""
    level = max(forecast.spec.levels)
    whole = forecast.programme
    terms = forecast.spec.economics
    new = forecast.provenance["new_customers"]
    included = isinstance(new, Mapping) and bool(new["included"])
    revenue = (
        f"customers known on {forecast.provenance['as_of']}"
        f"{' and new ones' if included else ''}, next {forecast.spec.horizon.text}: "
        f"revenue {_between(whole, 'future_revenue', level)}"
    )
    value = (
        f"ltv {_money(whole['ltv'])}: discounted at {terms.discount_rate:.1%} a year, "
        f"margin {terms.margin:.0%}, {_commission(forecast)}; "
        f"{forecast.spec.draws:,} simulated futures, seed {forecast.spec.seed}"
    )
    header = (
        f"{'partner':<20}{'customers':>10}{'to date':>14}{'ltv':>14}"
        f"{f'{level} % interval':>28}{'p_churn':>9}"
    )
    lines = [revenue, _new_line(forecast, level), value, *_money_lines(forecast, level), "", header]
    for _, row in forecast.partners.head(TOP).iterrows():
        between = f"{_money(row[f'ltv_lo_{level}'])} to {_money(row[f'ltv_hi_{level}'])}"
        lines.append(
            f"{_printable(str(row['partner_id'])):<20.20}{int(row['customers']):>10,}"
            f"{_money(row['revenue_to_date']):>14}{_money(row['ltv']):>14}"
            f"{between:>28}{float(row['p_churn']):>9.2f}"
        )
    if len(forecast.partners) > TOP:
        lines.append(f"... and {len(forecast.partners) - TOP:,} more")
    waiting = forecast.recruits
    if waiting is not None:
        lines.append(
            f"without any transaction: {len(waiting):,}, forecast apart in new_partners.csv and in "
            "no figure above"
        )
    return lines


def _between(whole: Mapping[str, object], name: str, level: int) -> str:
    low, high = (_money(whole[f"{name}_{end}_{level}"]) for end in ("lo", "hi"))
    return f"{_money(whole[name])} ({level} % between {low} and {high})"


def _new_line(forecast: PartnerForecast, level: int) -> str:
    """Say how many new customers are expected, or why they are not included."""
    new, whole = forecast.provenance["new_customers"], forecast.programme
    if isinstance(new, Mapping) and not new["included"]:
        return f"new customers are not included: {new['why']}"
    customers, low, high = (
        float(str(whole[f"new_customers{end}"])) for end in ("", f"_lo_{level}", f"_hi_{level}")
    )
    return (
        f"of it from {customers:,.0f} new customers ({low:,.0f} to {high:,.0f}): "
        f"{_between(whole, 'new_revenue', level)}"
    )


def _commission(forecast: PartnerForecast) -> str:
    """Name the programme's flat commission, or say that it is none."""
    terms = forecast.spec.economics
    own = forecast.provenance.get("partner_terms")
    by_partner = isinstance(own, Sequence) and "commission" in own
    uneven = terms.tiers or terms.by_segment or terms.by_partner or by_partner
    return "commission by its terms" if uneven else f"commission {terms.commission:.0%}"


def _money_lines(forecast: PartnerForecast, level: int) -> list[str]:
    """Say what commission will be owed, and worth against acquisition costs, where known."""
    whole, lines = forecast.programme, []
    if float(str(whole["commission"])) > 0:
        lines.append(f"commission to accrue {_between(whole, 'commission', level)}")
    if whole["ltv_to_cac"] is not None:
        ratio, low, high, chance = (
            float(str(whole[name]))
            for name in (
                "ltv_to_cac",
                f"ltv_to_cac_lo_{level}",
                f"ltv_to_cac_hi_{level}",
                "p_ltv_exceeds_cac",
            )
        )
        lines.append(
            f"{float(str(whole['partners_with_cac'])):,.0f} partners with an acquisition cost, "
            f"{_money(whole['cac'])} together: LTV:CAC {ratio:.2f} ({low:.2f} to {high:.2f}), "
            f"above 1 with probability {chance:.2f}"
        )
    return lines


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """Show how each method did for partners of some size and for the programme."""
    lines = []
    for level, label in (("partner", "partners of some size"), ("programme", "whole programme")):
        shown = evaluation.pooled[evaluation.pooled["level"] == level].sort_values("crps")
        lines.append(
            f"{label:<26}{'wape':>9}{'bias':>9}{'crps':>14}{'inside 50 %':>13}{'inside 90 %':>13}"
        )
        lines.extend(
            f"{row['method']:<26}{_share(row['wape'])}{_share(row['bias'])}"
            f"{_money(row['crps']):>14}{_share(row['coverage_50'], 13)}"
            f"{_share(row['coverage_90'], 13)}"
            for _, row in shown.iterrows()
        )
        lines.append("")
    return [*lines, *(f"note: {note}" for note in evaluation.notes)]


def evaluation_record(evaluation: Evaluation) -> dict[str, object]:
    """Give the same as JSON; what is not defined is null."""
    rows = evaluation.pooled.astype(object).where(evaluation.pooled.notna(), None)
    return {"scores": rows.to_dict(orient="records")}


def _share(value: object, width: int = 9) -> str:
    number = float(str(value))
    return f"{number:{width}.3f}" if np.isfinite(number) else f"{'':>{width}}"


def _money(value: object) -> str:
    amount = float(str(value))
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:,.2f}"


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)
