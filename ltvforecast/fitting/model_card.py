"""The model card: what was fitted, to what, how, and what it must not be used for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

import numpy as np

from ltvforecast.check_types import FitChecks
from ltvforecast.fit_types import Dependence, FittedModel, PurchaseFit, SpendFit
from ltvforecast.fitting.covariate_words import CAUTION, effect_table
from ltvforecast.fitting.model_record import parameter_summary
from ltvforecast.fitting.priors import EFFECT_SD, PURCHASE_PRIOR, SPEND_PRIOR
from ltvforecast.layer_types import Layers

__all__ = ["model_card"]

_MEANINGS = {
    "r": "how alike customers are in how often they buy (large: alike)",
    "alpha": "with `r`: customers buy `r / alpha` times a {unit} on average while active",
    "a": "with `b`: after a repeat purchase a customer stops with probability `a / (a + b)`",
    "b": "see `a`",
    "p": "how alike one customer's amounts are (large: alike)",
    "q": "how alike customers are in what they spend (large: alike)",
    "v": "with `p` and `q`: a purchase is worth `p v / (q - 1)` on average",
    "zero_share": "probability that a purchase is worth nothing",
}

_METHODS = {
    "laplace": "Posterior under weak priors: a Laplace approximation corrected by Pareto-smoothed "
    "importance sampling (Vehtari et al. 2024). Every draw is one set of parameters for all "
    "customers.",
    "nuts": "Posterior under weak priors, by Markov chains (the No-U-Turn sampler, Hoffman & "
    "Gelman 2014) in PyMC. Every draw is one set of parameters for all customers.",
    "advi": "A quick look at the posterior by automatic differentiation variational inference "
    "(Kucukelbir et al. 2017) in PyMC: widths can be wrong. Not for decisions.",
    "lifetimes": "Maximum likelihood by the lifetimes package: one set of parameters, spend by its "
    "mean only. Intervals made from it leave out how uncertain the parameters are, and are too "
    "narrow.",
    "mle": "Maximum likelihood: one set of parameters. Intervals made from it leave out how "
    "uncertain the parameters are, and are too narrow.",
}

_LIMITS = """\
- It forecasts customers already known on the as-of date, not those yet to come.
- It takes customers' habits as lasting: no trend, and no season or campaign but those of the
  seasonal clock above.
- It says that a customer who bought once is still active, because in this model customers can only
  stop after a repeat purchase. Read the probability to buy in a horizon instead.
- It takes purchases as irregular. Customers on a fixed cycle are forecast less sharply than they
  could be.
