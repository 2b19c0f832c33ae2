from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.errors import ForecastError
from ltvforecast.forecast.prepare import PROGRAMME
from ltvforecast.forecast.revenue_streams import (
    CONCENTRATIONS,
    _dirichlet,
    learn_mix,
    split_by_stream,
    stream_table,
)

STREAMS = ("initial", "renewal", "service")


def made_history(
    shares: np.ndarray, purchases: np.ndarray, *, size: float = 10.0, first: bool = False
) -> pd.DataFrame:
    """Give partners so many equal purchases, split as told (fractions of a purchase are fine)."""
    partners, streams = shares.shape
    count = (shares * purchases[:, None]).ravel()
    return pd.DataFrame(
        {
            "partner_id": np.repeat([f"p{k:03d}" for k in range(partners)], streams),
            "revenue_stream": np.tile(STREAMS[:streams], partners),
            "first": first,
            "revenue": count * size,
            "purchases": np.ceil(count).astype(np.int64),
            "recent_revenue": count * size,
            "recent_squares": count * size**2,
        }
    )


def ids(count: int) -> list[str]:
    return [f"p{k:03d}" for k in range(count)]


def simulated(rng, *, partners: int, concentration: float, base, purchases) -> tuple:
    mix = rng.dirichlet(concentration * np.asarray(base), size=partners)
    counts = np.array([rng.multinomial(n, m) for n, m in zip(purchases, mix, strict=True)])
    return mix, counts


money = st.floats(0, 1e9, allow_nan=False)


