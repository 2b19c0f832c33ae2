"""What new customers bring: laws, closed forms, and whether the intervals hold."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.acquisition_types import AcquisitionFit
from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import Calendar, Dependence, Diagnostics, FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.programme_acquisition import acquisition_counts
from ltvforecast.forecast.horizon import Periods, parse_horizon, split_periods
from ltvforecast.forecast.newcomers import Newcomers, simulate_newcomers, why_no_newcomers
from ltvforecast.forecast_types import Horizon
from ltvforecast.transaction_types import Allocation
from tests.forecast.made_acquisitions import made_acquisitions
from tests.forecast.made_model import (
    AS_OF,
    AS_OF_DAY,
    CDNOW,
    made_customers,
    made_model,
    made_summary,
)
from tests.forecast.made_newcomers import made_newcomers

QUANTUM = 2.0**-20
LAW = {"r": 0.8, "kappa": 2.0, "s": 1.0, "beta": 30.0}


def acquisition(seed: int, *, partners: int, draws: int = 200, **changed: float) -> AcquisitionFit:
    """An acquisition fit that knows its parameters; its partners are p000, p001, ..."""
    values = {"mean": 3.0, **LAW, **changed}
    history = {**values, "s": max(values["s"], 0.01)}
    made = made_acquisitions(seed, partners=partners, months=20, **history)  # type: ignore[arg-type]
    values["alpha"] = values["r"] / values.pop("mean")
    return AcquisitionFit(
        status="open",
        reason="made",
        p_open=1.0,
        draws={name: np.full((draws, 1), value) for name, value in values.items()},
        point={},
        segments=("all",),
        partner_segment=np.zeros(len(made.counts.partner_ids), dtype=np.int64),
        counts=replace(
            made.counts,
            as_of=AS_OF,
            edges_day=made.counts.edges_day - made.counts.edges_day[-1] + AS_OF_DAY + 1,
        ),
        log_likelihood=0.0,
        diagnostics=Diagnostics(trusted=True, verdict="made"),
    )


def model_of(
    fit: AcquisitionFit,
    *,
    novelty: float = 0.0,
    concentration: float = 4.0,
    zero_share: float = 0.0,
) -> FittedModel:
    names = fit.counts.partner_ids
    none = np.zeros(len(names))
    customers = made_customers(none, none, none + 9.0, first=3000.0)  # so high that it is no limit
    allocation = Allocation(rule="share", novelty=novelty, concentration=concentration)
    summary = made_summary(customers, shares=[{name: 1.0} for name in names], allocation=allocation)
    model = made_model(summary, {**CDNOW, "zero_share": zero_share})
    return replace(model, acquisition=fit)


def year() -> Periods:
    return split_periods(parse_horizon("12mo", AS_OF), AS_OF)


def simulated(model: FittedModel, periods: Periods | None = None, **options: object) -> Newcomers:
    asked = {"draws": 400, "seed": 1, "quantum": QUANTUM, "workers": 1} | options
    return simulate_newcomers(model, periods or year(), **asked)  # type: ignore[arg-type]


def z_of(values: np.ndarray, expected: np.ndarray) -> float:
    difference = values - expected
    return float(difference.mean() / (difference.std() / np.sqrt(len(difference))))


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return model_of(acquisition(3, partners=12), novelty=0.1, zero_share=0.05)


@pytest.fixture(scope="module")
def found(model: FittedModel) -> Newcomers:
    return simulated(model, eligible_days=60.0)


def test_parts_are_parts(found: Newcomers) -> None:
    assert found.forecast
    assert found.eligible is not None
    assert (found.first_revenue <= found.revenue).all()
    assert (found.eligible <= found.revenue).all()
    assert (found.eligible >= found.first_revenue).all()
    assert not found.first_revenue[found.customers == 0].any()
    assert not found.customers[found.life_days == 0].any()
    np.testing.assert_array_equal(found.active, found.customers.sum(axis=2))


def test_threads_and_what_else_is_asked_change_no_number(
    model: FittedModel, found: Newcomers
) -> None:
    again = simulated(model, workers=3)
    assert again.eligible is None
    for name in ("customers", "revenue", "first_revenue", "life_days", "expected_revenue"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))


def test_a_partner_meets_the_same_numbers_in_any_company(found: Newcomers) -> None:
    fit = acquisition(3, partners=12)
    kept = [2, 5, 7]
    table = fit.counts
    few = replace(
        fit,
        partner_segment=fit.partner_segment[kept],
        counts=replace(
            table,
            partner_ids=tuple(table.partner_ids[k] for k in kept),
            counts=table.counts[kept],
            exposure=table.exposure[kept],
            start=table.start[kept],
        ),
    )
    alone, every = simulated(model_of(few)), simulated(model_of(fit))
    np.testing.assert_array_equal(alone.revenue, every.revenue[kept])


def test_every_amount_goes_to_one_partner(model: FittedModel) -> None:
    """With all novelty anywhere, partners get of repeat purchases what the programme shares say."""
    everywhere = model_of(acquisition(3, partners=12), novelty=1.0, concentration=np.inf)
    found = simulated(everywhere)
    repeats = (found.revenue - found.first_revenue).sum(axis=2)
    share = repeats.sum(axis=1) / repeats.sum()
    np.testing.assert_allclose(share, everywhere.summary.programme_share, atol=0.02)
    assert abs(z_of(found.revenue.sum((0, 2)), found.expected_revenue.sum(0))) < 4.0


def test_simulated_means_are_the_closed_forms(found: Newcomers) -> None:
    assert abs(z_of(found.customers.sum(axis=(0, 2)), found.expected_customers.sum(axis=0))) < 4.0
    assert abs(z_of(found.revenue.sum(axis=(0, 2)), found.expected_revenue.sum(axis=0))) < 4.0
    assert found.self_check["checked"]
    for revenue, expected in zip(found.revenue.sum(axis=2), found.expected_revenue, strict=True):
        assert abs(z_of(revenue.astype(float), expected)) < 5.0


def test_partners_with_parameters_of_their_own(model: FittedModel) -> None:
    partners = len(model.summary.partner_ids)
    levels = np.exp(np.linspace(-1.0, 1.0, partners))
    purchase = {name: np.repeat(v, partners, axis=1) for name, v in model.purchase.draws.items()}
    spend = {name: np.repeat(v, partners, axis=1) for name, v in model.spend.draws.items()}
    own = replace(
        model,
        purchase=replace(model.purchase, draws={**purchase, "alpha": purchase["alpha"] / levels}),
        spend=replace(model.spend, draws={**spend, "v": spend["v"] * levels}),
    )
    found = simulated(own)
    assert found.self_check["checked"]
    for revenue, expected in zip(found.revenue.sum(axis=2), found.expected_revenue, strict=True):
        assert abs(z_of(revenue.astype(float), expected)) < 5.0
    same = simulated(replace(own, purchase=replace(model.purchase, draws=purchase),
                             spend=replace(model.spend, draws=spend)))  # fmt: skip
    np.testing.assert_array_equal(same.revenue, simulated(model).revenue)


def test_twice_the_rate_brings_twice_the_customers_and_revenue() -> None:
    """Partners all alike who never stop: their rate is what the parameters say."""
    alike = {"r": 1e6, "s": 1e-6, "kappa": 50.0}
    one = simulated(model_of(acquisition(4, partners=6, mean=2.0, **alike)))
    two = simulated(model_of(acquisition(4, partners=6, mean=4.0, **alike)))
    for name in ("expected_customers", "expected_revenue"):
        np.testing.assert_allclose(getattr(two, name), 2.0 * getattr(one, name), rtol=1e-3)
    for name in ("customers", "revenue"):
        values = [getattr(each, name).sum(axis=(0, 2)) for each in (one, two)]
        error = np.hypot(2.0 * values[0].std(), values[1].std()) / np.sqrt(len(values[0]))
        assert abs(values[1].mean() - 2.0 * values[0].mean()) < 4.0 * error


def test_a_longer_horizon_begins_like_the_shorter_one(model: FittedModel) -> None:
    whole = simulated(model, seed=2)
    half = simulated(model, split_periods(parse_horizon("2026-06-30", AS_OF), AS_OF), seed=3)
    months = half.revenue.shape[2]
    assert months == 6
    for name in ("customers", "revenue", "first_revenue"):
        long = getattr(whole, name)[:, :, :months].sum(axis=(0, 2))
        short = getattr(half, name).sum(axis=(0, 2))
        assert abs(long.mean() - short.mean()) < 4.0 * np.hypot(long.std(), short.std()) / 20.0


def test_eligible_revenue_grows_with_the_days(model: FittedModel, found: Newcomers) -> None:
    longer = simulated(model, eligible_days=np.full(len(found.partner_ids), np.inf))
    none = simulated(model, eligible_days=0.0)
    assert longer.eligible is not None
    assert none.eligible is not None
    assert found.eligible is not None
    np.testing.assert_array_equal(longer.eligible, longer.revenue)
    np.testing.assert_array_equal(none.eligible, none.first_revenue)
    assert none.eligible.sum() < found.eligible.sum() < longer.eligible.sum()


def test_so_many_customers_that_not_each_is_simulated() -> None:
    """Of some 7,000 a draw 2,000 are simulated: the mean holds, and a spread of the right size."""
    model = model_of(acquisition(5, partners=3, r=1e6, s=1e-6, kappa=1e6, mean=600.0))
    few = model_of(acquisition(5, partners=3, r=1e6, s=1e-6, kappa=1e6, mean=60.0))
    large, small = simulated(model), simulated(few)
    assert large.active[1].min() > 4000
    assert 400 < small.active[1].min() <= small.active[1].max() < 2000
    each = [found.revenue.sum(axis=2)[1] - found.expected_revenue[1] for found in (large, small)]
    assert abs(z_of(each[0], np.zeros(400))) < 4.0
    # standard deviations rise like the square root of the number; each is known to 3.5 %, and the
    # parameter draws add nothing, being taken off
    assert each[0].std() / each[1].std() == pytest.approx(np.sqrt(10.0), rel=0.25)
    assert (large.first_revenue <= large.revenue).all()


@pytest.mark.parametrize("rho", [0.6, -0.6])
def test_frequent_buyers_who_spend_more_or_less(model: FittedModel, rho: float) -> None:
    plain = model_of(acquisition(3, partners=12))
    paired = replace(
        plain,
        dependence=Dependence(
            rho=rho, sd=0.01, likelihood_ratio=99.0, used=True, draws=np.full(200, rho), how="made"
        ),
    )
    found, without = simulated(paired), simulated(plain)
    change = found.revenue.sum() / without.revenue.sum() - 1.0
    assert np.sign(change) == np.sign(rho)
    assert abs(change) > 0.05
    # first purchases don't depend on how often one buys; later ones as the closed form says, but
    # for shapes taken in the middle of the posterior
    assert found.first_revenue.sum() == pytest.approx(without.first_revenue.sum(), rel=0.02)
    assert found.self_check["simulated"] == pytest.approx(found.self_check["closed_form"], rel=0.02)


def test_purchases_run_on_the_seasonal_clock(model: FittedModel) -> None:
    index = np.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    seasonal = replace(model, calendar=Calendar(kind="given", index=index, how="given"))
    found = simulated(seasonal)
    assert abs(z_of(found.revenue.sum(axis=(0, 2)), found.expected_revenue.sum(axis=0))) < 4.0
    np.testing.assert_array_equal(found.customers, simulated(model).customers)


def test_first_purchases_of_another_level(model: FittedModel) -> None:
    customers = model.summary.customers.assign(first_value=3000.0, spend_n=2, spend_sum=4000.0)
    other = replace(
        model,
        summary=replace(model.summary, customers=customers),
        spend=replace(model.spend, first_purchase=False),
    )
    paid = {}
    for name, each in (("as later ones", model), ("another level", other)):
        found = simulated(each)
        assert abs(z_of(found.revenue.sum(axis=(0, 2)), found.expected_revenue.sum(axis=0))) < 4.0
        paid[name] = found.first_revenue.sum() / found.customers.sum()
    assert paid["another level"] > 2.0 * paid["as later ones"]


def test_without_acquisition_nobody_comes_and_it_is_said(model: FittedModel) -> None:
    for none in (
        replace(model, acquisition=None),
        replace(model, acquisition=replace(acquisition(3, partners=12), status="closed")),
        replace(
            model, spend=replace(model.spend, draws={**model.spend.draws, "q": np.ones((9, 1))})
        ),
    ):
        found = simulated(none, eligible_days=30.0)
        assert not found.forecast
        assert found.reason == why_no_newcomers(none)
        assert found.reason
        assert found.revenue.shape == (len(model.summary.partner_ids), 400, 12)
        for name in ("customers", "revenue", "first_revenue", "eligible", "p_acquiring"):
            assert not getattr(found, name).any()


@pytest.mark.parametrize("data", ["closed cohort", "left-truncated"])
def test_histories_that_can_not_be_carried_on(data: str) -> None:
    frame, as_of = (
        (load_cdnow_sample(), None)
        if data == "closed cohort"
        else (load_complete_journey(), dt.date(2017, 12, 31))
    )
    summary = summarize(read_transactions(frame), as_of=as_of)
    model = fit_model(
        summary, draws=100, acquisition="auto", pooling="complete", calendar="off", dependence="off"
    )
    assert model.acquisition is not None
    assert model.acquisition.status == {"closed cohort": "closed"}.get(data, "unknown")
    found = simulate_newcomers(
        model,
        split_periods(parse_horizon("12mo", summary.as_of), summary.as_of),
        draws=50, seed=1, quantum=QUANTUM,
    )  # fmt: skip
    assert not found.forecast
    assert not found.revenue.any()
    assert "No new customers are forecast" in found.reason


def test_revenue_beyond_all_bounds_is_refused(model: FittedModel) -> None:
    with pytest.raises(ForecastError, match="beyond all bounds"):
        simulated(model, quantum=2.0**-60)


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [
        {},
        {"growth": 0.15, "season": 0.4, "kappa": 1.5},
        {"kappa": 50.0, "s": 3.0, "beta": 90.0, "r": 1.5},
    ],
    ids=["dying partners", "growth, campaigns and seasons", "steady"],
)
def test_intervals_of_customers_and_revenue_hold(truth: dict[str, float]) -> None:
    ranks, brier = [], []
    for seed in range(8):
        made = made_newcomers(seed, **truth)  # type: ignore[arg-type]
        summary = summarize(read_transactions(made.transactions), as_of=made.as_of)
        model = fit_model(
            summary, calendar="off", dependence="off", pooling="complete", acquisition="auto",
            draws=400, seed=seed,
        )  # fmt: skip
        assert acquisition_counts(summary).partner_ids == summary.partner_ids
        periods = split_periods(Horizon(text="12mo", days=made.horizon_days), made.as_of)
        found = simulate_newcomers(model, periods, draws=400, seed=seed, quantum=2.0**-16)
        share = np.random.default_rng(seed).random(len(summary.partner_ids))
        for place, name in enumerate(summary.partner_ids):
            came = found.customers[place].sum(axis=1), made.new_customers[name]
            paid = found.revenue[place].sum(axis=1) * found.quantum, made.new_revenue[name]
            ranks.append([(d < t).mean() + share[place] * (d == t).mean() for d, t in (came, paid)])
            brier.append((found.p_acquiring[place] - made.active[name]) ** 2)
    # some 450 partners: a binomial standard error of 1.4 points, and partners share parameters
    inside = (np.abs(2.0 * np.array(ranks) - 1.0) < 0.9).mean(axis=0)
    assert ((inside > 0.86) & (inside < 0.94)).all()
    assert np.mean(brier) < 0.065
