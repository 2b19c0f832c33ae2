from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.stats import dirichlet_multinomial

from ltvforecast.data import attribution
from ltvforecast.data.attribution import (
    Shares,
    allocation_by_rule,
    choose_allocation,
    customer_shares,
)
from ltvforecast.data.datasets import load_complete_journey
from ltvforecast.errors import SummaryError
from ltvforecast.transaction_types import Allocation

RULES = ("share", "first", "last", "linear", "position")


def purchases(rows: list[tuple[str, str, int, float]]) -> pd.DataFrame:
    """Rows of (customer, partner, day, amount)."""
    frame = pd.DataFrame(rows, columns=["customer_id", "partner_id", "day", "amount"])
    micros = (frame["amount"] * 1e6).round().astype("int64")
    return frame.assign(amount_micros=micros).drop(columns="amount")


def as_mapping(shares: Shares) -> dict[tuple[str, str], float]:
    found = {}
    for k, customer in enumerate(shares.customer_ids):
        for j in range(shares.share_start[k], shares.share_start[k + 1]):
            partner = shares.partner_ids[shares.share_partner[j]]
            found[customer, partner] = float(shares.share_weight[j])
    return found


some_purchases = st.lists(
    st.tuples(
        st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["p1", "p2", "p3", "p4"]),
        st.integers(0, 400),
        st.sampled_from([0.0, 0.01, 1.0, 9.99, 1e6]),
    ),
    min_size=1,
    max_size=30,
).map(purchases)
allocations = st.builds(
    Allocation, rule=st.sampled_from(RULES), half_life_days=st.sampled_from([7.0, 60.0, np.inf])
)


@given(some_purchases, allocations)
@settings(max_examples=50)
def test_every_customers_shares_add_to_one(frame: pd.DataFrame, allocation: Allocation) -> None:
    shares = customer_shares(frame, allocation, as_of_day=400)
    sums = np.add.reduceat(shares.share_weight, shares.share_start[:-1])
    assert np.abs(sums - 1.0).max() < 1e-12
    assert (shares.share_weight > 0).all()
    assert abs(shares.programme_share.sum() - 1.0) < 1e-12
    assert shares.customer_ids == tuple(sorted(set(frame["customer_id"])))
    assert shares.partner_ids == tuple(sorted(set(frame["partner_id"])))


@given(some_purchases, allocations, st.permutations(["p1", "p2", "p3", "p4"]))
@settings(max_examples=50)
def test_renaming_partners_only_permutes(
    frame: pd.DataFrame, allocation: Allocation, names: list[str]
) -> None:
    renamed = dict(zip(["p1", "p2", "p3", "p4"], names, strict=True))
    before = as_mapping(customer_shares(frame, allocation, as_of_day=400))
    other = frame.assign(partner_id=frame["partner_id"].map(renamed))
    after = as_mapping(customer_shares(other, allocation, as_of_day=400))
    assert {(c, renamed[p]): w for (c, p), w in before.items()} == pytest.approx(after, rel=1e-12)