"""


def model_card(model: FittedModel) -> str:
    """Describe a fitted model for a reader, in Markdown.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    str
        Names and texts from the data are escaped.
    """
    summary = model.summary
    parts = [
        "# Model card",
        _about(model),
        "## Data",
        _data(model),
        "## Method",
        _METHODS[model.settings.method],
        _prior_text(model),
        "## Parameters",
        f"Times are in {summary.time_unit}s, money in the unit of the amounts.",
        _parameter_table(model),
        "## Diagnostics",
        _diagnostics("Purchase process", model.purchase),
        _diagnostics("Spend", model.spend),
        _dependence(model.dependence),
        f"Seasonal clock: {_prose(model.calendar.how)}.",
        *_covariates(model),
        "## What past forecasts taught",
        _layers(model.layers),
        "## Limits",
        _limits(model.dependence),
    ]
    if summary.warnings:
        warnings = "\n".join(f"- {_prose(warning)}" for warning in summary.warnings)
        parts += ["Found in these data:", warnings]
    if model.checks.done:
        parts += ["## Fit checks", _check_table(model.checks)]
    return "\n\n".join(parts) + "\n"


def _about(model: FittedModel) -> str:
    first = "with" if model.spend.first_purchase else "without"
    return (
        f"How often each customer buys and stops buying: {model.purchase.model} (Fader, Hardie & "
        f"Lee 2005). What a purchase is worth: {model.spend.model} (Fader & Hardie 2013), {first} "
        "first purchases. Fitted by ltvforecast "
        f"{model.package_version}, seed {model.settings.seed}."
    )


def _data(model: FittedModel) -> str:
    summary = model.summary
    account = summary.account
    again = int((summary.customers["frequency"] > 0).sum())
    revenue = float(summary.customers["revenue_to_date"].sum())
    counts = ", ".join(
        [f"{account.rows_read:,} read"]
        + [f"{account.rows_with(name):,} {name}" for name in ("kept", "adjusted", "rejected")]
    )
    rows = (
        ("Source", _name(account.source)),
        ("As of", f"{summary.as_of.isoformat()} (end of day)"),
        ("Customers", f"{len(summary):,}, of whom {again:,} bought on a second day"),
        ("Partners", f"{len(summary.partner_ids):,}"),
        ("Revenue to date", f"{revenue:,.2f} {_name(account.currency or '')}".strip()),
        ("Rows", counts),
        ("Attribution", _prose(summary.allocation.how or summary.allocation.rule)),
        ("Fingerprint", _name(summary.fingerprint)),
    )
    lines = ["| | |", "|---|---|", *(f"| {label} | {text} |" for label, text in rows)]
    return "\n".join(lines)


def _prior_text(model: FittedModel) -> str:
    if model.settings.method in ("mle", "lifetimes"):
        return "There is no prior."
    if model.settings.priors:
        return f"Priors that the user changed: {_prose(model.settings.priors)}."
    lines = [
        "Priors are normal, in mean ages of the customers and in the median customer's amount:",
        "",
        "| coordinate | says | mean | sd |",
        "|---|---|---|---|",
    ]
    coordinates = (
        ("log r", "log(r/alpha)", "logit a/(a+b)", "log(a+b)"),
        ("log p", "log mean spend", "log(q-1)"),
    )
    for prior, names in zip((PURCHASE_PRIOR, SPEND_PRIOR), coordinates, strict=True):
        rows = zip(names, prior.names, prior.mean, prior.sd, strict=True)
        lines += [f"| {name} | {says} | {mean:.3g} | {sd:.3g} |" for name, says, mean, sd in rows]
    return "\n".join(lines)


def _parameter_table(model: FittedModel) -> str:
    lines = ["| | mean | sd | 5 % | 50 % | 95 % | says |", "|---|---|---|---|---|---|---|"]
    average = {name: values[:, None] for name, values in model.average_draws.items()}
    for name, row in parameter_summary(average).items():
        says = _MEANINGS[name].format(unit=model.summary.time_unit)
        numbers = " | ".join(f"{row[key]:.4g}" for key in ("mean", "sd", "q05", "q50", "q95"))
        lines.append(f"| {name} | {numbers} | {says} |")
    both = {**model.purchase.draws, **model.spend.draws}
    own = [name for name, values in both.items() if (values != values[:, :1]).any()]
    if own:
        lines += ["", f"Of the average customer: partners have their own {', '.join(own)}."]
    return "\n".join(lines)


def _layers(layers: Layers | None) -> str:
    if layers is None:
        return (
            "Nothing: no forecast was tried at past dates. Ranges are the model's own claim, and "
            "leave out that programmes drift."
        )
    text = [f"How: {_prose(layers.how)}."]
    if layers.estimates:
        text.append(
            "On top of the model's draws come three layers, each of which can be switched off in "
            "`predict`. *Correction*: the programme's forecast is multiplied by the exponential of "
            "the mean log error of past forecasts, shrunk as if four more had been exact. "
            "*Combination*: a partner's share is a weighted mean of the model's and of its recent "
            "revenue; weight and smoothing are those with the lowest CRPS of past partner totals, "
            "used only if lower than without by more than a standard error. *Width*: a factor that "
            "all partners of a draw share (log t; its variance a scaled inverse chi-squared, with "
            "a drift of 14 % a year as prior worth two past forecasts), a factor on the spread of "
            "partner totals, and a swing of each partner, again by the CRPS of past totals."
        )
        text.append(_layer_table(layers))
    if layers.track_record:
        text.append(
            "How right the forecasts were, partners of 20 customers or more, layers learnt only "
            "from what had ended before each date:"
        )
        text.append(_record_table(layers))
    return "\n\n".join(text)


def _layer_table(layers: Layers) -> str:
    header = "horizon|past forecasts|correction|programme spread (df)|partner width|swing|"
    header += "weight of recent revenue|smoothing"
    rows = [
        (
            f"{each.horizon_days:g} days",
            f"{each.windows}",
            f"{each.correction:+.1%}",
            f"{each.programme_spread:.3f} ({each.freedom:.1f})",
            f"{each.partner_width:.2f}",
            f"{each.partner_swing:.2f}",
            f"{each.weight:g}",
            "same window last year"
            if each.recent == "last_year"
            else f"half-life {each.half_life_days:g} days",
        )
        for each in layers.estimates
    ]
    return _table(header.split("|"), rows)


def _record_table(layers: Layers) -> str:
    header = "horizon|past forecasts|partner totals|inside 50 %|80 %|90 %|WAPE|"
    header += "WAPE of the last window carried forward|programme bias"
    rows = [
        (
            f"{each.horizon_days:g} days",
            f"{each.windows}",
            f"{each.partners}",
            f"{each.coverage_50:.1%}",
            f"{each.coverage_80:.1%}",
            f"{each.coverage_90:.1%}",
            f"{each.wape:.3f}",
            f"{each.wape_last_window:.3f}",
            f"{each.bias:+.1%}",
        )
        for each in layers.track_record
    ]
    return _table(header.split("|"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _dependence(dependence: Dependence | None) -> str:
    if dependence is None:
        return "How often customers buy and what they spend: no relation was looked for."
    return (
        f"How often customers buy and what they spend: {_prose(dependence.how)} Gaussian copula "
        "of purchase rate and spend level, by the likelihood of first purchases (likelihood "
        f"ratio {dependence.likelihood_ratio:.1f})."
    )


def _effect_prior(model: FittedModel) -> str:
    if model.settings.method == "mle":
        return "Effects of covariates are those of the greatest likelihood, without a prior."
    told = "covariate_effect" in model.settings.priors
    sd = "the sd told above" if told else f"sd {EFFECT_SD:g}"
    return (
        f"Effects of covariates have a normal prior with mean 0 and {sd} on the log of the "
        "factor, for one unit of the coded column. They are drawn together with all other "
        "parameters."
    )


def _covariates(model: FittedModel) -> list[str]:
    effects = model.effects
    if effects is None:
        return []
    rows = [
        (_prose(words), f"{factor:.3f}", f"{low:.3f} to {high:.3f}")
        for words, factor, low, high in effect_table(effects)[
            ["what", "factor", "factor_lo_90", "factor_hi_90"]
        ].itertuples(index=False)
    ]
    return [
        "## What goes with buying more",
        (
            f"{_effect_prior(model)} Parameters above are those of customers whose columns are "
            "all 0."
        ),
        _table(("what", "factor", "90 %"), rows),
        _prose(CAUTION),
    ]


def _limits(dependence: Dependence | None) -> str:
    if dependence is not None and dependence.used:
        unrelated = "- It takes how easily customers stop as unrelated to what they spend."
    else:
        unrelated = "- It takes how often customers buy and what they spend as unrelated."
    return _LIMITS + unrelated


def _check_table(checks: FitChecks) -> str:
    lines = ["| check | verdict | found | what to do |", "|---|---|---|---|"]
    for check in checks.done:
        texts = (check.name.replace("_", " "), check.verdict, check.sentence, check.remedy)
        lines.append("| " + " | ".join(_prose(text) for text in texts) + " |")
    left_out = [f"Not checked: {_prose(text)}." for text in checks.left_out]
    return "\n\n".join(["\n".join(lines), *left_out])


def _diagnostics(title: str, fit: PurchaseFit | SpendFit) -> str:
    found = fit.diagnostics
    numbers = [f"log-likelihood {fit.log_likelihood:.4f}"]
    if found.k_hat is not None and found.effective_draws is not None:
        numbers.append(f"Pareto k {found.k_hat:.2f}")
        numbers.append(f"{found.effective_draws:,.0f} effective proposals")
    if found.gradient_norm is not None and np.isfinite(found.gradient_norm):
        numbers.append(f"largest gradient component at the maximum {found.gradient_norm:.1e}")
    trusted = "can be used" if found.trusted else "is not to be trusted"
    return f"{title}: {trusted}. {_prose(found.verdict)} ({'; '.join(numbers)})"


def _name(text: str) -> str:
    """Show a name from the data as code, in which nothing is markup."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    plain = plain.replace("`", "'").replace("|", "¦")
    return f"`{plain}`" if plain else ""


def _prose(text: str) -> str:
    """Escape a sentence that may quote names from the data."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*_\[\]|~#!])", r"\\\1", escape(plain, quote=False))
