"""A forecast made by hand, with every column a report needs and no model behind it."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.types import Economics, ForecastSpec, Horizon, PartnerForecast

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
) -> PartnerForecast:
    rng = np.random.default_rng(seed)
    names = names or tuple(f"Partner {number:04d}" for number in range(1, partners + 1))
    horizon = horizon or Horizon(text="12mo", days=365.25)
    economics = economics or Economics()
    size = 1.0 / np.arange(1, len(names) + 1) ** 1.1
    common = rng.normal(1.0, 0.05, (DRAWS, 1))
    revenue = (
        revenue_scale
        * 60
        * size
        * common
        * rng.gamma(20 * size + 0.3, 1 / (20 * size + 0.3), (DRAWS, len(names)))
    )
    kept = economics.margin - economics.commission
    draws = {
        "existing_revenue": revenue,
        "ltv": 0.95 * kept * revenue,
        "commission": economics.commission * revenue,
        "active_customers": rng.binomial(
            (customers * size / size.sum()).astype(int), 0.6, (DRAWS, len(names))
        ).astype(float),
    }
    history = _history(
        pd.Series(size, index=list(names)),
        rng=rng,
        as_of=as_of,
        history_days=history_days,
        scale=revenue_scale,
    )
    to_date = history.groupby("partner_id")["revenue"].sum().reindex(names, fill_value=0.0)
    table = pd.DataFrame({"partner_id": list(names)})
    table["customers"] = np.maximum(1, (customers * size / size.sum()).round()).astype(int)
    table["revenue_to_date"] = to_date.to_numpy()
    for quantity, values in {
        **draws,
        "future_revenue": revenue,
        "lifetime_revenue": revenue + to_date.to_numpy(),
        "expected_active_customers": draws["active_customers"],
    }.items():
        table = pd.concat([table, pd.DataFrame(_intervals(quantity, values))], axis=1)
    table["p_churn"] = np.clip(0.9 * (1 - size), 0, 1)
    table["p_decline"] = rng.uniform(0, 1, len(names)) if decline_known else np.nan
    table["warnings"] = ""
    table = table.sort_values(["ltv", "partner_id"], ascending=[False, True], ignore_index=True)
    total = table["ltv"].sum()
    table["share"] = table["ltv"] / total if total else 0.0
    table["cumulative_share"] = table["share"].cumsum()
    before = table["cumulative_share"] - table["share"]
    table["tail"] = np.where(before < 0.8, "head", "long_tail")
    return PartnerForecast(
        partners=table,
        customers=pd.DataFrame({"customer_id": [f"c{i}" for i in range(customers)]}),
        periods=_periods(names, revenue, horizon, as_of),
        programme=_programme(draws, revenue, float(to_date.sum()), customers),
        draws=xr.Dataset(
            {name: (("draw", "partner"), values) for name, values in draws.items()},
            coords={"draw": np.arange(DRAWS), "partner": list(names)},
        ),
        history=history,
        spec=ForecastSpec(
            horizon=horizon, draws=DRAWS, levels=LEVELS, economics=economics, seed=seed
        ),
        provenance=_provenance(history, as_of, currency),
    )


def _intervals(name: str, values: np.ndarray) -> dict[str, np.ndarray]:
    columns = {name: values.mean(axis=0)}
    for level in LEVELS:
        low, high = np.quantile(values, ((100 - level) / 200, (100 + level) / 200), axis=0)
        columns[f"{name}_lo_{level}"] = low
        columns[f"{name}_hi_{level}"] = high
    return columns


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
    names: tuple[str, ...], revenue: np.ndarray, horizon: Horizon, as_of: dt.date
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
    everyone = np.column_stack([revenue.sum(axis=1), revenue]) / count
    table = pd.DataFrame({"partner_id": ["__programme__", *names]})
    for quantity in ("existing_revenue", "future_revenue"):
        table = pd.concat([table, pd.DataFrame(_intervals(quantity, everyone))], axis=1)
    table = table.loc[np.repeat(table.index, count)].reset_index(drop=True)
    table["period_start"] = [start.isoformat() for start, _ in spans] * (len(names) + 1)
    table["period_end"] = [(after - dt.timedelta(days=1)).isoformat() for _, after in spans] * (
        len(names) + 1
    )
    return table


def _programme(
    draws: dict[str, np.ndarray], revenue: np.ndarray, to_date: float, customers: int
) -> dict[str, object]:
    whole: dict[str, object] = {"customers": customers, "revenue_to_date": to_date}
    for quantity, values in {
        **draws,
        "future_revenue": revenue,
        "expected_active_customers": draws["active_customers"],
    }.items():
        sums = _intervals(quantity, values.sum(axis=1, keepdims=True))
        whole.update({name: float(value[0]) for name, value in sums.items()})
    return whole


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