@given(some_purchases, allocations, st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_of_rows_changes_no_bit(frame: pd.DataFrame, allocation: Allocation, rnd) -> None:
    order = list(range(len(frame)))
    rnd.shuffle(order)
    one = customer_shares(frame, allocation, as_of_day=400)
    other = customer_shares(frame.iloc[order], allocation, as_of_day=400)
    assert as_mapping(one) == as_mapping(other)
    assert one.programme_share.tobytes() == other.programme_share.tobytes()


@given(some_purchases, allocations)
@settings(max_examples=50)
def test_partners_add_up_to_the_programme(frame: pd.DataFrame, allocation: Allocation) -> None:
    shares = customer_shares(frame, allocation, as_of_day=400)
    value = np.arange(1.0, len(shares.customer_ids) + 1.0)
    by_share = np.repeat(value, np.diff(shares.share_start)) * shares.share_weight
    by_partner = np.bincount(shares.share_partner, by_share, minlength=len(shares.partner_ids))
    assert by_partner.sum() == pytest.approx(value.sum(), rel=1e-12)


def test_rules_by_hand() -> None:
    frame = purchases(
        [
            ("c", "p", 0, 10.0),
            ("c", "q", 10, 30.0),
            ("c", "q", 20, 20.0),
            ("c", "r", 30, 20.0),
            ("c", "r", 30, 20.0),
        ]
    )
    expected = {
        "share": {"p": 0.1, "q": 0.5, "r": 0.4},
        "first": {"p": 1.0},
        "last": {"r": 1.0},
        "linear": {"p": 0.2, "q": 0.4, "r": 0.4},
        "position": {"p": 0.4, "q": 0.2, "r": 0.4},
    }
    for rule, wanted in expected.items():
        found = as_mapping(customer_shares(frame, Allocation(rule=rule), as_of_day=30))
        assert found == pytest.approx({("c", p): w for p, w in wanted.items()}), rule


def test_position_with_one_and_two_purchase_days() -> None:
    frame = purchases([("one", "p", 3, 5.0), ("two", "p", 3, 5.0), ("two", "q", 9, 1.0)])
    found = as_mapping(customer_shares(frame, Allocation(rule="position"), as_of_day=30))
    assert found == {("one", "p"): 1.0, ("two", "p"): 0.5, ("two", "q"): 0.5}


def test_a_first_day_at_two_partners_is_split_by_value() -> None:
    frame = purchases([("c", "p", 3, 30.0), ("c", "q", 3, 10.0), ("c", "q", 9, 99.0)])
    found = as_mapping(customer_shares(frame, Allocation(rule="first"), as_of_day=30))
    assert found == pytest.approx({("c", "p"): 0.75, ("c", "q"): 0.25})


def test_half_life_halves_the_weight_of_past_value() -> None:
    frame = purchases([("c", "p", 0, 8.0), ("c", "q", 60, 1.0)])
    allocation = Allocation(rule="share", half_life_days=20.0)
    found = as_mapping(customer_shares(frame, allocation, as_of_day=90))
    assert found == pytest.approx({("c", "p"): 0.5, ("c", "q"): 0.5})


def test_a_customer_whose_purchases_were_all_free_falls_back_to_visits() -> None:
    frame = purchases(
        [("c", "p", 0, 0.0), ("c", "p", 0, 0.0), ("c", "q", 60, 0.0), ("d", "q", 1, 5.0)]
    )
    found = as_mapping(customer_shares(frame, Allocation(rule="share"), as_of_day=90))
    assert found == pytest.approx({("c", "p"): 2 / 3, ("c", "q"): 1 / 3, ("d", "q"): 1.0})


def test_ancient_partners_are_not_dropped() -> None:
    frame = purchases([("c", "p", 0, 5.0), ("c", "q", 20_000, 5.0), ("d", "old", 0, 5.0)])
    allocation = Allocation(rule="share", half_life_days=7.0)
    found = as_mapping(customer_shares(frame, allocation, as_of_day=20_000))
    assert 0 < found["c", "p"] < 1e-200
    assert found["d", "old"] == 1.0


def test_rows_after_the_as_of_day_are_not_looked_at() -> None:
    frame = purchases([("c", "p", 0, 5.0), ("c", "q", 31, 5.0), ("d", "q", 32, 5.0)])
    shares = customer_shares(frame, Allocation(rule="share"), as_of_day=30)
    assert as_mapping(shares) == {("c", "p"): 1.0}
    assert shares.partner_ids == ("p",)
    with pytest.raises(SummaryError, match="no purchases up to the as-of date"):
        customer_shares(frame, Allocation(rule="share"), as_of_day=-1)


def test_error_refuses_several_partners_with_count_and_example() -> None:
    frame = purchases([("c", "p", 0, 5.0), ("b", "q", 31, 5.0), ("b", "p", 32, 5.0)])
    with pytest.raises(SummaryError, match=r"1 of 2 customers .* 'b' \(2: p, q\)") as raised:
        allocation_by_rule(frame, "error", as_of_day=50)
    assert "'share'" in raised.value.remedy
    assert allocation_by_rule(frame, "error", as_of_day=31).rule == "share"
    with pytest.raises(SummaryError, match="one of share, first"):
        allocation_by_rule(frame, "middle", as_of_day=50)


def test_nobody_with_two_partners_gives_the_trivial_allocation() -> None:
    frame = purchases([("c", "p", k, 5.0) for k in range(100)] + [("d", "q", 50, 1.0)])
    found = choose_allocation(frame, as_of_day=100)
    assert (found.half_life_days, found.novelty, found.concentration) == (np.inf, 0.0, np.inf)


@pytest.mark.parametrize(
    "frame",
    [
        purchases([("c", "pq"[k % 2], k, 5.0) for k in range(20)]),
        purchases([("c", "p", 0, 5.0), ("c", "q", 300, 5.0)]),
    ],
    ids=["short history", "few purchases"],
)
def test_too_little_history_is_said_and_keeps_all_of_the_past(frame: pd.DataFrame) -> None:
    found = choose_allocation(frame, as_of_day=int(frame["day"].max()))
    assert found.half_life_days == np.inf
    assert found.how.startswith("assumed, not chosen from the data")
    assert 0 < found.novelty < 0.5
    assert np.isfinite(found.concentration)


def test_score_is_the_dirichlet_multinomial_likelihood() -> None:
    # scipy.stats.dirichlet_multinomial, an independent implementation; the days' order is known
    # here, so the multinomial coefficient is taken out of it.
    share, programme = np.array([0.7, 0.3, 0.0]), np.array([0.2, 0.3, 0.5])
    count = np.array([4.0, 1.0, 2.0])
    point = np.array([-1.0, 0.8])
    novelty, phi = 1 / (1 + np.exp(1.0)), np.exp(0.8)
    alpha = phi * ((1 - novelty) * share + novelty * programme)
    coefficient = np.log(105.0)  # 7! / (4! 1! 2!)
    prior = sum(
        0.5 * ((x - centre) / spread) ** 2
        for x, (centre, spread) in zip(
            point, [attribution.PRIOR_NOVELTY, attribution.PRIOR_LOG_CONCENTRATION], strict=True
        )
    )
    loss, _ = attribution._loss(point, share, programme, count, np.array([7.0]))
    expected = dirichlet_multinomial.logpmf([4, 1, 2], alpha, 7) - coefficient
    assert prior - loss == pytest.approx(expected, rel=1e-12)


@given(st.floats(-5, 2), st.floats(-2, 7))
@settings(max_examples=30)
def test_gradient_of_the_score(logit_novelty: float, log_concentration: float) -> None:
    rng = np.random.default_rng(5)
    share = rng.dirichlet([0.3] * 4, 5).ravel()
    programme = np.tile(rng.dirichlet([1.0] * 4), 5)
    count = rng.integers(1, 9, 20).astype(float)
    days = count.reshape(5, 4).sum(axis=1)
    point = np.array([logit_novelty, log_concentration])
    _, slope = attribution._loss(point, share, programme, count, days)
    by_differences = approx_fprime(
        point, lambda x: attribution._loss(x, share, programme, count, days)[0], 1e-7
    )
    assert slope == pytest.approx(by_differences, rel=1e-4, abs=1e-3)


def simulated_choices(half_life: float | None, phi: float, seed: int) -> pd.DataFrame:
    """600 customers buy every fifth day for two years.

    Their own shares over 5 partners are Dirichlet; with a ``half_life`` every purchase copies a
    past one, recent ones more likely.
    """
    rng = np.random.default_rng(seed)
    customers, visits = 600, 146
    who = np.repeat(np.arange(customers), visits)
    day = np.tile(np.arange(visits) * 5, customers)
    if half_life is None:
        own = rng.dirichlet(phi * np.array([0.3, 0.3, 0.2, 0.1, 0.1]), customers)
        partner = (rng.random(len(who))[:, None] > np.cumsum(own[who], axis=1)).sum(axis=1)
    else:
        chosen = np.zeros((customers, visits), dtype=int)
        weight = np.zeros((customers, 5))
        for k in range(visits):
            base = (weight + 1e-9) / (weight + 1e-9).sum(axis=1, keepdims=True)
            base = 0.9 * base + 0.1 / 5
            pick = (rng.random(customers)[:, None] > np.cumsum(base, axis=1)).sum(axis=1)
            chosen[:, k] = np.minimum(pick, 4)
            weight *= 2.0 ** (-5.0 / half_life)
            weight[np.arange(customers), chosen[:, k]] += 1.0
        partner = chosen.ravel()
    return pd.DataFrame(
        {
            "customer_id": np.char.add("c", who.astype(str)),
            "partner_id": np.char.add("p", partner.astype(str)),
            "day": day.astype(np.int64),
            "amount_micros": np.full(len(who), 1_000_000, dtype=np.int64),
        }
    )


def test_steady_customers_are_foretold_by_bayes_rule() -> None:
    # Own shares Dirichlet(phi), phi = 2, seen over n = 58, 88 and 117 visits: the next visit's law
    # is (n * past share + phi * programme share) / (n + phi) with concentration n + phi, so
    # novelty is 2/60 to 2/119 and concentration 60 to 119, and all of the past counts alike.
    steady = choose_allocation(simulated_choices(None, 2.0, seed=1), as_of_day=730)
    assert steady.half_life_days > 730
    assert 2 / 119 < steady.novelty < 2 / 60
    assert 60 < steady.concentration < 119


def test_drifting_customers_need_recency() -> None:
    drifting = choose_allocation(simulated_choices(30.0, 0.0, seed=2), as_of_day=730)
    # Each purchase copies the weighted past (half-life 30 d): so must the shares that foretell it.
    assert 20 < drifting.half_life_days < 60


@pytest.fixture(scope="module")
def journey() -> pd.DataFrame:
    frame = load_complete_journey()
    day = (frame["date"] - pd.Timestamp("1970-01-01")).dt.days
    micros = (frame["amount"] * 1e6).round().astype("int64")
    return frame.assign(day=day, amount_micros=micros)


def allocation_error(journey: pd.DataFrame, allocation: Allocation, as_of_day: int) -> float:
    """Weighted absolute error of stores' next 182 days, the households' totals being known.

    Stores that 20 households had used.
    """
    past = journey[journey["day"] <= as_of_day]
    shares = customer_shares(past, allocation, as_of_day=as_of_day)
    later = journey[journey["day"].between(as_of_day + 1, as_of_day + 182)]
    later = later[later["customer_id"].isin(set(shares.customer_ids))]
    total = (
        later.groupby("customer_id")["amount"].sum().reindex(list(shares.customer_ids)).fillna(0)
    )
    worth = np.repeat(total.to_numpy(), np.diff(shares.share_start)) * shares.share_weight
    told = (1 - allocation.novelty) * np.bincount(
        shares.share_partner, worth, minlength=len(shares.partner_ids)
    ) + allocation.novelty * total.sum() * shares.programme_share
    actual = later.groupby("partner_id")["amount"].sum().reindex(list(shares.partner_ids)).fillna(0)
    households = past.groupby("partner_id")["customer_id"].nunique()
    big = (households.reindex(list(shares.partner_ids)) >= 20).to_numpy()
    return float(np.abs(told - actual.to_numpy())[big].sum() / actual.to_numpy()[big].sum())


def test_chosen_shares_foretell_stores_on_complete_journey(journey: pd.DataFrame) -> None:
    as_of_day = (pd.Timestamp("2017-07-02") - pd.Timestamp("1970-01-01")).days
    chosen = choose_allocation(journey[journey["day"] <= as_of_day], as_of_day=as_of_day)
    assert chosen.half_life_days == pytest.approx(66, abs=5)
    assert chosen.novelty == pytest.approx(0.087, abs=0.01)
    assert chosen.concentration == pytest.approx(6.4, abs=0.5)
    error = allocation_error(journey, chosen, as_of_day)
    others = {rule: allocation_error(journey, Allocation(rule=rule), as_of_day) for rule in RULES}
    assert error < 0.95 * min(others.values()), others


def test_choosing_ignores_row_order(journey: pd.DataFrame) -> None:
    some = journey[journey["customer_id"].str.endswith("7")]
    last = int(some["day"].max())
    shuffled = some.sample(frac=1.0, random_state=3)
    assert choose_allocation(some, as_of_day=last) == choose_allocation(shuffled, as_of_day=last)
