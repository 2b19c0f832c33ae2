"""The commands that hold forecasts against what came: read, one call, write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ltvforecast.cli import options as opt
from ltvforecast.cli.lines import check_lines, evaluation_lines, evaluation_record
from ltvforecast.cli.score_lines import comparison_lines, score_lines
from ltvforecast.cli.source_reading import own_covariates, read_partner_table, read_source
from ltvforecast.cli.terminal import Terminal
from ltvforecast.config import Reading
from ltvforecast.output import refuse_existing
from ltvforecast.types import DEFAULT_SEED

__all__ = ["backtest", "compare", "score"]


def backtest(
    source: opt.Source,
    *,
    horizon: Annotated[
        str, typer.Option(help="How far each forecast looks ahead: 90d, 26w, 12mo.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the scores [default: backtests/NAME-OF-FILE].")
    ] = None,
    target: opt.Target = "total",
    partners: opt.Partners = None,
    origins: opt.Origins = 4,
    min_customers: opt.MinCustomers = 20,
    attribution: opt.Attribution = "share",
    calendar: opt.Calendar = "auto",
    pooling: opt.Pooling = "partial",
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="As in fit. Taken as known at every past date: what the table of partners says "
            "today. Repeatable.",
        ),
    ] = None,
    layers: opt.Layers = "auto",
    draws: opt.Futures = 1000,
    seed: opt.Seed = DEFAULT_SEED,
    workers: opt.Workers = None,
    rejects: opt.Rejects = None,
    reading: Reading,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Forecast from past dates with what was known then, and score it against what came.

    Example: ltvforecast backtest orders.csv --horizon 26w --origins 4 --out backtests/orders
    """
    from ltvforecast.checks.pit_drift import check_pit
    from ltvforecast.data.calendar_file import read_choice
    from ltvforecast.evaluate.backtest import backtest as replay
    from ltvforecast.evaluate.store import save_evaluation

    folder = out or Path("backtests") / Path(source).stem
    refuse_existing(folder, overwrite=overwrite)
    known_calendar = read_choice(calendar)
    table, names = read_partner_table(partners, reading), covariate or []
    transactions = read_source(
        source,
        reading,
        terminal=terminal,
        rejects=rejects,
        overwrite=overwrite,
        covariates=own_covariates(names, table),
    )
    with terminal.progress() as progress:
        evaluation = replay(
            transactions,
            horizon=horizon,
            target=target,
            origins=origins,
            min_customers=min_customers,
            partners=table,
            attribution=attribution,
            calendar=known_calendar,
            pooling=pooling,
            covariates=names,
            layers=layers,
            draws=draws,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    save_evaluation(evaluation, folder, overwrite=overwrite)
    lines = [*evaluation_lines(evaluation), *check_lines(check_pit(evaluation), every=True)]
    terminal.show("\n".join([*lines, f"scores saved in {folder}"]))
    terminal.finish(
        "backtest", evaluation_record(evaluation), warnings=evaluation.notes, outputs=[str(folder)]
    )


def score(
    forecast: opt.ForecastFolder,
    source: opt.Source,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder for score.json, partners.csv and periods.csv.")
    ] = None,
    min_customers: opt.MinCustomers = 20,
    rejects: opt.Rejects = None,
    reading: Reading,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Hold an old forecast against what has come since, and say whether to refit.

    Example: ltvforecast score forecasts/orders newer-orders.csv
    """
    from ltvforecast.evaluate.score_forecast import score as score_forecast
    from ltvforecast.evaluate.store import save_score, score_record
    from ltvforecast.forecast.store import load_forecast

    if out is not None:
        refuse_existing(out, overwrite=overwrite)
    old = load_forecast(forecast)
    transactions = read_source(
        source, reading, terminal=terminal, rejects=rejects, overwrite=overwrite
    )
    found = score_forecast(old, transactions, min_customers=min_customers)
    if out is not None:
        save_score(found, out, overwrite=overwrite)
    saved = [] if out is None else [f"scores saved in {out}"]
    terminal.show("\n".join([*score_lines(found), *saved]))
    terminal.finish(
        "score",
        score_record(found),
        warnings=found.notes,
        outputs=[] if out is None else [str(out)],
    )


def compare(
    source: opt.Source,
    *,
    models: Annotated[
        str,
        typer.Option(
            metavar="A,B,...",
            help="Models, separated by commas; each names options of fit, separated by slashes.",
        ),
    ] = "bg-nbd/gamma-gamma,bg-nbd/gamma-gamma-mean",
    horizon: Annotated[
        str, typer.Option(help="How far each past forecast looks ahead: 90d, 26w, 12mo.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for compare.csv, scores.csv and summary.json.")
    ] = None,
    partners: opt.Partners = None,
    origins: opt.Origins = 4,
    min_customers: opt.MinCustomers = 20,
    attribution: opt.Attribution = "share",
    draws: opt.Futures = 1000,
    seed: opt.Seed = DEFAULT_SEED,
    workers: opt.Workers = None,
    rejects: opt.Rejects = None,
    reading: Reading,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Compare models: by customers left out (LOO, WAIC), and by forecasts from past dates.

    Example: ltvforecast compare orders.csv --models gamma-gamma,gamma-gamma-mean --horizon 26w
    """
    from ltvforecast.evaluate.compare import compare as compare_models
    from ltvforecast.evaluate.store import comparison_record, save_comparison

    if out is not None:
        refuse_existing(out, overwrite=overwrite)
    transactions = read_source(
        source, reading, terminal=terminal, rejects=rejects, overwrite=overwrite
    )
    with terminal.progress() as progress:
        found = compare_models(
            transactions,
            models,
            horizon=horizon,
            origins=origins,
            min_customers=min_customers,
            partners=read_partner_table(partners, reading),
            attribution=attribution,
            draws=draws,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    if out is not None:
        save_comparison(found, out, overwrite=overwrite)
    saved = [] if out is None else [f"comparison saved in {out}"]
    terminal.show("\n".join([*comparison_lines(found), *saved]))
    terminal.finish(
        "compare",
        comparison_record(found),
        warnings=found.notes,
        outputs=[] if out is None else [str(out)],
    )
