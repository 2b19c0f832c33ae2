"""One short function per command: read, one call, write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from ltvforecast.cli import options as opt
from ltvforecast.cli.evaluate_commands import backtest, compare, score
from ltvforecast.cli.lines import (
    forecast_lines,
    model_lines,
    model_record,
    summary_lines,
    summary_record,
)
from ltvforecast.cli.option_groups import grouped
from ltvforecast.cli.recruit_command import recruit
from ltvforecast.cli.source_reading import own_covariates, read_partner_table, read_source
from ltvforecast.cli.terminal import Terminal
from ltvforecast.cli.whatif_command import whatif
from ltvforecast.config import (
    Reading,
    parse_as_of,
    parse_layers,
    parse_levels,
    parse_season,
)
from ltvforecast.output import refuse_existing, whole_folder
from ltvforecast.types import DEFAULT_SEED

__all__ = ["app"]

DEMO_AS_OF = "2017-12-31"
DEMO_DRAWS = 400
"""Fewer than `predict` takes, so that the demo is over soon."""

app = typer.Typer(
    name="ltvforecast",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "What each partner's customers will be worth, with intervals that are true.\n\n"
        "Exit codes: 0 done; 1 the data or the fit is refused; 2 wrong usage; "
        "3 a saved model or forecast can't be read."
    ),
)


@app.callback(invoke_without_command=True)
def ltvforecast(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Forecast partner lifetime value from transactions."""
    from importlib.metadata import version as installed_version

    if version:
        typer.echo(installed_version("ltvforecast"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


@app.command()
@grouped
def check(
    source: opt.Source,
    *,
    partners: opt.Partners = None,
    rejects: opt.Rejects = None,
    as_of: opt.AsOf = None,
    reading: Reading,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Account for every row and every unit of money in a file of transactions.

    Example: ltvforecast check orders.csv --rejects rejected.csv
    """
    from ltvforecast.data.account import account_lines, account_record
    from ltvforecast.data.summary import summarize

    transactions = read_source(
        source, reading, terminal=terminal, rejects=rejects, overwrite=overwrite
    )
    summary = summarize(
        transactions,
        as_of=parse_as_of(as_of),
        attribution="share",
        partners=read_partner_table(partners, reading),
    )
    terminal.show("\n".join([*account_lines(summary.account), "", *summary_lines(summary)]))
    terminal.finish(
        "check",
        {"account": account_record(summary.account), **summary_record(summary)},
        warnings=summary.warnings,
        outputs=[] if rejects is None else [str(rejects)],
    )


@app.command()
@grouped
def fit(
    source: opt.Source,
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the model [default: models/NAME-OF-FILE].")
    ] = None,
    partners: opt.Partners = None,
    method: Annotated[
        Literal["laplace", "mle", "nuts", "advi", "lifetimes"],
        typer.Option(
            help="Posterior draws (laplace; nuts by PyMC; advi as a quick look), or one point: the "
            "likelihood's maximum (mle, or by the lifetimes package)."
        ),
    ] = "laplace",
    model: Annotated[Literal["bg-nbd"], typer.Option(help="Purchase process.")] = "bg-nbd",
    spend: Annotated[
        Literal["gamma-gamma", "gamma-gamma-mean"],
        typer.Option(help="Spend by individual amounts, or by the published mean of repeats."),
    ] = "gamma-gamma",
    dependence: Annotated[
        Literal["auto", "off"],
        typer.Option(help="Let spend depend on how often customers buy, if the data say so."),
    ] = "auto",
    calendar: opt.Calendar = "auto",
    pooling: opt.Pooling = "partial",
    covariate: opt.Covariate = None,
    layers: opt.Layers = "auto",
    priors: Annotated[
        Path | None, typer.Option(help="TOML file with other priors, for nuts and advi.")
    ] = None,
    accept_unconverged: Annotated[
        bool,
        typer.Option(
            "--accept-unconverged", help="Keep chains that have not converged, marked as such."
        ),
    ] = False,
    attribution: opt.Attribution = "share",
    time_unit: Annotated[
        Literal["day", "week", "month"], typer.Option(help="Unit of the model's parameters.")
    ] = "day",
    draws: Annotated[int, typer.Option(help="Posterior draws.", min=100, max=20_000)] = 1000,
    seed: opt.Seed = DEFAULT_SEED,
    workers: opt.Workers = None,
    rejects: opt.Rejects = None,
    as_of: opt.AsOf = None,
    reading: Reading,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Fit the purchase and spend models to a file of transactions, and save them.

    Example: ltvforecast fit orders.csv --as-of 2025-12-31 --out models/orders
    """
    from ltvforecast.checks.fit_checks import check_fit
    from ltvforecast.data.calendar_file import read_choice
    from ltvforecast.data.summary import summarize
    from ltvforecast.evaluate.fit_programme import fit as fit_programme
    from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS, read_priors
    from ltvforecast.fitting.store import save_model

    folder = out or Path("models") / Path(source).stem
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
    summary = summarize(
        transactions,
        as_of=parse_as_of(as_of),
        attribution=attribution,
        time_unit=time_unit,
        partners=table,
    )
    for line in summary_lines(summary):
        terminal.say(line)
    with terminal.progress() as progress:
        fitted = fit_programme(
            summary,
            method=method,
            model=model,
            spend=spend,
            dependence=dependence,
            calendar=known_calendar,
            pooling=pooling,
            covariates=names,
            layers=layers,
            priors=DEFAULT_PRIORS if priors is None else read_priors(priors),
            accept_unconverged=accept_unconverged,
            draws=draws,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    if pooling == "none":
        terminal.say("warning: " + fitted.purchase.diagnostics.flags[-1])
    fitted = replace(fitted, checks=check_fit(fitted))
    save_model(fitted, folder, overwrite=overwrite)
    terminal.show("\n".join([*model_lines(fitted), f"model saved in {folder}"]))
    terminal.finish("fit", model_record(fitted), warnings=summary.warnings, outputs=[str(folder)])


@app.command()
@grouped
def predict(
    model: opt.ModelFolder,
    *,
    horizon: Annotated[
        str, typer.Option(help="How far ahead: 90d, 26w, 12mo, 2y, or an end date.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the forecast [default: forecasts/MODEL].")
    ] = None,
    draws: opt.Futures = 1000,
    levels: opt.Levels = "50,80,90",
    layers: Annotated[
        str,
        typer.Option(
            help="What past forecasts taught: all, none, or some of combination, correction, width."
        ),
    ] = "all",
    economics: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.toml",
            help="Money terms: tiers, bounties, costs, and what differs by segment or partner.",
        ),
    ] = None,
    discount_rate: Annotated[
        float | None,
        typer.Option(help="Effective annual rate: 0.10 is 10 % [default: the file's, 0.10]."),
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Gross margin as a share of revenue [default: the file's, 1]."),
    ] = None,
    commission: Annotated[
        float | None,
        typer.Option(help="Commission as a share of revenue [default: the file's, 0]."),
    ] = None,
    acquisition: Annotated[
        bool,
        typer.Option(
            "--acquisition/--no-acquisition",
            help="Count new customers, where the model knows how partners bring them, or do not.",
        ),
    ] = True,
    seed: opt.Seed = DEFAULT_SEED,
    workers: opt.Workers = None,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Forecast every partner from a saved model.

    Example: ltvforecast predict models/orders --horizon 12mo --out forecasts/orders
    """
    from ltvforecast.fitting.store import load_model, save_model
    from ltvforecast.forecast.economics_file import economics_from_options
    from ltvforecast.forecast.predict import predict as predict_partners
    from ltvforecast.forecast.store import save_forecast

    folder = out or Path("forecasts") / model.name
    refuse_existing(folder, overwrite=overwrite)
    terms = economics_from_options(
        economics, discount_rate=discount_rate, margin=margin, commission=commission
    )
    fitted = load_model(model)
    with terminal.progress() as progress:
        forecast = predict_partners(
            fitted,
            horizon=horizon,
            economics=terms,
            draws=draws,
            levels=parse_levels(levels),
            layers=parse_layers(layers),
            acquisition=acquisition,
            seed=seed,
            workers=workers,
            progress=progress,
        )
    save_forecast(forecast, folder, overwrite=overwrite)
    save_model(fitted, folder / "model")  # whatif simulates again
    terminal.show("\n".join([*forecast_lines(forecast), f"forecast saved in {folder}"]))
    terminal.finish("predict", {"programme": dict(forecast.programme)}, outputs=[str(folder)])


@app.command()
@grouped
def report(
    forecast: opt.ForecastFolder,
    *,
    out: Annotated[Path, typer.Option(help="The report: .html, .xlsx or .pdf.")] = Path(
        "report.html"
    ),
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Write the report for people who never see code.

    Example: ltvforecast report forecasts/orders --out orders.html
    """
    from ltvforecast.forecast.store import load_forecast
    from ltvforecast.report.write import write_report

    write_report(load_forecast(forecast), out, overwrite=overwrite)
    terminal.show(f"report written to {out}")
    terminal.finish("report", {}, outputs=[str(out)])


for command in (backtest, score, compare, whatif, recruit):
    app.command()(grouped(command))


@app.command()
@grouped
def simulate(
    *,
    out: Annotated[Path, typer.Option(help="The .parquet file; the truth goes beside it.")],
    partners: Annotated[int, typer.Option(min=1)] = 200,
    customers: Annotated[int, typer.Option(min=1)] = 20_000,
    days: Annotated[int, typer.Option(help="Length of the history.", min=2)] = 730,
    season: Annotated[
        str | None, typer.Option(help="Twelve factors on purchase rates: 1,1,0.8,...")
    ] = None,
    seed: opt.Seed = DEFAULT_SEED,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Make up a partner programme whose truth is known, to test forecasts on.

    Example: ltvforecast simulate --partners 200 --customers 20000 --out made-up.parquet
    """
    from ltvforecast.data.synthetic import simulate_programme, write_programme

    programme = simulate_programme(
        partners=partners,
        customers=customers,
        days=days,
        season=parse_season(season),
        seed=seed,
    )
    written = write_programme(programme, out, overwrite=overwrite)
    terminal.show("\n".join(f"wrote {path}" for path in written))
    terminal.finish("simulate", {}, outputs=[str(path) for path in written])


@app.command()
@grouped
def demo(
    *,
    out: Annotated[Path, typer.Option(help="Folder for everything.")] = Path("ltvforecast-demo"),
    seed: opt.Seed = DEFAULT_SEED,
    workers: opt.Workers = None,
    overwrite: opt.Overwrite = False,
    terminal: Terminal,
) -> None:
    """Do the whole job on the shipped real data: check, fit, predict, report.

    Example: ltvforecast demo
    """
    from ltvforecast.checks.fit_checks import check_fit
    from ltvforecast.data.account import account_lines
    from ltvforecast.data.datasets import complete_journey_path
    from ltvforecast.data.summary import summarize
    from ltvforecast.data.transactions import read_transactions
    from ltvforecast.evaluate.fit_programme import fit as fit_programme
    from ltvforecast.fitting.store import save_model
    from ltvforecast.forecast.predict import predict as predict_partners
    from ltvforecast.forecast.store import save_forecast
    from ltvforecast.report.write import write_report

    with whole_folder(out, overwrite=overwrite) as folder, terminal.progress() as progress:
        terminal.say("Complete Journey: a US grocer in 2017; its stores play the partners.")
        transactions = read_transactions(complete_journey_path())
        summary = summarize(transactions, as_of=DEMO_AS_OF)
        for line in [*account_lines(summary.account), *summary_lines(summary)]:
            terminal.say(line)
        fitted = fit_programme(summary, seed=seed, workers=workers, progress=progress)
        fitted = replace(fitted, checks=check_fit(fitted))
        save_model(fitted, folder / "model")
        for line in model_lines(fitted):
            terminal.say(line)
        forecast = predict_partners(
            fitted,
            horizon="12mo",
            draws=DEMO_DRAWS,
            seed=seed,
            workers=workers,
            progress=progress,
        )
        save_forecast(forecast, folder / "forecast")
        write_report(forecast, folder / "report.html")
    terminal.show(
        "\n".join([*forecast_lines(forecast), f"open {out / 'report.html'} in a browser"])
    )
    terminal.finish("demo", {"programme": dict(forecast.programme)}, outputs=[str(out)])
