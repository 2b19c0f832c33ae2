"""A forecast made by hand, with every column a report needs and no model behind it."""

from __future__ import annotations

import datetime as dt
import itertools
import math

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.economics_types import Economics
from ltvforecast.forecast.economics_file import economics_record
from ltvforecast.forecast_types import ForecastSpec, Horizon, PartnerForecast

AS_OF = dt.date(2024, 12, 31)
EPOCH = dt.date(1970, 1, 1)
LEVELS = (50, 80, 90)
DRAWS = 200
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "$\\frac{1}{0}$ & $x",
    "_hidden\x00\x1b[31m\r\nline",
    "\u202eevil\u202c",
    "שלום עולם",
    "漢字 パートナー",
    "x" * 3000,
    "=1+1",
    "&lt;b&gt;",
    "\U0001f984",
    "\ufffe",
)


def make_forecast(
    *,
    names: tuple[str, ...] | None = None,
    partners: int = 30,
    customers: int = 400,
    history_days: int = 730,
    revenue_scale: float = 1000.0,
    decline_known: bool = True,
    economics: Economics | None = None,
    currency: str | None = "USD",
    horizon: Horizon | None = None,
    as_of: dt.date = AS_OF,
    seed: int = 1,
    newcomers: bool = False,
    segments: tuple[str, ...] = ("all partners",),
    costs: tuple[float, ...] = (math.nan,),
) -> PartnerForecast:
    """Partners take turns in segments and costs; a cost is as many times ``revenue_scale``."""
    rng = np.random.default_rng(seed)
    names = names or tuple(f"Partner {number:04d}" for number in range(1, partners + 1))
    horizon = horizon or Horizon(text="12mo", days=365.25)
    economics = economics or Economics()
    size = 1.0 / np.arange(1, len(names) + 1) ** 1.1
    common = rng.normal(1.0, 0.05, (DRAWS, 1))
    existing = (
        revenue_scale
        * 60
        * size
        * common
        * rng.gamma(20 * size + 0.3, 1 / (20 * size + 0.3), (DRAWS, len(names)))
    )
    active = rng.binomial((customers * size / size.sum()).astype(int), 0.6, (DRAWS, len(names)))
    history = _history(
        pd.Series(size, index=list(names)),
        rng=rng,
        as_of=as_of,
        history_days=history_days,
        scale=revenue_scale,
    )
    to_date = history.groupby("partner_id")["revenue"].sum().reindex(names, fill_value=0.0)
    decline = rng.uniform(0, 1, len(names)) if decline_known else np.nan
    quantities = _quantities(
        existing,
        active.astype(float),
        economics=economics,
        newcomers=newcomers,
        size=size,
        rng=rng,
    )
    cac = revenue_scale * np.resize(np.array(costs), len(names))
    table = pd.DataFrame(
        {
            "partner_id": list(names),
            "segment": np.resize(np.array(segments, dtype=object), len(names)),
            "customers": np.maximum(1, (customers * size / size.sum()).round()).astype(int),
            "revenue_to_date": to_date.to_numpy(),
            **_columns(quantities, to_date.to_numpy(), cac),
            "p_churn": np.clip(0.9 * (1 - size), 0, 1),
            "p_decline": decline,
            "p_acquiring": np.clip(0.99 * size**0.3, 0, 1) if newcomers else np.nan,
            "warnings": "",
        }
    )
    table = table.sort_values(["ltv", "partner_id"], ascending=[False, True], ignore_index=True)
    total = table["ltv"].sum()
    table["share"] = table["ltv"] / total if total else 0.0
    table["cumulative_share"] = table["share"].cumsum()
    before = table["cumulative_share"] - table["share"]
    table["tail"] = np.where(before < 0.8, "head", "long_tail")
    return PartnerForecast(
        partners=table,
        customers=pd.DataFrame({"customer_id": [f"c{i}" for i in range(customers)]}),
        periods=_periods(names, quantities, horizon, as_of),
        segments=_segments(table, quantities, names),
        streams=None,
        programme=_programme(table, quantities, cac, names, customers),
        draws=xr.Dataset(
            {
                name: (("draw", "partner"), values)
                for name, values in quantities.items()
                if name != "future_revenue" and np.isfinite(values).all()
            },
            coords={"draw": np.arange(DRAWS), "partner": list(names)},
        ),
        history=history,
        spec=ForecastSpec(
            horizon=horizon, draws=DRAWS, levels=LEVELS, economics=economics, seed=seed
        ),
        provenance={
            **_provenance(history, as_of, currency),
            "new_customers": {
                "included": newcomers,
                "why": "Everybody seen for the first time counts as a new customer."
                if newcomers
                else "New customers are not forecast: the model was fitted without them.",
            },
            "economics": economics_record(economics),
            "partner_terms": ["acquisition_cost"] if np.isfinite(cac).any() else [],
        },
        new_partners=_new_partners(segments, scale=revenue_scale) if newcomers else None,
    )


