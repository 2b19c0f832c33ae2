"""ltvforecast: what each partner's customers will be worth, with intervals that are true.

The job is one line, and each stage hands a small frozen record (``types``) to the next::

    transactions ─► customer summary ─► fitted model ─► partner forecast ─► report
       data/             data/            fitting/          forecast/       plots/, report/

    evaluate/ replays the whole line at past dates and scores it
    checks/   hold a fitted model against its own data

Start with :func:`read_transactions`, :func:`summarize`, :func:`fit`, :func:`predict` and
:func:`write_report`; the command ``ltvforecast`` does the same from a shell.

(The folder of the fitting stage is called ``fitting`` and not ``fit``, because a subpackage of
that name would hide the function :func:`fit`.)

Map of the modules, each with its own first line:

- acquisition_types.py: The frozen records of acquisition: who was new when, what was fitted to
  it, what is to come.
- check_types.py: The frozen records of fit checks: how like its data a fitted model is.
- checks/clock.py: The model's own time: the calendar, or the seasonal clock that the fit found.
- checks/dependence.py: Whether those who buy often spend more, or less: tested with one amount a
  customer.
- checks/fit_checks.py: All fit checks of a model in one call.
- checks/frequency.py: How often customers bought, against the model's probabilities over each
  customer's own age.
- checks/holdout.py: The model fitted to the first part of the history, against what came in the
  last part.
- checks/pit_drift.py: Whether what came crept up or down inside the forecasts' intervals from
  date to date.
- checks/predictive.py: Posterior predictive checks: whether data simulated from the fit look like
  the data.
- checks/regularity.py: Are purchases as irregular as the model says? The Wheat-Morrison estimate
  as a fit check.
- checks/replicates.py: Data as the fitted model would make them: whole histories from birth, and
  futures given them.
- checks/sample.py: Which customers the checks look at, with their purchase days where these are
  known.
- checks/tracking.py: Repeat purchases period by period, against what the model expects of
  customers of each age.
- checks/verdict.py: From the size of a misfit and its p-value to a verdict: both must speak.
- cli/commands.py: One short function per command: read, one call, write.
- cli/evaluate_commands.py: The commands that hold forecasts against what came: read, one call,
  write.
- cli/lines.py: Records as the few lines a reader needs, and as JSON.
- cli/option_groups.py: Groups of options that commands take as one: how to read a file, and where
  words go.
- cli/options.py: The options that several commands share, each said once.
- cli/recruit_command.py: The command for recruiting: what one more partner, or a lead, would be
  worth.
- cli/recruit_lines.py: What recruiting says on the screen: segments in order, one new partner,
  the worth of a lead.
- cli/score_lines.py: What a score and a comparison say on the screen.
- cli/source_reading.py: A file of transactions read for a command, its account shown when it is
  refused.
- cli/terminal.py: What goes to the screen: results to stdout, messages to stderr, or one JSON
  object.
- cli/whatif_command.py: The command that says what a change would be worth: read, one call, show.
- cli/whatif_lines.py: What a what-if says on the screen: the difference, whom to support, and
  what was assumed.
- config.py: A run's settings: a TOML file or flags, checked once at the edge.
- covariate_types.py: The frozen records of covariates: how they are coded, and what goes with
  buying more.
- data/account.py: The account of rows and money: its lines, as text and as a record for JSON.
- data/acquisitions.py: Who was new when, and through whom: first days of customers and of
  partners.
- data/amounts.py: Columns of any type to money in whole millionths, and the cells that are no
  number.
- data/attribution.py: Which partner a customer's value belongs to: shares that add to one,
  customer by customer.
- data/calendar_file.py: Known closures, campaigns and holidays from a file: CSV or TOML.
- data/columns.py: Which column plays which role: recognised from the common exports, or said by
  the user.
- data/covariate_columns.py: Columns of covariates: cells to numbers, categories, yes/no or dates,
  one kind a column.
- data/datasets.py: Real data to try things on: a grocer's year, shipped here, and the CDNOW
  cohort.
- data/dates.py: Columns of any type to days, and the cells that are no date or leave it open.
- data/findings.py: What is wrong with which rows, and the one error that tells all of it.
- data/fitness.py: Do these purchases suit the models? Warnings in plain words, each with a number
  and a remedy.
- data/ids.py: Columns of any type to text and ids, exactly as they stand.
- data/ledger.py: The rows of a source with their cells understood, before any of them is judged.
- data/notes.py: What a reader should know of the reading besides the account of rows and money.
- data/partner_merge.py: The table of partners held against the transactions: who is missing
  there, and who is new.
- data/partner_table.py: The table of partners: segments, covariates and money terms, one checked
  row a partner.
- data/quoting.py: Values from the data, quoted so that a message stays short, whole and harmless.
- data/refund_forms.py: The four forms in which sources tell of refunds, turned into signed
  amounts.
- data/refunds.py: Refunds taken off the purchases they belong to, as far as they are known at the
  as-of date.
- data/screening.py: Which rows are rejected, and what refuses a whole source: the rules, each
  with its remedy.
- data/source.py: A table of transactions from wherever it is: CSV, Parquet, Excel or any
  dataframe.
- data/stream_history.py: Past revenue by partner and revenue stream, first purchases apart from
  later ones.
- data/summary.py: Transactions to customer summary: what each customer did up to the as-of date,
  and for whom.
- data/synthetic.py: A partner programme with known truth, simulated forward from each customer's
  first purchase.
- data/transactions.py: Transactions from a file or a dataframe, every row and every unit of money
  accounted for.
- economics_types.py: The frozen records of money terms: the programme's, a segment's, and those
  of each partner.
- engines/local.py: Run a block function over blocks with threads on this machine.
- errors.py: The exception tree: every message says what was found, what was expected and what to
  do.
- evaluate/backtest.py: Rolling origins: replay the whole line at past dates, score it, and
  compare it with baselines.
- evaluate/baselines.py: What people forecast partners with today: seven named baselines, by
  partner and by customer.
- evaluate/compare.py: Models side by side: information criteria on all data, and forecasts from
  past dates.
- evaluate/elapsed.py: The periods of a forecast that have passed, each against what came in it.
- evaluate/fit_programme.py: Fits a programme, and learns from forecasts at past dates how far to
  trust the model.
- evaluate/hindcast.py: Forecasts from past dates by the bare model, with what came: the evidence
  for the layers.
- evaluate/learn_layers.py: What past forecasts teach: by how much to correct, to widen, and to
  trust the recent level.
- evaluate/lifetimes_baseline.py: The lifetimes package as its users run it: maximum likelihood,
  expected purchases × spend.
- evaluate/model_specs.py: Which models to compare: names such as bg-nbd/gamma-gamma-mean, made of
  what a fit offers.
- evaluate/new_customers.py: How many new customers each partner will bring: their fitted
  acquisition played forward.
- evaluate/origins.py: At which past dates to replay a forecast, given how far it looks ahead and
  how much is known.
- evaluate/outcome.py: What came after an origin from the customers known at it, and what came
  beside them.
- evaluate/past_errors.py: A baseline's own past errors as its predictive distribution, so that
  widths compare fairly.
- evaluate/records.py: The frozen records of a backtest, and of models side by side.
- evaluate/replay.py: One origin replayed: summary, fit, forecast and baselines from what was
  known, and what came.
- evaluate/risk_bands.py: What became of partners that were said to fall silent: shares by risk
  band, from past dates.
- evaluate/same_programme.py: Whether newer transactions are of the same programme as an old
  forecast, and what differs.
- evaluate/score_forecast.py: An old forecast against newer transactions: what came, what was
  inside, what surprised.
- evaluate/score_records.py: The frozen records of an old forecast held against what came.
- evaluate/scores.py: Scores of forecasts against what came: errors, CRPS, intervals, calibration
  and ranking.
- evaluate/side_by_side.py: What differences between models say, in plain words: clear, or none
  that is clear.
- evaluate/store.py: Folders of evaluations: the tables as CSV and a summary as JSON, whole or not
  at all.
- evaluate/table.py: From replays to tables: a row for every forecast, and scores by origin,
  method and level.
- evaluate/verdict.py: Is an old forecast still good? Two tests that mind that partners share
  their luck, one rule.
- fit_types.py: The frozen records of a fit: purchases, spend, season, and the fitted model as a
  whole.
- fitting/acquisition.py: Fits how partners bring new customers (NB-dropout), by its posterior; or
  says why it can't.
- fitting/acquisition_counts.py: Counts new customers of every partner, month by month or week by
  week.
- fitting/acquisition_data.py: What the acquisition model is fitted to: is the programme still
  open, and who was really new.
- fitting/acquisition_likelihood.py: Coordinates, priors and likelihood of the acquisition model,
  many coordinate vectors at once.
- fitting/acquisition_record.py: An acquisition fit as plain JSON values and labelled arrays, and
  back.
- fitting/calendar.py: The seasonal clock of a programme: estimated beside the purchase process,
  given, or off.
- fitting/chain_diagnostics.py: Whether Markov chains have converged: R-hat, effective draws,
  divergences, energy; and a gate.
- fitting/chebyshev.py: Chebyshev nodes with signed weights: a few points that stand for many in
  every smooth total.
- fitting/chebyshev_kernels.py: Compiled sums of Chebyshev polynomials, with slopes, and carried
  on outside of their interval.
- fitting/compress.py: Customers to a small table on which the likelihood is the same: unique
  rows, spectral nodes.
- fitting/covariate_design.py: Which covariates a model has: those of partners and those of
  customers, coded from a summary.
- fitting/covariate_record.py: Codings of covariates as plain JSON values, and back.
- fitting/covariate_rows.py: A coding of covariates applied: to a table, or to one customer or
  partner as a user types it.
- fitting/covariate_words.py: Effects of covariates as a table of factors, and in plain words.
- fitting/covariates.py: Covariates as columns of numbers: categories against the most frequent,
  numbers standardised.
- fitting/customer_draws.py: Parameter draws of single customers: those of their partners, with
  the effects of covariates.
- fitting/dependence.py: Estimates whether frequent buyers spend more per purchase, and whether
  forecasts should mind.
- fitting/diagnostics.py: What a fit's numbers mean, in plain words.
- fitting/effect_columns.py: Where effects of covariates enter a PyMC model: which rows move
  partners, and which customers.
- fitting/fit_model.py: Fits a programme: the purchase process and the spend, from a customer
  summary.
- fitting/hierarchy.py: Fits the purchase process of every partner, each borrowing strength from
  its segment.
- fitting/hierarchy_cells.py: Partners with covariates: whose mean is moved, and which of a
  partner's customers are alike.
- fitting/hierarchy_climb.py: Peak of a partner hierarchy's shared parameters, by values of the
  density alone.
- fitting/hierarchy_diagnostics.py: What a partner hierarchy's numbers mean, in plain words.
- fitting/hierarchy_gates.py: Gates of a partner hierarchy: every approximation is measured, and a
  fit refused with reasons.
- fitting/hierarchy_kernels.py: Compiled inner part of the partner hierarchy: peak, integral and
  draws of a partner's levels.
- fitting/hierarchy_levels.py: What partners share: shapes, segment means and spreads, their
  priors, and the coordinates.
- fitting/hierarchy_likelihood.py: Log-likelihood of BG/NBD by partner, on grids of the shared
  shapes and the partner's own levels.
- fitting/hierarchy_place.py: Where the posterior of a partner hierarchy lies: a climb, and tables
  moved to the peak.
- fitting/hierarchy_posterior.py: Posterior of a partner hierarchy without a chain: shared
  parameters first, then every partner.
- fitting/hierarchy_spend.py: Fits the spend per purchase of every partner, each borrowing
  strength from its segment.
- fitting/hierarchy_stand_in.py: Cubic stand-in for a costly log-density, learnt from a few
  hundred values and checked on it.
- fitting/hierarchy_tables.py: Partners' log-likelihoods as Chebyshev tables, and their integrals
  over the partner's own levels.
- fitting/information.py: How well a model predicts customers it has not seen: PSIS-LOO and WAIC
  on counted rows.
- fitting/laplace.py: Posterior draws without a chain: Laplace proposal, Pareto-smoothed
  importance sampling, a gate.
- fitting/left_truncation.py: How many of the customers who seem new really are, where data begin
  later than customers do.
- fitting/lifetimes_bridge.py: Fits with the lifetimes package, and takes over models that were
  fitted with it.
- fitting/mcmc.py: Samples a built PyMC model: by nutpie where installed, else by PyMC itself, or
  by ADVI.
- fitting/mle.py: Maximum of a log-density by Newton's method from several starts, and a look at
  its edges.
- fitting/model_card.py: The model card: what was fitted, to what, how, and what it must not be
  used for.
- fitting/model_record.py: A fitted model as plain JSON values, and back.
- fitting/partner_levels.py: Each partner's own purchase rate, dropout and spend, small partners
  borrowing from the others.
- fitting/partner_tables.py: Likelihood tables partner by partner, in one piece: what a
  hierarchical model is fitted to.
- fitting/pointwise.py: Log-likelihood of every observation in every posterior draw, on rows that
  count as many.
- fitting/pooled_effects.py: Covariates where partners are taken together: customers of one kind
  share their parameters.
- fitting/pooled_purchase.py: Fits BG/NBD with covariates where partners are taken together: all
  parameters at once.
- fitting/pooled_spend.py: Fits Gamma-Gamma with covariates where partners are taken together: all
  parameters at once.
- fitting/pooling.py: Partners taken together, apart, or each borrowing from the others: fits by
  what is asked.
- fitting/predictive.py: What customers look like under the priors, and under a fitted model: data
  sets for ArviZ.
- fitting/prior_settings.py: Priors as data: the defaults, and what a TOML table changes about
  them.
- fitting/priors.py: Weak priors, free of any scale: times count in mean ages, money in typical
  amounts.
- fitting/programme_acquisition.py: Fits how a programme brings new customers, from its customer
  summary alone.
- fitting/psis.py: Pareto-smoothed importance sampling by ArviZ, whichever of its generations is
  installed.
- fitting/purchase.py: Fits the purchase process (BG/NBD): by its posterior, or by maximum
  likelihood.
- fitting/purchase_likelihood.py: Log-likelihood of BG/NBD summed over a table of histories, for
  one parameter vector or many.
- fitting/pymc_likelihoods.py: Likelihoods of the PyMC models as PyTensor graphs, on compressed
  tables.
- fitting/pymc_models.py: BG/NBD and Gamma-Gamma as PyMC models on compressed rows; built here,
  sampled elsewhere.
- fitting/repeat_counts.py: Repeat purchases of every day: as they were, and as the purchase model
  expects them.
- fitting/sampled_fit.py: Fits by NUTS or ADVI: customers in, the same records out as from every
  other fit.
- fitting/sampled_partners.py: Partners that differ, by Markov chains: the records of the fast
  posterior.
- fitting/season.py: A yearly index from counts and expected counts: how strong, how sure, and
  draws of it.
- fitting/season_choice.py: Season or none, by month or by week: what would have forecast later
  windows best.
- fitting/spend.py: Fits the spend per purchase (Gamma-Gamma): by its posterior, or by maximum
  likelihood.
- fitting/spend_data.py: What the spend model is fitted to: whose amounts, with or without the
  first purchase.
- fitting/spend_likelihood.py: Log-likelihood of Gamma-Gamma spend summed over customers, for one
  parameter vector or many.
- fitting/store.py: Saves a fitted model as a folder of open formats, and loads it back, whole or
  not at all.
- fitting/together.py: Fits of all partners taken together, by whichever method, with covariates
  or without.
- forecast/blocks.py: One block of customers: closed forms, simulation, and a row of results for
  each customer.
- forecast/break_even.py: How large an effect must be to bring its cost back, from the gain at a
  few sizes.
- forecast/closed_forms.py: Closed forms of single customers: alive or not, a purchase or none,
  what a purchase is worth.
- forecast/dependence.py: What it does to a customer's revenue that frequent buyers spend more per
  purchase, or less.
- forecast/economics.py: What partners' revenue is worth under their money terms: draw by draw,
  period by period.
- forecast/economics_file.py: Money terms from a TOML file, from options, and back to a plain
  table.
- forecast/expectation.py: Expected purchases of every customer in every parameter draw, by
  interpolation in x and T.
- forecast/exposure.py: What a forecast's periods are worth on the seasonal clock, draw by draw.
- forecast/flows.py: What partners bring, in every draw and period: the simulated totals with the
  layers on them.
- forecast/horizon.py: How far ahead: a horizon from text, and the calendar periods it is cut
  into.
- forecast/intervals.py: Means and equal-tailed intervals of draws, as named columns.
- forecast/large_arrays.py: Arrays of whole numbers that start at zero, in nameless files where
  they are large.
- forecast/layers.py: Layers on top of the model's draws: what past forecasts taught about level,
  shares and width.
- forecast/lead_value.py: What a lead is worth: a new customer's value times the chance that a
  lead becomes one.
- forecast/lifespan.py: How long each partner goes on bringing revenue: median, interval and
  chances of lasting.
- forecast/money_columns.py: From money in draws to columns: LTV to CAC, payback, what still pays,
  commission to accrue.
- forecast/new_customers.py: New customers to come: per draw, partner and period, from each
  partner's own random stream.
- forecast/newcomer_kernels.py: What one new customer is like and where it buys: draws of forecast
  and what-if (compiled).
- forecast/newcomer_parameters.py: From a fitted model to the parameters of customers who are
  still to come.
- forecast/newcomer_paths.py: What one partner's new customers buy after they came, exactly, draw
  by draw (compiled).
- forecast/newcomer_records.py: What the compiled simulation of new customers reads: tuples of
  arrays, as it can take them.
- forecast/newcomer_repeats.py: Expected repeat purchases of new customers, tabulated once for
  very many partners.
- forecast/newcomer_setting.py: What the new customers of all partners share: parameters, clock,
  and where purchases can go.
- forecast/newcomer_value.py: What a new customer is expected to be worth, in closed form, draw by
  draw.
- forecast/newcomers.py: New customers and what they will bring: simulated together, partner by
  partner, in each draw.
- forecast/parameters.py: Which parameters hold for each customer: its partner's, with the effects
  of its covariates.
- forecast/partner_expectation.py: Expected purchases where customers differ in their parameters,
  by a table a draw or the formula.
- forecast/partner_kernels.py: At which partners one customer buys: shares, partners known and new
  (compiled).
- forecast/partners.py: The tables of a forecast: partners, periods, segments, and the programme's
  own row.
- forecast/payback.py: Whether a partner pays: LTV against CAC, payback, and the highest cost that
  still pays.
- forecast/predict.py: From a fitted model to what each partner is worth: the whole forecast in
  one call.
- forecast/prepare.py: From a fitted model and a specification to all that the simulation needs to
  know.
- forecast/provenance.py: Where a forecast came from: everything its report says about itself,
  ready for JSON.
- forecast/purchase_kernels.py: When one customer buys and what it is worth: draws that all
  simulations share (compiled).
- forecast/records.py: What the compiled simulation reads and fills in: tuples of arrays, as it
  can take them.
- forecast/recruit_futures.py: Futures of one partner without data: when its customers come, and
  what they will buy.
- forecast/recruit_parameters.py: What a partner without any data is drawn from: its segment, its
  covariates, and nothing else.
- forecast/recruit_table.py: What partners without data are worth: one row each, with money terms,
  for segments and names.
- forecast/recruiting.py: A partner not yet signed: what it would be worth, and which segment to
  recruit from.
- forecast/revenue_streams.py: Forecast revenue split by revenue stream, adding up in every draw.
- forecast/roll_up.py: From simulated totals to draws and columns of each partner, each period and
  the programme.
- forecast/scenario.py: What a change would be worth to each partner: two futures on common paths,
  and what differs.
- forecast/scenario_change.py: What is to be changed in a what-if: read from text, checked, and
  said in plain words.
- forecast/scenario_futures.py: Runs the two futures of a what-if over all customers: blocks,
  workers, totals.
- forecast/scenario_kernel.py: Two futures of each customer on one path: as things are, and as
  they would be (compiled).
- forecast/scenario_newcomer_paths.py: Two futures of one partner's new customers on common paths,
  draw by draw (compiled).
- forecast/scenario_newcomers.py: Runs the two futures of a what-if over the customers who are
  still to come.
- forecast/scenario_support.py: Which partners to support first: gain against cost, how sure, and
  what a budget reaches.
- forecast/scenario_value.py: Both futures of a what-if, simulated and valued under their money
  terms, draw by draw.
- forecast/scenario_words.py: What a what-if takes for granted, in plain words: printed with every
  answer.
- forecast/self_check.py: A forecast's check of itself: simulated means against the closed forms.
- forecast/simulate.py: The conditional future of a few customers, exactly, draw by draw
  (compiled).
- forecast/store.py: Saves a forecast as a folder of plain files, and loads it back, whole or not
  at all.
- forecast/streams.py: Random streams that belong to customers and partners: blocks and workers
  change nothing.
- forecast/term_checks.py: Whether money terms mean something: ranges, tiers, and what contradicts
  what.
- forecast/terms.py: Which money terms hold for each partner: programme, segment, partner table,
  partner.
- forecast/totals.py: Simulates every customer of a programme, block by block, and adds up.
- forecast/value.py: What revenue is worth today: margin, commission and discounting, draw by
  draw.
- forecast/windows.py: Partner totals after each of several numbers of days, from one simulation.
- forecast_types.py: The frozen records of a forecast: what was asked, and what each partner is
  worth.
- formulas/bgnbd.py: BG/NBD purchase process: likelihood, chance of being alive, and the law of
  future purchases.
- formulas/bgnbd_kernels.py: Compiled scalar kernels of the BG/NBD model, one customer and one
  parameter vector at a time.
- formulas/chebyshev_sums.py: Polynomials of two or three variables by their Chebyshev
  coefficients, one set for each draw.
- formulas/clock.py: The seasonal clock: operational time, in which a seasonal Poisson process is
  an even one.
- formulas/compiling.py: Compiling scalar functions with Numba, and making broadcasting array
  functions of them.
- formulas/copula.py: Gaussian copula between how often customers buy and what they spend, both
  margins kept.
- formulas/copula_tables.py: The margins of the copula, tabulated: gamma quantiles, normal scores,
  dropout probabilities.
- formulas/gamma_gamma.py: Gamma-Gamma spend: likelihood of the amounts, expected spend, and the
  law of a future total.
- formulas/nb_dropout.py: NB-dropout: how many new customers a partner brings per period, and
  whether it still does.
- formulas/nb_dropout_kernels.py: Compiled kernels of NB-dropout, one partner and one parameter
  vector at a time.
- formulas/special.py: Delicate special functions, compiled: log-gamma differences and the 2F1
  that BG/NBD needs.
- layer_types.py: The frozen records of past forecasts: what they teach, and how right they were.
- output.py: Outputs appear whole or not at all, and replace nothing unasked.
- partner_types.py: The frozen record of how partners differ in a fitted model.
- plots/chart_data.py: The numbers behind each chart, picked and ordered, so that chart and table
  show the same.
- plots/checks.py: Charts of fit checks: what came against what the model expects, straight from a
  check's table.
- plots/economics.py: Charts of money: worth against the cost of winning partners, and commission
  by period.
- plots/forecast.py: Charts of a forecast: partners with intervals, head and long tail, by month,
  and at risk.
- plots/labels.py: Partner names and amounts of money as short labels that are safe to draw.
- plots/model.py: Charts of a fitted model: does it reproduce how often customers bought, and what
  is uncertain.
- plots/style.py: The look that all charts share: safe colours, quiet axes, labels taken
  literally.
- plots/svg.py: A chart as markup for a web page: its colours obey the page, its text can be read
  out.
- report/basis.py: What every part of the report stands on: dates, level, currency, orders;
  gathered once.
- report/cells.py: Cells of tables: estimates with their range, probabilities, shares and plain
  figures.
- report/commission.py: Commission by month, as finance accrues it, and as recurring income of the
  partners.
- report/content.py: What the report says: every number is computed and every sentence written
  here.
- report/covariates.py: What goes with buying more: factors of covariates, and that they are no
  causes.
- report/data_account.py: The data the forecast stands on: every row and every unit of money, and
  what was odd.
- report/document.py: The records a report is made of, apart from any way of showing them.
- report/economics.py: Whether partners pay: worth against the cost of winning them, payback, and
  the highest costs.
- report/explanation.py: Method, glossary and provenance in plain words.
- report/html.py: The report as one HTML file that needs nothing else: no network, no fonts, no
  pictures.
- report/lifespan.py: How long partners last: the median, its range, and the chances of one, two
  and three years.
- report/money_terms.py: Money terms in words: margin, commission, costs; what was given, and what
  it means.
- report/newcomers.py: New customers: how many are expected, through which partners, or why nobody
  can tell.
- report/outlook.py: What lies ahead: the partners to watch, and revenue by month.
- report/partner_table.py: The table of all partners: rank, revenue, worth and risk, with ranges
  and remarks.
- report/past.py: Right and wrong before: forecasts from past dates on these data, and what they
  taught.
- report/pdf.py: The report as a PDF: the printed page, tagged so that screen readers can follow
  it.
- report/ranking.py: Which partners are worth how much: the ranking, and head and long tail.
- report/recruiting.py: Recruiting: what one more partner of each segment would be worth, and
  partners without data.
- report/risk_table.py: What became of partners that were said to fall silent: the chances held
  against the past.
- report/segments.py: Segments side by side: what kinds of partners there are, and what each kind
  is worth.
- report/streams.py: Revenue streams: what comes from first sales, renewals, services and so on.
- report/wording.py: Numbers, dates and chances put into words that a manager reads without a
  calculator.
- report/workbook.py: The report as an Excel workbook: the same tables as numbers, on named
  sheets.
- report/write.py: Writes the report of a forecast: as a page, a workbook or a PDF, chosen by the
  name's ending.
- sealed.py: A saved folder that knows whether it is whole: an index with a checksum of every
  other file.
- transaction_types.py: The frozen records of transactions: their account, and what is known of
  every customer.
- types.py: What all records share: arrays, the unit of time, the default seed.
"""

