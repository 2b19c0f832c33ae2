"""The command for recruiting: what one more partner, or a lead, would be worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ltvforecast.cli import options as opt
from ltvforecast.cli.terminal import Terminal, records
from ltvforecast.config import parse_levels
from ltvforecast.errors import ConfigError
from ltvforecast.types import DEFAULT_SEED

if TYPE_CHECKING:
    from ltvforecast.forecast.lead_value import LeadValue

__all__ = ["recruit"]


def recruit(
    folder: opt.ModelFolder,
    *,
    horizon: Annotated[
        str, typer.Option(help="How far ahead, from the first customer on: 90d, 26w, 12mo.")
    ],
    segment: Annotated[
        str | None,
        typer.Option(help="Look at a new partner of this one [default: rank all segments]."),
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What is known of the new partner, repeatable: all of the model's covariates of "
            "partners, or none.",
        ),
    ] = None,
    economics: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Money terms, as for predict.")
    ] = None,
    p_start: Annotated[
        float,
        typer.Option(help="Chance that a partner, once signed, ever brings a customer."),
    ] = 1.0,
    lead_conversion: Annotated[
        str | None,
        typer.Option(
            metavar="RATE",
            help="Say what a lead is worth, too: 0.05, or 12/240 for 12 customers out of 240 "
            "leads.",
        ),
    ] = None,
    leads: Annotated[int, typer.Option(help="How many leads are bought.", min=1)] = 100,
    draws: opt.Futures = 1000,
    levels: opt.Levels = "50,80,90",
    seed: opt.Seed = DEFAULT_SEED,
    terminal: Terminal,
) -> None:
    """Say what a partner not yet signed would be worth, and which segment to recruit from.

    Example: ltvforecast recruit models/orders --horizon 12mo --segment blog --lead-conversion 0.05
    """
    from ltvforecast.cli.recruit_lines import lead_lines, partner_lines, ranking_lines
    from ltvforecast.fitting.store import load_model
    from ltvforecast.forecast.economics_file import economics_from_options
    from ltvforecast.forecast.lead_value import lead_value
    from ltvforecast.forecast.recruiting import predict_new_partner, rank_segments

    model, terms = load_model(folder), economics_from_options(economics)
    told, asked = parse_levels(levels), _covariates(covariate or [])
    rate = None if lead_conversion is None else _rate(lead_conversion)
    lines: list[str] = []
    content: dict[str, object] = {"segments": None, "partner": None, "lead": None}
    if segment is None and not asked and p_start == 1.0:
        ranking = rank_segments(
            model, horizon=horizon, economics=terms, draws=draws, levels=told, seed=seed
        )
        lines += ranking_lines(ranking, max(told))
        content["segments"] = records(ranking)
    else:
        found = predict_new_partner(
            model, horizon=horizon, segment=segment, covariates=asked, economics=terms,
            draws=draws, levels=told, seed=seed, p_start=p_start,
        )  # fmt: skip
        lines += partner_lines(found, max(told))
        content["partner"] = {**records(found.table)[0], "notes": list(found.notes)}
    if rate is not None:
        lead = lead_value(
            model, conversion_rate=rate, horizon=horizon, economics=terms, segment=segment,
            leads=leads, draws=draws, levels=told, seed=seed,
        )  # fmt: skip
        lines += ["", *lead_lines(lead, max(told))]
        content["lead"] = _lead_record(lead)
    terminal.show("\n".join(lines))
    terminal.finish("recruit", content)


def _covariates(texts: list[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or name.strip() in found:
            raise ConfigError(
                f"--covariate {text}",
                expected="NAME=VALUE, once for each name",
                remedy="write for example --covariate tier=gold; nothing after = for unknown",
            )
        found[name.strip()] = value.strip()
    return found


def _rate(text: str) -> float | tuple[int, int]:
    won, sign, tried = text.partition("/")
    try:
        return (int(won), int(tried)) if sign else float(text)
    except ValueError:
        raise ConfigError(
            f"--lead-conversion {text}",
            expected="a number such as 0.05, or customers out of leads such as 12/240",
            remedy="correct it",
        ) from None


def _lead_record(lead: LeadValue) -> dict[str, object]:
    return {
        "value": lead.value,
        "value_interval": {str(level): ends for level, ends in lead.value_interval.items()},
        "most_to_pay": lead.most_to_pay,
        "leads": lead.leads,
        "customer_value": lead.customer_value,
        "customer_interval": {str(level): ends for level, ends in lead.customer_interval.items()},
        "conversion_rate": lead.conversion_rate,
        "notes": list(lead.notes),
    }