def _new_partners(segments: tuple[str, ...], *, scale: float) -> pd.DataFrame:
    """One more partner of each segment; the first is worth the most."""
    rank = np.arange(len(segments))
    worth = {"ltv": 3.0, "expected_ltv": 3.0, "future_revenue": 5.0, "new_customers": 0.02}
    columns: dict[str, object] = {}
    for name, size in worth.items():
        middle = scale * size / (1.0 + rank)
        columns[name] = middle
        for level in LEVELS:
            columns |= {
                f"{name}_lo_{level}": middle * (1.0 - 0.01 * level),
                f"{name}_hi_{level}": middle * (1.0 + 0.02 * level),
            }
    return pd.DataFrame(
        {
            "partner_id": "",
            "segment": list(segments),
            "partners": 5,
            **columns,
            "max_affordable_cac": 0.4 * scale / (1.0 + rank),
            "payback_months": np.nan,
            "p_payback": np.nan,
            "p_best": np.where(rank == 0, 1.0 - 0.1 * (len(rank) - 1), 0.1),
            "warnings": "",
        }
    )


def _quantities(
    existing: np.ndarray,
    active: np.ndarray,
    *,
    economics: Economics,
    newcomers: bool,
    size: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    nothing = np.full_like(existing, np.nan)
    arrivals = rng.poisson(40 * size, existing.shape).astype(float) if newcomers else nothing
    new = 0.3 * existing.mean(axis=0) * arrivals / (40 * size)
    revenue = existing + np.nan_to_num(new)
    kept = economics.margin - economics.commission
    return {
        "existing_revenue": existing,
        "new_customers": arrivals,
        "new_revenue": new,
        "future_revenue": revenue,
        "ltv": 0.95 * kept * revenue,
        "commission": economics.commission * revenue,
        "active_customers": active + np.nan_to_num(arrivals),
    }


def _columns(
    quantities: dict[str, np.ndarray], to_date: np.ndarray, cac: np.ndarray
) -> dict[str, np.ndarray]:
    columns: dict[str, np.ndarray] = {}
    for quantity, values in {
        **quantities,
        "lifetime_revenue": quantities["future_revenue"] + to_date,
        "expected_active_customers": quantities["active_customers"],
    }.items():
        if quantity != "active_customers":
            columns.update(_intervals(quantity, values))
    return {**columns, **_against_cac(quantities["ltv"], quantities["future_revenue"], cac)}


def _against_cac(ltv: np.ndarray, revenue: np.ndarray, cac: np.ndarray) -> dict[str, np.ndarray]:
    known = np.isfinite(cac)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _intervals("ltv_to_cac", ltv / cac)
        months = np.ceil(12 * cac / ltv)
        share = np.where(revenue > 0, (ltv - np.nan_to_num(cac)) / revenue, 1.0)
    months = np.where((months >= 0) & (months <= 12), months, math.inf)
    low = {
        f"payback_months_{end}_{level}": np.quantile(months, p, axis=0, method="inverted_cdf")
        for level in LEVELS
        for end, p in (("lo", (100 - level) / 200), ("hi", (100 + level) / 200))
    }
    back = {"payback_months": np.quantile(months, 0.5, axis=0, method="inverted_cdf"), **low}
    return {
        "cac": cac,
        "ltv_to_cac_median": np.median(ltv / np.where(cac > 0, cac, np.nan), axis=0),
        **{name: np.where(np.isfinite(values), values, np.nan) for name, values in ratio.items()},
        "p_ltv_exceeds_cac": np.where(known, (ltv > cac).mean(axis=0), np.nan),
        **{name: np.where(known, values, np.nan) for name, values in back.items()},
        "p_payback": np.where(known, np.isfinite(months).mean(axis=0), np.nan),
        "max_affordable_cac": np.maximum(np.quantile(ltv, 0.1, axis=0), 0),
        "max_affordable_commission": np.clip(np.quantile(share, 0.1, axis=0), 0, 1),
    }


def _intervals(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    columns = {name: values.mean(axis=0)}
    for level in LEVELS:
        low, high = np.quantile(values, ((100 - level) / 200, (100 + level) / 200), axis=0)
        columns[f"{name}_lo_{level}"] = low
        columns[f"{name}_hi_{level}"] = high
    return columns


def _segments(
    table: pd.DataFrame, quantities: dict[str, np.ndarray], names: tuple[str, ...]
) -> pd.DataFrame:
    rows = []
    for segment, of_segment in table.groupby("segment", sort=True):
        inside = [names.index(name) for name in of_segment["partner_id"]]
        sums = {name: values[:, inside].sum(axis=1) for name, values in quantities.items()}
        sums["ltv_per_partner"] = sums["ltv"] / len(inside)
        row: dict[str, object] = {
            "segment": segment,
            "partners": len(inside),
            "customers": int(of_segment["customers"].sum()),
            "revenue_to_date": float(of_segment["revenue_to_date"].sum()),
        }
        for name, values in sums.items():
            if name != "active_customers":
                row |= {n: float(v[0]) for n, v in _intervals(name, values[:, None]).items()}
        known = of_segment["p_decline"].notna().any()
        row |= {"p_decline": 0.25 if known else math.nan, "share": of_segment["share"].sum()}
        rows.append(row)
    found = pd.DataFrame(rows)
    return found.sort_values("ltv", ascending=False, ignore_index=True)


def _history(
    size: pd.Series[float],
    *,
    rng: np.random.Generator,
    as_of: dt.date,
    history_days: int,
    scale: float,
) -> pd.DataFrame:
    last = (as_of - EPOCH).days
    rows = []
    for name, weight in size.items():
        count = max(1, rng.poisson(min(history_days, 200 * weight)))
        days = np.unique(rng.integers(last - history_days + 1, last + 1, count))
        money = np.round(scale * rng.gamma(2, 0.5, len(days)), 2)
        rows.append(pd.DataFrame({"partner_id": name, "day": days, "revenue": money}))
    rows[0].loc[0, "day"] = last - history_days + 1
    table = pd.concat(rows, ignore_index=True)
    return table.assign(purchases=1).astype({"day": np.int64, "purchases": np.int64})


def _periods(
    names: tuple[str, ...], quantities: dict[str, np.ndarray], horizon: Horizon, as_of: dt.date
) -> pd.DataFrame:
    count = round(horizon.days / 30.4375) if horizon.days >= 62 else round(horizon.days / 7)
    edges = [as_of + dt.timedelta(days=1)]
    for number in range(1, count + 1):
        if horizon.days >= 62:
            month = edges[0].month - 1 + number
            edges.append(dt.date(edges[0].year + month // 12, month % 12 + 1, 1))
        else:
            edges.append(edges[0] + dt.timedelta(days=7 * number))
    spans = list(itertools.pairwise(edges))
    table = pd.DataFrame({"partner_id": ["__programme__", *names]})
    for quantity, values in quantities.items():
        if quantity not in ("ltv", "active_customers"):
            everyone = np.column_stack([values.sum(axis=1), values]) / count
            table = pd.concat([table, pd.DataFrame(_intervals(quantity, everyone))], axis=1)
    table = table.loc[np.repeat(table.index, count)].reset_index(drop=True)
    table["period_start"] = [start.isoformat() for start, _ in spans] * (len(names) + 1)
    table["period_end"] = [(after - dt.timedelta(days=1)).isoformat() for _, after in spans] * (
        len(names) + 1
    )
    return table


def _programme(
    table: pd.DataFrame,
    quantities: dict[str, np.ndarray],
    cac: np.ndarray,
    names: tuple[str, ...],
    customers: int,
) -> dict[str, object]:
    sums = {name: values.sum(axis=1, keepdims=True) for name, values in quantities.items()}
    to_date = float(table["revenue_to_date"].sum())
    known = np.isfinite(cac)
    priced = np.array([cac[known].sum() if known.any() else math.nan])
    columns = {
        **_columns(sums, np.array([to_date]), priced),
        **_against_cac(
            quantities["ltv"][:, known].sum(axis=1, keepdims=True), sums["future_revenue"], priced
        ),
    }
    top = max(1, round(0.2 * len(table)))
    best = [names.index(name) for name in table["partner_id"].head(top)]
    worth = np.maximum(quantities["ltv"], 0.0)
    total = worth.sum(axis=1)
    share = np.divide(worth[:, best].sum(axis=1), total, out=np.zeros(DRAWS), where=total > 0)
    columns |= _intervals("top_20_percent_share", share[:, None])
    return {
        "customers": customers,
        "partners": len(table),
        "revenue_to_date": to_date,
        **{
            name: float(value[0]) if np.isfinite(value[0]) else None
            for name, value in columns.items()
        },
        "partners_with_cac": float(known.sum()),
        "top_20_percent_partners": top,
        "top_20_percent_share": float(table["cumulative_share"].iloc[top - 1]),
    }


def _provenance(history: pd.DataFrame, as_of: dt.date, currency: str | None) -> dict[str, object]:
    micros = round(1e6 * float(history["revenue"].sum()))
    rows = int(history["purchases"].sum())
    return {
        "as_of": as_of.isoformat(),
        "data_source": "orders.csv",
        "first_day": "2023-01-02",
        "time_unit": "day",
        "fit": {"method": "laplace", "draws": 1000, "seed": 3},
        "purchase": _fit("bg-nbd", {"r": 0.2426, "alpha": 4.4136, "a": 0.7929, "b": 2.4259}),
        "spend": _fit("gamma-gamma", {"p": 6.25, "q": 3.74, "v": 15.44}),
        "account": {
            "source": "orders.csv",
            "rows_read": rows + 12,
            "columns": {"partner_id": "reseller", "customer_id": "client"},
            "currency": currency,
            "timezone": "UTC",
            "notes": ["a note on the reading"],
            "lines": [
                {
                    "disposition": "kept", "reason": "kept", "explanation": "kept as read",
                    "rows": rows, "money_in_micros": micros, "money_out_micros": micros,
                    "first_rows": [2, 3], "examples": ["", ""],
                },
                {
                    "disposition": "rejected", "reason": "duplicate",
                    "explanation": "the same row again; dropped", "rows": 12,
                    "money_in_micros": 123_450_000, "money_out_micros": 0,
                    "first_rows": [17, 40], "examples": ["<b>order 9</b>", "order 11"],
                },
            ],
        },
        "allocation": {"rule": "share", "how": "by recency-weighted share of past purchases"},
        "warnings": ["few repeat customers: a warning about the data"],
        "fingerprint": "0123456789abcdef" * 4,
        "package_version": "0.1.0",
        "self_check": {
            "revenue": {"simulated": 208e3, "closed_form": 207.5e3, "z": 0.31, "checked": True}
        },
    }  # fmt: skip


def _fit(model: str, means: dict[str, float]) -> dict[str, object]:
    return {
        "model": model,
        "parameters": {name: {"mean": mean, "sd": mean / 20} for name, mean in means.items()},
        "diagnostics": {"trusted": True, "verdict": "the fit is to be trusted", "flags": []},
    }