from __future__ import annotations

import importlib
from importlib.metadata import version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ltvforecast.checks.fit_checks import check_fit
    from ltvforecast.data.calendar_file import read_calendar
    from ltvforecast.data.datasets import load_cdnow, load_cdnow_sample, load_complete_journey
    from ltvforecast.data.partner_table import read_partners
    from ltvforecast.data.summary import summarize
    from ltvforecast.data.synthetic import simulate_programme
    from ltvforecast.data.transactions import read_transactions
    from ltvforecast.economics_types import Economics, Terms
    from ltvforecast.evaluate.backtest import backtest
    from ltvforecast.evaluate.compare import compare
    from ltvforecast.evaluate.fit_programme import add_layers, fit
    from ltvforecast.evaluate.new_customers import forecast_new_customers
    from ltvforecast.evaluate.score_forecast import score
    from ltvforecast.evaluate.store import save_comparison, save_evaluation, save_score
    from ltvforecast.fit_types import Calendar
    from ltvforecast.fitting.lifetimes_bridge import from_lifetimes
    from ltvforecast.fitting.partner_levels import fit_partners
    from ltvforecast.fitting.pointwise import log_likelihood, to_inference_data
    from ltvforecast.fitting.predictive import posterior_predictive, prior_predictive
    from ltvforecast.fitting.prior_settings import read_priors
    from ltvforecast.fitting.store import load_model, save_model
    from ltvforecast.forecast.economics_file import read_economics
    from ltvforecast.forecast.lead_value import lead_value
    from ltvforecast.forecast.predict import predict
    from ltvforecast.forecast.recruiting import predict_new_partner, rank_segments
    from ltvforecast.forecast.scenario import scenario
    from ltvforecast.forecast.scenario_change import Change
    from ltvforecast.forecast.scenario_support import rank_support
    from ltvforecast.forecast.store import load_forecast, save_forecast
    from ltvforecast.plots.checks import (
        plot_conditional_expectation,
        plot_predictive_checks,
        plot_tracking,
    )
    from ltvforecast.plots.forecast import (
        plot_forecast,
        plot_pareto,
        plot_partner_intervals,
        plot_watch_list,
    )
    from ltvforecast.plots.model import plot_frequency_fit, plot_season
    from ltvforecast.report.write import write_report

