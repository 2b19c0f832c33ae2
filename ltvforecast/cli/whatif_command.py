"""The command that says what a change would be worth: read, one call, show."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from ltvforecast.cli import options as opt
from ltvforecast.cli.terminal import Terminal, records
from ltvforecast.config import parse_levels
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.output import refuse_existing, spreadsheet_safe, whole_file

if TYPE_CHECKING:
    from ltvforecast.forecast.scenario import ScenarioResult
    from ltvforecast.forecast.scenario_support import SupportRanking

__all__ = ["whatif"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What to simulate: of a model folder only the horizon is known."""

    model: FittedModel
    spec: ForecastSpec


def whatif(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FORECAST", help="Folder that `predict` wrote, or that of a model."),
    ],
    *,
    change: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="What changes, repeatable. Behaviour by how much: purchase_rate, retention, "
            "order_value or acquisition = +5%, -10% or x1.1. Money terms to what: commission=0.20, "
            "margin, discount_rate, support_cost_per_month and so on.",
        ),
    ],
    partner: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Whom it concerns, repeatable [default: all partners]."),
    ] = None,
    cost_per_partner: Annotated[
        float | None,
        typer.Option(help="What it costs for each partner: who to support first, and break-even."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="What may be spent in all; needs --cost-per-partner.")
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(help="How far ahead: 90d, 26w, 12mo [default: that of the forecast]."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            help="Simulated futures [default: those of the forecast].", min=100, max=20_000
        ),
    ] = None,
    levels: Annotated[
        str | None, typer.Option(help="Interval levels in percent [default: the forecast's].")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The table of partners, a .csv file.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of all randomness [default: the forecast's].", min=0)
    ] = None,
    workers: opt.Workers = None,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Say what a change would be worth to each partner, as things are against as they would be.

    Example: ltvforecast whatif forecasts/orders --set retention=+5% --set commission=0.20
    """
    from ltvforecast.cli.whatif_lines import whatif_lines
    from ltvforecast.forecast.scenario import scenario
    from ltvforecast.forecast.scenario_change import parse_change
    from ltvforecast.forecast.scenario_support import rank_support

    if out is not None:
        refuse_existing(out, overwrite=overwrite)
    if budget is not None and cost_per_partner is None:
        raise ConfigError(
            f"--budget {budget:g} without --cost-per-partner",
            expected="what it costs to support a partner",
            remedy="add --cost-per-partner",
        )
    wanted = parse_change(change)
    asked = _asked(folder, horizon=horizon, draws=draws, levels=levels, seed=seed)
    with terminal.progress() as progress:
        result = scenario(
            asked.model,
            horizon=asked.spec.horizon if horizon is None else horizon,
            change=wanted,
            partners=partner,
            economics=asked.spec.economics,
            cost_per_partner=cost_per_partner,
            draws=asked.spec.draws,
            levels=asked.spec.levels,
            seed=asked.spec.seed,
            layers=asked.spec.layers,
            acquisition=asked.spec.acquisition,
            workers=workers,
            progress=progress,
        )
    ranking = None
    if cost_per_partner is not None:
        ranking = rank_support(result, cost_per_partner=cost_per_partner, budget=budget)
    table = _table(result, ranking)
    if out is not None:
        _write_csv(table, out, overwrite=overwrite)
    saved = [] if out is None else [f"table saved in {out}"]
    terminal.show("\n".join([*whatif_lines(result, ranking), *saved]))
    terminal.finish(
        "whatif",
        {
            "programme": dict(result.programme),
            "partners": records(table),
            "support": None if ranking is None else dict(ranking.summary),
            "assumptions": list((result if ranking is None else ranking).assumptions),
        },
        outputs=[] if out is None else [str(out)],
    )


def _asked(
    folder: Path,
    *,
    horizon: str | None,
    draws: int | None,
    levels: str | None,
    seed: int | None,
) -> _Asked:
    """Find the model and what was asked of the forecast, the options going before it."""
    from ltvforecast.fitting.store import load_model
    from ltvforecast.forecast.horizon import parse_horizon
    from ltvforecast.forecast.store import load_forecast

    if (folder / "forecast.json").is_file():
        spec = load_forecast(folder).spec
        places = [
            place for place in (folder, folder.absolute().parent) if (place / "model").is_dir()
        ]
        if not places:
            raise ConfigError(
                f"the forecast in {folder} has no model with it",
                expected="a folder model inside it, as `predict` writes it, or beside it",
                remedy="predict again, or give the folder of the model and --horizon",
            )
        model = load_model(places[0] / "model")
    else:
        model = load_model(folder)
        if horizon is None:
            raise ConfigError(
                f"{folder} is a model, which has no horizon of its own",
                expected="how far to look ahead",
                remedy="add --horizon, for example --horizon 12mo, or give a forecast",
            )
        spec = ForecastSpec(horizon=parse_horizon(horizon, model.summary.as_of))
    return _Asked(
        model=model,
        spec=replace(
            spec,
            draws=spec.draws if draws is None else draws,
            levels=spec.levels if levels is None else parse_levels(levels),
            seed=spec.seed if seed is None else seed,
        ),
    )


def _table(result: ScenarioResult, ranking: SupportRanking | None) -> pd.DataFrame:
    """Join what it is worth with the order of support."""
    if ranking is None:
        return result.partners
    added = ["partner_id", "cost", "net_gain", "gain_per_cost", "p_pays", "supported"]
    return result.partners.merge(ranking.partners[added], on="partner_id", how="left")


def _write_csv(table: pd.DataFrame, path: Path, *, overwrite: bool) -> None:
    safe = table.assign(partner_id=table["partner_id"].map(spreadsheet_safe))
    with whole_file(path, overwrite=overwrite) as made:
        safe.to_csv(made, index=False, lineterminator="\n")
