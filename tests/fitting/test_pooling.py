from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ConfigError, ConvergenceError
from ltvforecast.fit_types import Diagnostics, FitSettings, FittedModel
from ltvforecast.fitting import pooling
from ltvforecast.fitting.fit_model import Method, fit_model
from ltvforecast.fitting.hierarchy import new_partner_purchases
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.hierarchy_spend import new_partner_spend
from ltvforecast.fitting.pooling import Together, partners_apart, with_flags
from ltvforecast.fitting.sampled_fit import ChainSettings
from ltvforecast.transaction_types import CustomerSummary

NAMES = ("r", "alpha", "a", "b", "p", "q", "v", "zero_share")


@pytest.fixture(scope="module")
def summary() -> CustomerSummary:
    made = simulate_programme(partners=6, customers=300, days=400, seed=4).transactions
    return summarize(read_transactions(made))


@pytest.fixture(scope="module")
def partial(summary) -> FittedModel:
    return fit_model(summary, draws=200)


def shapes(model: FittedModel) -> dict[str, tuple[int, ...]]:
    return {n: v.shape for n, v in {**model.purchase.draws, **model.spend.draws}.items()}


def test_partners_differ_by_default_and_what_they_share_is_kept_once(summary, partial) -> None:
    own = len(summary.partner_ids)
    wanted = {name: (200, own if name in ("alpha", "a", "b", "v") else 1) for name in NAMES}
    assert shapes(partial) == wanted
    assert partial.settings.pooling == "partial"


def test_the_table_and_the_hyperparameters_stay_with_the_model(summary, partial) -> None:
    levels = partial.partner_levels
    assert levels is not None
    assert tuple(levels.table["partner_id"]) == summary.partner_ids
    assert levels.table["customers"].sum() == len(summary)
    assert {"purchase_rate_shrinkage", "mean_spend_shrinkage", "warnings"} <= set(levels.table)
    assert levels.shared["mean_log_rate"].shape == (200, len(levels.segment_names))
    assert levels.shared["sd_log_spend"].shape == (200,)
    assert "6 partners" in levels.how
    name = levels.segment_names[0]
    bought = new_partner_purchases(levels, name, np.random.default_rng(1))
    paid = new_partner_spend(levels, name, np.random.default_rng(1))
    assert all(
        len(draws) == 200 and (draws > 0).all() for draws in [*bought.values(), *paid.values()]
    )


def test_segments_come_from_the_table_of_partners(summary) -> None:
    told = pd.DataFrame({"partner_id": list(summary.partner_ids[:2]), "segment": ["shop", "blog"]})
    place = partners_apart(
        dataclasses.replace(summary, partner_table=told), FitSettings(pooling="partial")
    )
    assert not isinstance(place, Together)
    named = [place.groups.segments[k] for k in place.groups.segment_of]
    assert named == ["shop", "blog", *["other"] * (len(summary.partner_ids) - 2)]


def test_complete_pooling_is_one_group(summary) -> None:
    model = fit_model(summary, pooling="complete", draws=200)
    assert set(shapes(model).values()) == {(200, 1)}
    assert model.partner_levels is None
    assert not any("taken together" in flag for flag in model.purchase.diagnostics.flags)


def test_two_partners_are_too_few_and_it_is_said(summary) -> None:
    kept = np.isin(summary.customers["partner_id"], summary.partner_ids[:2])
    few = dataclasses.replace(summary, customers=summary.customers[kept].reset_index(drop=True))
    place = partners_apart(few, FitSettings(pooling="partial"))
    assert isinstance(place, Together)
    assert "too few" in place.why


def test_point_fits_take_partners_together_and_say_so(summary) -> None:
    model = fit_model(summary, method="mle")
    assert set(shapes(model).values()) == {(1, 1)}
    assert any("taken together" in flag for flag in model.purchase.diagnostics.flags)
    assert "complete pooling" in model.purchase.diagnostics.verdict


def test_spend_by_its_mean_is_shared_and_that_is_said(summary) -> None:
    model = fit_model(summary, spend="gamma-gamma-mean", draws=200)
    assert model.spend.draws["v"].shape == (200, 1)
    assert model.purchase.draws["alpha"].shape[1] == len(summary.partner_ids)
    assert any("share one level of spend" in flag for flag in model.spend.diagnostics.flags)
    assert model.partner_levels is not None
    assert "mean_spend" not in model.partner_levels.table