__all__ = [
    "Calendar",
    "Change",
    "Economics",
    "Terms",
    "add_layers",
    "backtest",
    "check_fit",
    "compare",
    "fit",
    "fit_partners",
    "forecast_new_customers",
    "from_lifetimes",
    "lead_value",
    "load_cdnow",
    "load_cdnow_sample",
    "load_complete_journey",
    "load_forecast",
    "load_model",
    "log_likelihood",
    "plot_conditional_expectation",
    "plot_forecast",
    "plot_frequency_fit",
    "plot_pareto",
    "plot_partner_intervals",
    "plot_predictive_checks",
    "plot_season",
    "plot_tracking",
    "plot_watch_list",
    "posterior_predictive",
    "predict",
    "predict_new_partner",
    "prior_predictive",
    "rank_segments",
    "rank_support",
    "read_calendar",
    "read_economics",
    "read_partners",
    "read_priors",
    "read_transactions",
    "save_comparison",
    "save_evaluation",
    "save_forecast",
    "save_model",
    "save_score",
    "scenario",
    "score",
    "simulate_programme",
    "summarize",
    "to_inference_data",
    "write_report",
]

__version__ = version("ltvforecast")

_HOME = {
    "Calendar": "fit_types",
    "Change": "forecast.scenario_change",
    "Economics": "economics_types",
    "Terms": "economics_types",
    "add_layers": "evaluate.fit_programme",
    "backtest": "evaluate.backtest",
    "check_fit": "checks.fit_checks",
    "compare": "evaluate.compare",
    "fit": "evaluate.fit_programme",
    "fit_partners": "fitting.partner_levels",
    "forecast_new_customers": "evaluate.new_customers",
    "from_lifetimes": "fitting.lifetimes_bridge",
    "lead_value": "forecast.lead_value",
    "load_cdnow": "data.datasets",
    "load_cdnow_sample": "data.datasets",
    "load_complete_journey": "data.datasets",
    "load_forecast": "forecast.store",
    "load_model": "fitting.store",
    "log_likelihood": "fitting.pointwise",
    "plot_conditional_expectation": "plots.checks",
    "plot_forecast": "plots.forecast",
    "plot_frequency_fit": "plots.model",
    "plot_pareto": "plots.forecast",
    "plot_partner_intervals": "plots.forecast",
    "plot_predictive_checks": "plots.checks",
    "plot_season": "plots.model",
    "plot_tracking": "plots.checks",
    "plot_watch_list": "plots.forecast",
    "posterior_predictive": "fitting.predictive",
    "predict": "forecast.predict",
    "predict_new_partner": "forecast.recruiting",
    "prior_predictive": "fitting.predictive",
    "rank_segments": "forecast.recruiting",
    "rank_support": "forecast.scenario_support",
    "read_calendar": "data.calendar_file",
    "read_economics": "forecast.economics_file",
    "read_partners": "data.partner_table",
    "read_priors": "fitting.prior_settings",
    "read_transactions": "data.transactions",
    "save_comparison": "evaluate.store",
    "save_evaluation": "evaluate.store",
    "save_forecast": "forecast.store",
    "save_model": "fitting.store",
    "save_score": "evaluate.store",
    "scenario": "forecast.scenario",
    "score": "evaluate.score_forecast",
    "simulate_programme": "data.synthetic",
    "summarize": "data.summary",
    "to_inference_data": "fitting.pointwise",
    "write_report": "report.write",
}


def __getattr__(name: str) -> object:
    """Import a public name's module when it is first used, so that ``--help`` stays instant."""
    if name not in _HOME:
        message = f"module 'ltvforecast' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(importlib.import_module(f"ltvforecast.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