@settings(max_examples=40)
@given(
    data=st.data(),
    size=st.tuples(st.integers(1, 6), st.integers(1, 4)),
    new=st.booleans(),
    by_period=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_streams_add_up_in_every_draw(data, size, new, by_period, seed) -> None:
    draws, partners = size
    rng = np.random.default_rng(seed)
    purchases = rng.choice([0.0, 1.0, 3.0, 1e4], partners)
    shares = rng.dirichlet([0.2, 0.2, 0.2], partners)
    history = pd.concat(
        [made_history(shares, purchases), made_history(shares[::-1], purchases, first=True)]
    )
    shape = (draws, partners, 3) if by_period else (draws, partners)

    def some() -> np.ndarray:
        count = int(np.prod(shape))
        return np.array(data.draw(st.lists(money, min_size=count, max_size=count))).reshape(shape)

    existing, first, later = some(), some() if new else None, some() if new else None
    split = split_by_stream(existing, partner_ids=ids(partners), stream_history=history,
                            seed=seed, first=first, later=later)  # fmt: skip
    whole = existing + (first + later if new else 0.0)
    whole = whole.sum(axis=2) if by_period else whole
    assert split.revenue.shape == (draws, partners, len(STREAMS))
    assert (split.revenue >= 0).all()
    np.testing.assert_allclose(split.revenue.sum(axis=2), whole, rtol=1e-12, atol=1e-9)


def test_no_purchase_anywhere_still_adds_up() -> None:
    history = made_history(np.full((2, 3), 1 / 3), np.zeros(2))
    split = split_by_stream(np.ones((50, 2)), partner_ids=ids(2), stream_history=history, seed=1)
    np.testing.assert_allclose(split.revenue.sum(axis=2), 1.0)


def test_many_purchases_speak_for_themselves_and_few_borrow() -> None:
    rng = np.random.default_rng(3)
    purchases = np.array([*[200] * 30, 20_000, 1])
    shares = np.vstack([rng.dirichlet([5.0, 15.0, 0.0001], 30), [[0.9, 0.1, 0.0], [1.0, 0, 0]]])
    history = made_history(shares, purchases)
    names = ids(32)
    split = split_by_stream(
        np.full((2000, 32), 1e6), partner_ids=names, stream_history=history, seed=1
    )
    mean = split.revenue.mean(axis=0) / 1e6
    assert mean[30] == pytest.approx([0.9, 0.1, 0.0], abs=0.003)
    # its own single purchase says 1, the others' mixes about .25 with a concentration of 20
    assert 0.22 < mean[31, 0] < 0.40


def test_the_concentration_is_learnt_from_how_partners_differ() -> None:
    """Over 30 programmes of 60 partners the posterior mean of log A is unbiased to 0.25."""
    for truth in (2.0, 30.0):
        means = []
        for seed in range(30):
            rng = np.random.default_rng([seed, int(truth)])
            purchases = rng.integers(5, 60, 60)
            _, counts = simulated(
                rng, partners=60, concentration=truth, base=(0.2, 0.5, 0.3), purchases=purchases
            )
            shares = counts / purchases[:, None]
            mix = learn_mix(made_history(shares, purchases), ids(60), STREAMS, first=False)
            means.append(float(mix.weight @ np.log(CONCENTRATIONS)))
        assert np.mean(means) == pytest.approx(np.log(truth), abs=0.25)


def test_intervals_hold_what_comes() -> None:
    """Partners' mixes from a Dirichlet, purchases of equal size: 90 % of later shares inside.

    40 programmes of 50 partners; partners of a programme share its learnt mix, so that the
    standard error is taken over programmes (about 0.006); 4 of them are allowed.
    """
    inside, wide = [], []
    for seed in range(40):
        rng = np.random.default_rng([9, seed])
        purchases, ahead = rng.integers(1, 40, 50), rng.integers(1, 40, 50)
        mix, counts = simulated(
            rng, partners=50, concentration=6.0, base=(0.15, 0.6, 0.25), purchases=purchases
        )
        came = np.array([rng.multinomial(n, m) for n, m in zip(ahead, mix, strict=True)])
        history = made_history(counts / purchases[:, None], purchases)
        split = split_by_stream(
            np.tile(ahead * 10.0, (300, 1)), partner_ids=ids(50), stream_history=history, seed=seed
        )
        # what came is a whole number of purchases: its place among the draws, by a random part
        # of the jump
        drawn, actual = split.revenue[:, :, 1] / 10.0, came[:, 1]
        below = (drawn < actual - 0.5).mean(axis=0)
        upto = (drawn <= actual + 0.5).mean(axis=0)
        pit = below + rng.uniform(size=50) * (upto - below)
        inside.append(((pit > 0.05) & (pit < 0.95)).mean())
        wide.append(((pit > 0.25) & (pit < 0.75)).mean())
    error = np.std(inside) / np.sqrt(len(inside))
    assert np.mean(inside) == pytest.approx(0.90, abs=max(4 * error, 0.02))
    assert np.mean(wide) == pytest.approx(0.50, abs=0.05)


def test_one_purchase_ahead_is_of_one_stream() -> None:
    history = made_history(np.array([[0.3, 0.7, 0.0]]), np.array([1000.0]))
    split = split_by_stream(
        np.full((1000, 1), 10.0), partner_ids=ids(1), stream_history=history, seed=4
    )
    share = split.revenue[:, 0, 0] / 10.0
    assert np.mean((share > 0.05) & (share < 0.95)) < 0.1
    # mean .3 of a share that is nearly 0 or 1: standard error .0145; five of them
    assert share.mean() == pytest.approx(0.3, abs=0.073)
    assert (split.revenue[:, 0, 2] == 0).all()  # never sold, never forecast


def test_first_purchases_have_a_mix_of_their_own() -> None:
    history = pd.concat(
        [
            made_history(np.array([[0.0, 1.0, 0.0]]), np.array([500.0])),
            made_history(np.array([[1.0, 0.0, 0.0]]), np.array([500.0]), first=True),
        ]
    )
    existing, first, later = (np.full((20, 1), amount) for amount in (5.0, 3.0, 1.0))
    both = split_by_stream(
        existing, partner_ids=ids(1), stream_history=history, seed=1, first=first, later=later
    )
    np.testing.assert_allclose(both.revenue[:, 0], np.tile([3.0, 6.0, 0.0], (20, 1)))


def test_a_partner_s_draws_do_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(2)
    history = made_history(rng.dirichlet([1, 1, 1], 6), rng.integers(1, 30, 6))
    money = rng.gamma(2.0, 100.0, (40, 6))
    names = ids(6)
    one = split_by_stream(money, partner_ids=names, stream_history=history, seed=5)
    turned = split_by_stream(
        money[:, ::-1], partner_ids=names[::-1], stream_history=history.iloc[::-1], seed=5
    )
    np.testing.assert_allclose(one.revenue, turned.revenue[:, ::-1], rtol=1e-9)
    again = split_by_stream(money, partner_ids=names, stream_history=history, seed=6)
    assert not np.allclose(one.revenue, again.revenue)


def test_tiny_parameters_make_no_nan() -> None:
    alpha = np.array([[1e-12, 1e-12, 0.0], [1e-300, 1.0, 1e-5]] * 500)
    drawn = _dirichlet(alpha, np.random.default_rng(1))
    assert np.isfinite(drawn).all()
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0)
    assert (drawn[::2, 2] == 0).all()
    # each of two equal, tiny ones has all or nothing: half of 500 with standard error .022
    assert drawn[::2, 0].mean() == pytest.approx(0.5, abs=0.1)