@pytest.mark.parametrize("method", ["laplace", "nuts"])
def test_where_all_customers_spend_the_same_partners_share_the_level(
    summary, method: Method
) -> None:
    n = summary.customers["spend_n"]
    alike = summary.customers.assign(
        first_value=5.0, spend_sum=5.0 * n, spend_log_sum=n * np.log(5.0),
        monetary_value=np.where(n > 1, 5.0, 0.0),
    )  # fmt: skip
    settings = FitSettings(method=method, pooling="partial")
    partners = partners_apart(summary, settings)
    assert not isinstance(partners, Together)
    found = pooling.pool_spend(
        alike, partners, settings, ChainSettings(), on_refusal="sample",
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert isinstance(found, Together)
    assert "spend (nearly) the same" in found.why


def test_no_pooling_borrows_less_and_warns(summary, partial) -> None:
    alone = fit_model(summary, pooling="none", draws=200, dependence="off")
    assert "more accurate" in alone.purchase.diagnostics.flags[-1]
    assert alone.partner_levels is not None
    assert partial.partner_levels is not None
    column = "dropout_shrinkage"
    assert (alone.partner_levels.table[column] > partial.partner_levels.table[column]).all()
    wide, narrow = (np.log(m.purchase.draws["a"] / m.purchase.draws["b"]) for m in (alone, partial))
    assert wide.std(axis=0).mean() > narrow.std(axis=0).mean()


def test_no_pooling_by_chains_is_refused(summary) -> None:
    with pytest.raises(ConfigError, match="pooling 'none'"):
        partners_apart(summary, FitSettings(pooling="none", method="nuts"))


def refuse(*_arguments: object, **_options: object) -> Refused:
    return Refused(what="the partners' purchase processes", gates=("k-hat 0.9",))


def test_a_refusal_takes_partners_together_where_that_is_asked(summary, monkeypatch) -> None:
    monkeypatch.setattr(pooling, "fit_partner_purchases", refuse)
    model = fit_model(summary, draws=200, on_refusal="together")
    assert model.partner_levels is None
    assert set(shapes(model).values()) == {(200, 1)}
    assert any("k-hat 0.9" in flag for flag in model.purchase.diagnostics.flags)


def test_a_refusal_is_sampled_and_the_progress_says_why(summary, monkeypatch, partial) -> None:
    told: list[str] = []

    def chains(history, partners, settings, *, covariates, rng):
        assert settings.method == "nuts"
        settings.progress("sampling", 0, 1)
        table = partial.partner_levels
        return pooling.PartnerPurchases(
            purchase=partial.purchase,
            shared=table.shared,
            shrinkage={
                "log_rate": table.table["purchase_rate_shrinkage"].to_numpy(),
                "dropout_logit": table.table["dropout_shrinkage"].to_numpy(),
            },
            segment_names=partners.groups.segments,
            segment=partners.groups.segment_of,
        )

    monkeypatch.setattr(pooling, "fit_partner_purchases", refuse)
    monkeypatch.setattr(pooling, "sample_partner_purchases", chains)
    model = fit_model(summary, draws=200, progress=lambda *step: told.append(step[0]))
    assert any("refused, sampling" in label for label in told)
    assert any("Markov chains were run instead" in f for f in model.purchase.diagnostics.flags)
    with pytest.raises(ConvergenceError, match="each partner by itself"):
        fit_model(summary, pooling="none", draws=200)


def test_a_refusal_with_covariates_is_sampled_with_them(summary, monkeypatch) -> None:
    told: list[object] = []

    def chains(*_arguments: object, covariates: object, rng: object) -> object:
        told.append(covariates)
        raise ConvergenceError("31 divergent steps", expected="none", remedy="pool")

    table = pd.DataFrame({"partner_id": list(summary.partner_ids), "segment": "all"})
    described = dataclasses.replace(
        summary, partner_table=table.assign(certified=[k % 2 == 0 for k in range(len(table))])
    )
    monkeypatch.setattr(pooling, "fit_partner_purchases", refuse)
    monkeypatch.setattr(pooling, "sample_partner_purchases", chains)
    model = fit_model(described, draws=200, dependence="off", covariates=["certified"])
    design = told[0].design
    assert design.names == ("certified = yes",)
    assert told[0].home.tolist() == [
        summary.partner_ids.index(name) for name in summary.customers["partner_id"]
    ]
    # and where chains fail too, the ranges of all alike are called what they are
    words = model.purchase.diagnostics.verdict
    assert "31 divergent steps" in words
    assert "What goes with partners' certified is told with ranges that are too narrow" in words
    assert "--pooling" not in words


def test_where_chains_fail_too_partners_are_alike_and_it_is_said(summary, monkeypatch) -> None:
    def diverging(*_arguments: object, **_options: object) -> object:
        raise ConvergenceError("31 divergent steps", expected="none", remedy="pool")

    monkeypatch.setattr(pooling, "fit_partner_purchases", refuse)
    monkeypatch.setattr(pooling, "sample_partner_purchases", diverging)
    model = fit_model(summary, draws=200, dependence="off")
    assert model.purchase.draws["alpha"].shape == (200, 1)
    told = " ".join(model.purchase.diagnostics.flags)
    assert "k-hat 0.9" in told
    assert "31 divergent steps" in told
    assert "complete pooling" in told


def test_flags_reach_the_verdict() -> None:
    plain = Diagnostics(trusted=True, verdict="Fine.")
    assert with_flags(plain, ["", "one thing"]).verdict == "Fine. One thing."
    assert with_flags(plain, [""]) is plain


@pytest.mark.slow
def test_chains_give_the_same_record_as_the_fast_posterior(summary, partial) -> None:
    model = fit_model(summary, method="nuts", draws=400)
    assert shapes(model) == {n: (400, s[1]) for n, s in shapes(partial).items()}
    both = (model.partner_levels, partial.partner_levels)
    assert set(both[0].table) == set(both[1].table)
    for name in ("mean_log_rate", "sd_log_rate", "mean_log_spend", "sd_log_spend"):
        one, other = (each.shared[name] for each in both)
        assert one.shape[1:] == other.shape[1:]
        # 200 and 400 draws: means within some standard errors
        assert abs(one.mean() - other.mean()) < 0.4 * other.std()
    rate = [each.table["purchase_rate"].to_numpy() for each in both]
    np.testing.assert_allclose(rate[0], rate[1], rtol=0.15)
