"""The model card: what was fitted, to what, how, and what it must not be used for."""

from __future__ import annotations

import re
from html import escape

import numpy as np

from ltvforecast.fitting.model_record import parameter_summary
from ltvforecast.fitting.priors import PURCHASE_PRIOR, SPEND_PRIOR
from ltvforecast.types import FittedModel, PurchaseFit, SpendFit

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
    "mle": "Maximum likelihood: one set of parameters. Intervals made from it leave out how "
    "uncertain the parameters are, and are too narrow.",
}

_LIMITS = """\
- It forecasts customers already known on the as-of date, not those yet to come.
- It takes customers' habits as lasting: no season, no trend, no campaign.
- It says that a customer who bought once is still active, because in this model customers can only
  stop after a repeat purchase. Read the probability to buy in a horizon instead.
- It takes how often customers buy and what they spend as unrelated.
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
        "## Limits",
        _LIMITS.rstrip(),
    ]
    if summary.warnings:
        warnings = "\n".join(f"- {_prose(warning)}" for warning in summary.warnings)
        parts += ["Found in these data:", warnings]
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
    if model.settings.method != "laplace":
        return "There is no prior."
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
    for fit in (model.purchase, model.spend):
        for name, row in parameter_summary(fit.draws).items():
            says = _MEANINGS[name].format(unit=model.summary.time_unit)
            numbers = " | ".join(f"{row[key]:.4g}" for key in ("mean", "sd", "q05", "q50", "q95"))
            lines.append(f"| {name} | {numbers} | {says} |")
    return "\n".join(lines)


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
