from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.covariate_types import CategoryCoding, CovariateLevel, NumberCoding
from ltvforecast.errors import ConfigError
from ltvforecast.fitting.covariate_rows import code_frame, code_one
from ltvforecast.fitting.covariates import CodedCovariates, code_covariates

AS_OF = dt.date(2025, 1, 1)


def coded(
    frame: pd.DataFrame,
    *names: str,
    level: CovariateLevel = "partner",
    segments: list[str] | None = None,
) -> CodedCovariates:
    return code_covariates(frame, names, level=level, as_of=AS_OF, segments=segments)


def made(size: int = 60, seed: int = 1) -> pd.DataFrame:
    """Covariates of every kind, some of them missing, none following from others."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "region": pd.Series(rng.choice(["north", "south", "west"], size), dtype="str"),
            "certified": pd.Series(rng.choice([True, False], size), dtype="boolean"),
            "size": rng.lognormal(2.0, 1.0, size),
            "joined": pd.Timestamp("2020-01-01")
            + pd.to_timedelta(rng.integers(0, 1500, size), unit="D"),
        }
    )
    for k, name in enumerate(frame):
        frame.loc[rng.choice(size, 5 + k, replace=False), name] = None
    return frame


def decoded(found: CodedCovariates, row: np.ndarray) -> dict[str, object]:
    """What a coded row says, read backwards."""
    told: dict[str, object] = {}
    at = 0
    for coding in found.codings:
        part = row[at : at + len(coding.columns)]
        at += len(coding.columns)
        if isinstance(coding, NumberCoding):
            unknown = coding.unknown and part[1] == 1.0
            told[coding.name] = None if unknown else part[0] * coding.sd + coding.mean
        else:
            own = [*coding.levels, *(["other levels"] if coding.merged else [])]
            hits = [label for label, cell in zip(own, part, strict=True) if cell == 1.0]
            told[coding.name] = hits[0] if hits else coding.reference
    return told


# --- what the columns are ------------------------------------------------------------------------


def test_categories_stand_against_the_most_frequent_one() -> None:
    frame = pd.DataFrame({"tier": list("aaaabbbccc")})
    found = coded(frame, "tier")
    assert found.names == ("tier = b", "tier = c")
    assert found.rows[:, 0].tolist() == [0.0] * 4 + [1.0] * 3 + [0.0] * 3
    assert found.rows[:, 1].tolist() == [0.0] * 7 + [1.0] * 3


def test_rare_categories_share_a_column_and_missing_ones_have_their_own() -> None:
    frame = pd.DataFrame({"tier": [*"aaaaabbbbcde", None, None]})
    found = coded(frame, "tier")
    assert found.names == ("tier = b", "tier = unknown", "tier = other levels")
    assert found.rows[9:12].tolist() == [[0.0, 0.0, 1.0]] * 3
    assert found.rows[12:].tolist() == [[0.0, 1.0, 0.0]] * 2
    assert "3 categories of fewer than 3 partners each" in found.notes[0]


def test_one_rare_category_keeps_its_column() -> None:
    assert coded(pd.DataFrame({"tier": list("aaaabbbbc")}), "tier").names[1] == "tier = c"


def test_yes_and_no_are_one_column_whichever_is_more_frequent() -> None:
    for share in (2, 8):
        yes = pd.Series([True] * share + [False] * (10 - share), dtype="boolean")
        found = coded(pd.DataFrame({"vip": yes}), "vip")
        assert found.names == ("vip = yes",)
        assert found.rows[:, 0].tolist() == yes.astype(float).tolist()


def test_numbers_are_standardised_and_missing_ones_marked() -> None:
    frame = pd.DataFrame({"size": [1.0, 2.0, 3.0, 6.0, np.nan, 2.0]})
    found = coded(frame, "size")
    assert found.names == ("size", "size = unknown")
    known = np.array([1.0, 2.0, 3.0, 6.0, 2.0])
    np.testing.assert_allclose(
        found.rows[[0, 1, 2, 3, 5], 0], (known - known.mean()) / known.std(), rtol=1e-12
    )
    assert found.rows[4].tolist() == [0.0, 1.0]


def test_dates_count_in_years_before_the_as_of_date() -> None:
    days = ["2024-01-01", "2022-01-01", "2023-01-01", "2023-01-01"]
    frame = pd.DataFrame({"joined": pd.to_datetime(days)})
    found = coded(frame, "joined")
    coding = found.codings[0]
    assert isinstance(coding, NumberCoding)
    assert found.names == ("joined, years ago",)
    assert coding.low == pytest.approx(366 / 365.25)
    assert found.rows[1, 0] > found.rows[2, 0] > found.rows[0, 0]


def test_numbers_of_customers_are_rounded_to_twenty_values_with_little_loss() -> None:
    rng = np.random.default_rng(5)
    age_now, orders_now = rng.normal(40.0, 10.0, 20_000), rng.integers(0, 9, 20_000)
    frame = pd.DataFrame({"age": age_now, "orders": orders_now})
    found = coded(frame, "age", "orders", level="customer")
    age, orders = found.rows.T
    assert len(np.unique(age)) == 20
    assert len(np.unique(orders)) == 9
    # 20 equally large groups of a normal covariate: sum of squared group means is 0.983, from
    # 20 * (phi(a) - phi(b)) ** 2 over its quantiles; a correlation of sqrt(0.983) = 0.9916
    assert np.corrcoef(age, frame["age"])[0, 1] == pytest.approx(0.9916, abs=0.001)
    np.testing.assert_allclose(found.rows.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(found.rows.std(axis=0), 1.0, rtol=1e-12)
    assert "rounded to 20 values" in found.notes[0]


# --- laws ----------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_decoding_undoes_coding(seed: int) -> None:
    frame = made(seed=seed)
    found = coded(frame, *frame)
    for number, row in enumerate(found.rows):
        told = decoded(found, row)
        region, certified = frame.loc[number, ["region", "certified"]]
        assert told["region"] == ("unknown" if pd.isna(region) else region)
        wanted = "unknown" if pd.isna(certified) else {True: "yes", False: "no"}[certified]
        assert told["certified"] == wanted
        size = frame.loc[number, "size"]
        assert told["size"] is None if pd.isna(size) else told["size"] == pytest.approx(size)


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_changes_only_the_order_of_rows(seed: int) -> None:
    frame = made(seed=seed)
    order = np.random.default_rng(seed).permutation(len(frame))
    for level in ("partner", "customer"):
        one = coded(frame, *frame, level=level)
        other = coded(frame.iloc[order].reset_index(drop=True), *frame, level=level)
        assert one.names == other.names
        np.testing.assert_allclose(other.rows, one.rows[order], rtol=1e-9, atol=1e-9)


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
def test_units_of_numbers_do_not_matter(seed: int, scale: float, shift: float) -> None:
    frame = made(size=100, seed=seed)
    other = frame.assign(size=frame["size"] * scale + shift)
    for level in ("partner", "customer"):
        np.testing.assert_allclose(
            coded(other, "size", level=level).rows,
            coded(frame, "size", level=level).rows,
            atol=1e-6,
        )


@settings(max_examples=8)
@given(st.integers(0, 10_000))
def test_the_kept_coding_gives_the_same_rows_again(seed: int) -> None:
    frame = made(seed=seed)
    for level in ("partner", "customer"):
        found = coded(frame, *frame, level=level)
        again, notes = code_frame(found.codings, frame)
        np.testing.assert_array_equal(again, found.rows)
        assert notes == ()
        number = seed % len(frame)
        typed = {
            name: "" if pd.isna(cell) else str(cell.date() if name == "joined" else cell)
            for name, cell in frame.loc[number].items()
        }
        row, notes = code_one(found.codings, typed)
        np.testing.assert_allclose(row, found.rows[number], rtol=1e-12, atol=1e-12)
        assert notes == ()


def test_names_and_columns_belong_together() -> None:
    frame = made()
    found = coded(frame, *frame)
    assert len(found.names) == found.rows.shape[1] == len(set(found.names))
    assert np.isfinite(found.rows).all()


# --- what is refused -----------------------------------------------------------------------------


def test_covariates_that_tell_nothing_are_refused() -> None:
    rows = 12
    frame = pd.DataFrame(
        {
            "same": ["a"] * rows,
            "none": pd.Series([None] * rows, dtype="str"),
            "flat": [3.0] * (rows - 1) + [np.nan],
            "yes": pd.Series([True] * rows, dtype="boolean"),
            "day": pd.to_datetime(["2024-01-01"] * rows),
        }
    )
    for name in ("same", "flat", "yes", "day"):
        with pytest.raises(ConfigError, match=f"covariate '{name}' is .* wherever it is known"):
            coded(frame, name)
    with pytest.raises(ConfigError, match="missing everywhere"):
        coded(frame, "none")
    with pytest.raises(ConfigError, match="no covariate 'other'"):
        coded(frame, "other")
    with pytest.raises(ConfigError, match="named twice"):
        coded(frame, "same", "same")


def test_yes_or_unknown_is_a_covariate() -> None:
    yes = pd.Series([True] * 6 + [None] * 4, dtype="boolean")
    assert coded(pd.DataFrame({"vip": yes}), "vip").names == ("vip = unknown",)


def test_covariates_that_follow_from_others_are_refused_by_name() -> None:
    frame = made(80).assign(twice=lambda each: each["size"] * 2.0)
    with pytest.raises(ConfigError, match="'size' and 'twice' say the same") as refused:
        coded(frame, "region", "size", "twice")
    assert refused.value.remedy == "leave out the covariate 'twice'"
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0, 7.0] * 5, "b": [3.0, 1.0, 4.0, 1.0] * 5})
    frame["sum"] = frame["a"] + frame["b"]
    with pytest.raises(ConfigError, match=r"'a' and 'b' and 'sum' say the same"):
        coded(frame, "a", "b", "sum")


def test_covariates_that_repeat_the_segments_are_refused() -> None:
    frame = pd.DataFrame({"tier": ["gold"] * 10 + ["silver"] * 10})
    segments = ["reseller"] * 10 + ["affiliate"] * 10
    with pytest.raises(ConfigError, match="'tier = silver' and the segment say the same"):
        coded(frame, "tier", segments=segments)
    assert coded(frame, "tier", segments=["x", "y"] * 10).names == ("tier = silver",)


def test_partners_of_whom_nothing_is_known_count_once() -> None:
    frame = made(80)
    frame.loc[:9, :] = None
    frame.loc[10:] = frame.loc[10:].bfill().ffill()
    found = coded(frame, *frame)
    assert [name for name in found.names if "unknown" in name] == ["region = unknown"]
    # with a segment of their own even that is told already
    segments = ["other"] * 10 + ["x", "y"] * 35
    segmented = coded(frame, *frame, segments=segments)
    assert not any("unknown" in name for name in segmented.names)
    assert len(segmented.notes) == 4
    # and their row is the average one
    average = segmented.rows[10:].mean(axis=0)
    np.testing.assert_allclose(segmented.rows[:10], np.tile(average, (10, 1)), atol=1e-12)


def test_too_many_columns_or_categories_are_refused() -> None:
    frame = pd.DataFrame({"tier": list("aaabbbcccddd")[:12]})
    assert len(coded(frame, "tier").names) == 3
    with pytest.raises(ConfigError, match=r"3 columns of partner covariates .* for 8 partners"):
        coded(pd.DataFrame({"tier": list("aabbbccc"), "n": np.arange(8.0) ** 2}), "tier", "n")
    names = [f"c{k % 40}" for k in range(40 * 31)]
    with pytest.raises(ConfigError, match="40 categories"):
        coded(pd.DataFrame({"code": names}), "code", level="customer")
    unique = pd.DataFrame({"email": [f"e{k}" for k in range(200)]})
    with pytest.raises(ConfigError, match="200 categories, 1 of them with 30 customers or more"):
        coded(unique, "email", level="customer")


def test_categories_that_are_but_names_of_partners_are_refused() -> None:
    for cities in (
        "abcdefghijkl",  # a category for each partner
        "aaabcdefghij",  # most partners alone in theirs
        "aabbccddeeff",  # none with more than two
    ):
        with pytest.raises(ConfigError, match="what is that partner's own") as refused:
            coded(pd.DataFrame({"city": list(cities)}), "city")
        assert "join categories" in refused.value.remedy
    with pytest.raises(ConfigError, match="12 categories for 12 partners, 12 of them with a"):
        coded(pd.DataFrame({"city": list("abcdefghijkl")}), "city")
    # half of the partners share theirs; and customers have no levels of their own
    assert coded(pd.DataFrame({"city": list("aaabbbcdefgh")}), "city").names == (
        "city = b", "city = other levels",
    )  # fmt: skip
    alone = pd.DataFrame({"city": [*"abcdefghijkl", *"a" * 60]})
    assert coded(alone, "city", level="customer").names == ("city = other levels",)


def test_covariates_that_leave_no_partners_to_differ_are_refused() -> None:
    sizes = [1.0, 2.0, 5.0]
    with pytest.raises(ConfigError, match=r"1 columns of partner covariates \(n\) for 3 partners"):
        coded(pd.DataFrame({"n": sizes}), "n")
    assert coded(pd.DataFrame({"n": sizes}), "n", level="customer").names == ("n",)
    assert coded(pd.DataFrame({"n": [*sizes, 9.0]}), "n").names == ("n",)


# --- new customers and partners ------------------------------------------------------------------


def test_what_a_user_types_is_not_guessed_at() -> None:
    frame = made()
    found = coded(frame, *frame)
    typed = {"region": "south", "certified": "Yes", "size": "7.5", "joined": "2023-05-01"}
    row, _ = code_one(found.codings, typed)
    told = decoded(found, row)
    assert (told["region"], told["certified"]) == ("south", "yes")
    assert told["size"] == pytest.approx(7.5)
    for name, value, message in (
        ("region", "east", "'east', which was never seen"),
        ("certified", "perhaps", "'perhaps', which was never seen"),
        ("size", "large", "size is 'large'"),
        ("size", "inf", "size is 'inf'"),
        ("joined", "May", "joined is 'May'"),
    ):
        with pytest.raises(ConfigError, match=message):
            code_one(found.codings, {**typed, name: value})
    with pytest.raises(ConfigError, match=r"one of: .*north"):
        code_one(found.codings, {**typed, "region": "east"})
    with pytest.raises(ConfigError, match="no covariate 'tier'; no value for the covariate 'size'"):
        code_one(found.codings, {"tier": 1, **{k: v for k, v in typed.items() if k != "size"}})


def test_numbers_beyond_what_was_seen_are_told() -> None:
    found = coded(pd.DataFrame({"n": [1.0, 2.0, 5.0, 2.0]}), "n")
    row, notes = code_one(found.codings, {"n": 11})
    coding = found.codings[0]
    assert isinstance(coding, NumberCoding)
    assert row[0] == pytest.approx((11 - coding.mean) / coding.sd)
    assert "beyond the 1 to 5 that were seen" in notes[0]
    assert "straight line" in notes[0]


def test_categories_never_seen_are_average_in_a_table_and_told() -> None:
    plain = coded(pd.DataFrame({"tier": list("aaaabbb")}), "tier")
    rows, notes = code_frame(plain.codings, pd.DataFrame({"tier": ["z", None, "b"]}))
    assert rows[:, 0].tolist() == pytest.approx([3 / 7, 3 / 7, 1.0])
    assert "counted as the average: 'z'" in notes[0]
    known = coded(pd.DataFrame({"tier": [*"aaaabbb", None]}), "tier")
    rows, notes = code_frame(known.codings, pd.DataFrame({"tier": ["z", None]}))
    assert rows.tolist() == [[pytest.approx(3 / 7), 0.0], [0.0, 1.0]]
    assert len(notes) == 1


def test_a_rare_category_that_was_seen_is_one_of_the_other_levels() -> None:
    found = coded(pd.DataFrame({"tier": list("aaaaabbbcde")}), "tier")
    coding = found.codings[0]
    assert isinstance(coding, CategoryCoding)
    assert coding.merged == ("c", "d", "e")
    assert code_one(found.codings, {"tier": "d"})[0].tolist() == [0.0, 1.0]