def test_dirichlet_has_the_known_moments() -> None:
    alpha = np.array([0.4, 1.5, 3.0])
    drawn = _dirichlet(np.tile(alpha, (40_000, 1)), np.random.default_rng(7))
    mean, total = alpha / alpha.sum(), alpha.sum()
    sd = np.sqrt(mean * (1 - mean) / (total + 1))
    assert (np.abs(drawn.mean(axis=0) - mean) < 4 * sd / 200).all()
    assert drawn.std(axis=0) == pytest.approx(sd, rel=0.03)


@pytest.mark.parametrize(
    "bad", [np.ones((2, 3)), np.ones(2), np.array([[np.nan, 1.0]]), np.array([[-1.0, 1.0]])]
)
def test_what_does_not_fit_is_refused(bad: np.ndarray) -> None:
    history = made_history(np.full((2, 3), 1 / 3), np.ones(2))
    with pytest.raises(ForecastError):
        split_by_stream(bad, partner_ids=ids(2), stream_history=history, seed=1)
    with pytest.raises(ForecastError):
        split_by_stream(
            np.ones((1, 2)), partner_ids=ids(2), stream_history=history, seed=1, first=bad
        )


def test_the_table_has_the_programme_first_and_adds_up() -> None:
    rng = np.random.default_rng(8)
    history = made_history(rng.dirichlet([1, 4, 2], 3), np.array([10.0, 20.0, 5.0]))
    money = rng.gamma(2.0, 100.0, (200, 3))
    names = ids(3)
    split = split_by_stream(money, partner_ids=names, stream_history=history, seed=5)
    table = stream_table(split, partner_ids=names, stream_history=history, levels=(50, 90),
                         ranked=["p002", "p000", "p001"])  # fmt: skip
    assert table.columns.tolist() == [
        "partner_id", "revenue_stream", "revenue_to_date", "future_revenue",
        "future_revenue_lo_50", "future_revenue_hi_50", "future_revenue_lo_90",
        "future_revenue_hi_90", "share",
    ]  # fmt: skip
    assert table["partner_id"].drop_duplicates().tolist() == [PROGRAMME, "p002", "p000", "p001"]
    sums = table.groupby("partner_id")[["revenue_to_date", "future_revenue", "share"]].sum()
    assert sums["share"].to_numpy() == pytest.approx(1.0)
    assert sums.loc["p001", "future_revenue"] == pytest.approx(money[:, 1].mean())
    assert sums.loc[PROGRAMME, "future_revenue"] == pytest.approx(money.sum(axis=1).mean())
    assert sums.loc[PROGRAMME, "revenue_to_date"] == pytest.approx(350.0)
    first = table[table["partner_id"] == PROGRAMME]["future_revenue"]
    assert first.is_monotonic_decreasing


def test_partners_without_a_forecast_have_no_share() -> None:
    history = made_history(np.full((2, 3), 1 / 3), np.ones(2))
    split = split_by_stream(np.zeros((5, 2)), partner_ids=ids(2), stream_history=history, seed=5)
    table = stream_table(split, partner_ids=ids(2), stream_history=history, levels=(90,))
    assert (table["share"] == 0).all()
    assert (table["future_revenue"] == 0).all()
